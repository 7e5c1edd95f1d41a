"""Times whole `ansible-playbook` runs, in random order, and tells ratios: absolute seconds are this machine's."""

from __future__ import annotations

import json
import os
import random
import re
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import servers

TASKS = 6
# A loop is long enough by itself.
LOOPS = ("webui_users by uri", "ollama_models by uri")
ROUNDS = 3


def token_header() -> dict[str, str]:
    """Return the header by which the plays' own requests sign."""
    return {"Authorization": "Bearer {{ token }}"}


def tasks() -> dict[str, dict[str, Any]]:
    """Return each measured task by name."""
    webui = {"url": "{{ webui_url }}", "token": "{{ token }}"}
    account = "{{ webui_url }}/api/v1/users/?query={{ item }}"
    show: dict[str, Any] = {"url": "{{ ollama_url }}/api/show", "method": "POST"}
    show |= {"body_format": "json", "body": {"model": "{{ item }}"}}
    return {
        "empty": {"empty": {}},
        "webui_user": {"selfhosted.llm.webui_user": {**webui, "email": servers.emails()[0], "role": "user"}},
        "webui_user by uri": {"ansible.builtin.uri": {"url": account, "headers": token_header()},
                              "loop": servers.emails()[:1]},
        "webui_users": {"selfhosted.llm.webui_users": {
            **webui, "users": [{"email": email, "role": "user"} for email in servers.emails()]}},
        "webui_users by uri": {"ansible.builtin.uri": {"url": account, "headers": token_header()},
                               "loop": servers.emails()},
        "ollama_model": {"selfhosted.llm.ollama_model": {"url": "{{ ollama_url }}", "name": servers.models()[0]}},
        "ollama_model by uri": {"ansible.builtin.uri": show, "loop": servers.models()[:1]},
        "ollama_models": {"selfhosted.llm.ollama_models": {
            "url": "{{ ollama_url }}", "models": [{"name": name} for name in servers.models()]}},
        "ollama_models by uri": {"ansible.builtin.uri": show, "loop": servers.models()},
    }  # fmt: skip


def play(arguments: list[str]) -> tuple[float, str]:
    """Run ansible-playbook; return its seconds and its output."""
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(servers.ROOT / ".cache" / "collections"),
        "ANSIBLE_LIBRARY": str(servers.ROOT / "tests" / "bench" / "library"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    }
    begun = time.monotonic()
    done = subprocess.run(
        [str(servers.ROOT / ".cache" / "venv" / "bin" / "ansible-playbook"), *arguments],
        env=environment, cwd=servers.ROOT, check=False, capture_output=True, text=True,
    )  # fmt: skip
    seconds = time.monotonic() - begun
    if done.returncode != 0:
        raise SystemExit(f"ansible-playbook {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
    return seconds, done.stdout


def unchanged(output: str) -> None:
    """Stop where a run that is measured as a no-op changed something."""
    if not re.search(r"changed=0 .*failed=0", output):
        raise SystemExit(f"A run that should change nothing did:\n{output}")


def modules(variables: dict[str, Any]) -> dict[str, float]:
    """Return the seconds of each task: a play of several of it less a play of none, by their number."""
    playbooks = {"none": write("none", [])}
    playbooks |= {name: write(name, [task] * times(name)) for name, task in tasks().items()}
    extra = servers.FOLDER / "variables.json"
    extra.touch(mode=0o600)
    extra.write_text(json.dumps({**variables, "ansible_python_interpreter": "{{ ansible_playbook_python }}"}))
    taken: dict[str, list[float]] = {name: [] for name in playbooks}
    for number in range(ROUNDS):
        for name in random.sample(sorted(playbooks), len(playbooks)):
            seconds, output = play(["-e", f"@{extra}", str(playbooks[name])])
            if name != "none":
                unchanged(output)
            taken[name].append(seconds)
        print(f"  round {number + 1} of {ROUNDS}", flush=True)
    extra.unlink()
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    return {name: (medians[name] - medians["none"]) / times(name) for name in tasks()}


def times(name: str) -> int:
    """Return how often a play has the task."""
    return 1 if name in LOOPS else TASKS


def write(name: str, content: list[dict[str, Any]]) -> Path:
    """Write a play of these tasks; return its path."""
    path = servers.FOLDER / f"{name.replace(' ', '-')}.json"
    path.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": content}]))
    return path


def site() -> dict[str, float]:
    """Return the seconds of site.yml on a bare host, and of its runs once the host is converged."""
    inventory = servers.FOLDER / "inventory.json"
    inventory.write_text(json.dumps(servers.host()))
    arguments = ["-i", str(inventory), "selfhosted.llm.site"]
    nothing = servers.FOLDER / "nothing.json"
    nothing.write_text(json.dumps([{"hosts": "all", "gather_facts": True, "tasks": []}]))
    first, _ = play(arguments)
    again, check, empty = [], [], []
    # Open WebUI takes 15 sign-ins in 3 minutes, and a run makes two: hence one check run only.
    for taken, more in ((again, []), (check, ["--check"]), (again, []), (again, [])):
        seconds, output = play([*arguments, *more])
        unchanged(output)
        taken.append(seconds)
        empty.append(play(["-i", str(inventory), str(nothing)])[0])
    names = ("first run", "second run", "check run", "facts alone")
    figures = (first, *(statistics.median(taken) for taken in (again, check, empty)))
    return dict(zip(names, figures, strict=True))


def rows(task: dict[str, float], whole: dict[str, float]) -> list[dict[str, Any]]:
    """Return what was measured, each beside what it is compared with."""
    pairs = [
        ("webui_user, nothing to do", task["webui_user"], "an empty module", task["empty"]),
        ("webui_user, nothing to do", task["webui_user"], "uri, one account", task["webui_user by uri"]),
        (f"webui_users, {servers.ACCOUNTS} accounts", task["webui_users"], "an empty module", task["empty"]),
        (f"webui_users, {servers.ACCOUNTS} accounts", task["webui_users"], "a uri loop", task["webui_users by uri"]),
        ("ollama_model, nothing to do", task["ollama_model"], "an empty module", task["empty"]),
        ("ollama_model, nothing to do", task["ollama_model"], "uri, one model", task["ollama_model by uri"]),
        (f"ollama_models, {servers.MODELS} models", task["ollama_models"], "an empty module", task["empty"]),
        (f"ollama_models, {servers.MODELS} models", task["ollama_models"], "a uri loop", task["ollama_models by uri"]),
        ("site.yml, second run", whole["second run"], "gathering facts alone", whole["facts alone"]),
        ("site.yml, check run", whole["check run"], "gathering facts alone", whole["facts alone"]),
        ("site.yml, second run", whole["second run"], "its first run, images at hand", whole["first run"]),
    ]
    return [
        {"what": what, "seconds": round(ours, 3), "against": other, "its_seconds": round(theirs, 3),
         "ratio": round(ours / theirs, 2)}
        for what, ours, other, theirs in pairs
    ]  # fmt: skip


def table(measured: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown."""
    lines = ["| what | seconds | against | seconds | ratio |", "| --- | ---: | --- | ---: | ---: |"]
    lines += [
        f"| {row['what']} | {row['seconds']:.2f} | {row['against']} | {row['its_seconds']:.2f} | {row['ratio']:.2f} |"
        for row in measured
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print and write."""
    servers.FOLDER.mkdir(parents=True, exist_ok=True)
    servers.bed("images", "ollama", "open-webui", "host")
    try:
        print("The modules, against servers on loopback", flush=True)
        task = modules(servers.fill())
        servers.bed("down")
        print("site.yml, on a host with systemd", flush=True)
        whole = site()
    finally:
        servers.bed("down")
        servers.bed("host-down", "lab")
    measured = rows(task, whole)
    (servers.FOLDER / "bench.json").write_text(json.dumps(measured, indent=2) + "\n")
    (servers.FOLDER / "bench.md").write_text(table(measured))
    print(table(measured))
    print("Written to .cache/bench/bench.json and bench.md.")


if __name__ == "__main__":
    main()
