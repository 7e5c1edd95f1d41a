"""Times whole `ansible-playbook` runs, in random order, and tells ratios: absolute seconds are this machine's."""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import accounts
import pulls
import servers

TASKS = 5
ROUNDS = 3
ONCE_ROUNDS = 9
PULL_ROUNDS = 5
EMPTY: dict[str, Any] = {"empty": {}}
# A loop is long enough by itself, and timed once. Long ones have fewer turns than they stand for.
TURNS = 10
LOOPS = {
    "webui_users by uri": accounts.COUNT / TURNS,
    "webui_users new by uri": accounts.NEW / TURNS,
    "ollama_models by uri": servers.MODELS / TURNS,
    "ollama_models by ollama_model": servers.MODELS / TURNS,
    "ollama_models by command": servers.MODELS / TURNS,
}
GROUPS = ("webui", "ollama", "pulls", "site")
SIXTY = f"ollama_models, {servers.MODELS} models"
LATEST = f"ollama_models, {servers.MODELS} models, latest"
PULLED = f"ollama_models, {pulls.MODELS} pulls of {pulls.BYTES // 1_000_000} MB"
ACCOUNTS = f"webui_users, {accounts.COUNT} accounts"
LINES = f"webui_users, {accounts.COUNT} lines of CSV, with groups"
NEW = f"webui_users, {accounts.NEW} new accounts"
SCHOOL = 300
INSTANCE = f"webui_instance, {SCHOOL} accounts and {len(accounts.GROUPS)} groups"
# What is told of a measurement, and what it is compared with.
ROWS = (
    ("webui_user, nothing to do", "webui_user", "an empty module", "empty"),
    ("webui_user, nothing to do", "webui_user", "uri, one account", "webui_user by uri"),
    (ACCOUNTS, "webui_users", "an empty module", "empty"),
    (ACCOUNTS, "webui_users", f"a uri loop ({TURNS} timed)", "webui_users by uri"),
    (LINES, "webui_users csv", "an empty module", "empty"),
    (LINES, "webui_users csv", f"a uri loop ({TURNS} timed)", "webui_users by uri"),
    (INSTANCE, "webui_instance", "an empty module", "empty"),
    (ACCOUNTS + ", once in a play", "webui_users once", "an empty module, once in a play", "empty once"),
    (LINES + ", once in a play", "webui_users csv once", "an empty module, once in a play", "empty once"),
    (NEW, "new by module", f"{accounts.BY_HAND} requests at once, by hand", "new by hand"),
    (NEW, "new by module", f"a uri loop ({TURNS} timed)", "webui_users new by uri"),
    ("ollama_model, nothing to do", "ollama_model", "an empty module", "empty"),
    ("ollama_model, nothing to do", "ollama_model", "uri, one model", "ollama_model by uri"),
    (SIXTY, "ollama_models", "an empty module", "empty"),
    (SIXTY, "ollama_models", f"a uri loop ({TURNS} timed)", "ollama_models by uri"),
    (SIXTY, "ollama_models", f"a loop of ollama_model ({TURNS} timed)", "ollama_models by ollama_model"),
    (SIXTY, "ollama_models", f"a loop of `ollama pull` ({TURNS} timed)", "ollama_models by command"),
    (LATEST, "ollama_models latest", "an empty module", "empty"),
    (PULLED, "pulls by module", "a curl for each, at once", "pulls by hand"),
    (PULLED + ", as a task", "pulls by task", "a curl for each, at once", "pulls by hand"),
    ("site.yml, second run", "second run", "gathering facts alone", "facts alone"),
    ("site.yml, check run", "check run", "gathering facts alone", "facts alone"),
    ("site.yml, second run", "second run", "its first run, images at hand", "first run"),
)


def token_header() -> dict[str, str]:
    """Return the header by which the plays' own requests sign."""
    return {"Authorization": "Bearer {{ token }}"}


def webui_tasks() -> dict[str, dict[str, Any]]:
    """Return each measured task with Open WebUI by name."""
    webui = {"url": "{{ webui_url }}", "token": "{{ token }}"}
    emails = [one["email"] for one in accounts.people()[:TURNS]]
    groups = [{"name": name} for name in accounts.GROUPS]
    school = {**webui, "users": f"{{{{ people[:{SCHOOL}] }}}}", "groups": groups}
    uri = {"url": "{{ webui_url }}/api/v1/users/?query={{ item }}", "headers": token_header()}
    add = {**uri, "url": "{{ webui_url }}/api/v1/auths/add", "method": "POST", "body_format": "json",
           "body": "{{ item }}"}  # fmt: skip
    return {
        "webui_user": {"selfhosted.llm.webui_user": {**webui, "email": emails[0], "role": "user"}},
        "webui_user by uri": {"ansible.builtin.uri": uri, "loop": emails[:1]},
        "webui_users": {"selfhosted.llm.webui_users": {**webui, "users": "{{ people }}"}},
        "webui_instance": {"selfhosted.llm.webui_instance": school},
        "webui_users csv": {"selfhosted.llm.webui_users": {**webui, "csv": str(servers.FOLDER / "people.csv")}},
        "webui_users by uri": {"ansible.builtin.uri": uri, "loop": emails},
        "webui_users new by uri": {"ansible.builtin.uri": add,
                                   "loop": [accounts.new(number) for number in range(TURNS)]},
    }  # fmt: skip


def ollama_tasks(names: list[str]) -> dict[str, dict[str, Any]]:
    """Return each measured task with Ollama by name; ``names`` are models that it and the registry have."""
    show: dict[str, Any] = {"url": "{{ ollama_url }}/api/show", "method": "POST"}
    show |= {"body_format": "json", "body": {"model": "{{ item }}"}}
    many = {"url": "{{ ollama_url }}"}
    one = {**many, "insecure": True}
    # What people write today, with the CLI that the server's image has.
    command = f"docker exec {servers.NAME}-ollama ollama pull --insecure {{{{ item }}}}"
    return {
        "ollama_model": {"selfhosted.llm.ollama_model": {**one, "name": names[0]}},
        "ollama_model by uri": {"ansible.builtin.uri": show, "loop": names[:1]},
        "ollama_models": {"selfhosted.llm.ollama_models": {**many, "models": [{"name": name} for name in names]}},
        "ollama_models latest": {"selfhosted.llm.ollama_models": {
            **many, "models": [{"name": name, "insecure": True, "state": "latest"} for name in names]}},
        "ollama_models by uri": {"ansible.builtin.uri": show, "loop": names[:TURNS]},
        "ollama_models by ollama_model": {"selfhosted.llm.ollama_model": {**one, "name": "{{ item }}"},
                                          "loop": names[:TURNS]},
        "ollama_models by command": {"ansible.builtin.command": command, "changed_when": False,
                                     "loop": names[:TURNS]},
    }  # fmt: skip


def play(arguments: list[str]) -> tuple[float, str]:
    """Run ansible-playbook; return its seconds and its output."""
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(servers.ROOT / ".cache" / "collections"),
        "ANSIBLE_LIBRARY": str(servers.ROOT / "tests" / "bench" / "library"),
        # As Ansible is by itself, whatever this project's ansible.cfg says.
        "ANSIBLE_PIPELINING": "false",
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


def modules(tasks: dict[str, dict[str, Any]], variables: dict[str, Any]) -> dict[str, float]:
    """Return the seconds of each task: a play of several of it less a play of none, by their number."""
    tasks = {"empty": EMPTY, **tasks}
    playbooks = {name: write(name, [task] * times(name)) for name, task in tasks.items()}
    middle = medians(playbooks, variables, ROUNDS)
    return {name: middle[name] / times(name) * LOOPS.get(name, 1.0) for name in tasks}


def once(tasks: dict[str, dict[str, Any]], variables: dict[str, Any]) -> dict[str, float]:
    """Return the seconds of each task in a play that has it once, as plays do.

    Ansible packs a module for the first task that has it, and sends the same to the next.
    """
    named = {f"{name} once": task for name, task in {"empty": EMPTY, **tasks}.items()}
    return medians({name: write(name, [task]) for name, task in named.items()}, variables, ONCE_ROUNDS)


def medians(playbooks: dict[str, Path], variables: dict[str, Any], rounds: int) -> dict[str, float]:
    """Return the seconds of each play less those of a play of no task; loops are timed in the first round only."""
    playbooks = {"none": write("none", []), **playbooks}
    arguments = ["-e", f"@{extra(variables)}"]
    taken: dict[str, list[float]] = {name: [] for name in playbooks}
    for number in range(rounds):
        timed = sorted(name for name in playbooks if number == 0 or name not in LOOPS)
        for name in random.sample(timed, len(timed)):
            seconds, output = play([*arguments, str(playbooks[name])])
            if name != "none":
                unchanged(output)
            taken[name].append(seconds)
        print(f"  round {number + 1} of {rounds}", flush=True)
    middle = {name: statistics.median(seconds) for name, seconds in taken.items()}
    return {name: seconds - middle["none"] for name, seconds in middle.items() if name != "none"}


def times(name: str) -> int:
    """Return how often a play has the task."""
    return 1 if name in LOOPS else TASKS


def write(name: str, content: list[dict[str, Any]]) -> Path:
    """Write a play of these tasks; return its path."""
    path = servers.FOLDER / f"{name.replace(' ', '-')}.json"
    path.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": content}]))
    return path


def extra(variables: dict[str, Any]) -> Path:
    """Write the variables of all plays, which only their owner may read; return their path."""
    path = servers.FOLDER / "variables.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps({**variables, "ansible_python_interpreter": "{{ ansible_playbook_python }}"}))
    return path


def transfers(told: dict[str, Any]) -> dict[str, float]:
    """Return the least seconds of several pulls at once, by each way."""
    url = told["ollama_url"]
    registry = pulls.Registry(told)
    try:
        names = [registry.publish(number) for number in range(pulls.MODELS)]
        task = {"selfhosted.llm.ollama_models": pulls.arguments(url, names)}
        arguments = ["-e", f"@{extra({})}", str(write("pulls", [task]))]
        ways = {
            "pulls by hand": lambda: pulls.by_hand(url, names),
            "pulls by module": lambda: pulls.by_module(url, names),
            "pulls by task": lambda: play(arguments),
        }
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(PULL_ROUNDS):
            for name in random.sample(sorted(ways), len(ways)):
                pulls.forget(url, names)
                taken[name].append(pulls.spent(told["containers"]["ollama"], ways[name]))
            print(f"  round {number + 1} of {PULL_ROUNDS}", flush=True)
    finally:
        registry.remove()
    # 0.9.3 looks once a second whether a file is there, so that two runs alike differ by a second or by none.
    return {name: min(seconds) for name, seconds in taken.items()}


def site() -> dict[str, float]:
    """Return the seconds of site.yml on a bare host, and of its runs once the host is converged."""
    inventory = servers.FOLDER / "inventory.json"
    inventory.write_text(json.dumps(servers.host()))
    arguments = ["-i", str(inventory), "selfhosted.llm.site"]
    nothing = servers.FOLDER / "nothing.json"
    nothing.write_text(json.dumps([{"hosts": "all", "gather_facts": True, "tasks": []}]))
    first, _ = play(arguments)
    again: list[float] = []
    check: list[float] = []
    empty: list[float] = []
    # Open WebUI takes 15 sign-ins in 3 minutes, and a run makes two: hence one check run only.
    for taken, more in ((again, []), (check, ["--check"]), (again, []), (again, [])):
        seconds, output = play([*arguments, *more])
        unchanged(output)
        taken.append(seconds)
        empty.append(play(["-i", str(inventory), str(nothing)])[0])
    names = ("first run", "second run", "check run", "facts alone")
    figures = (first, *(statistics.median(taken) for taken in (again, check, empty)))
    return dict(zip(names, figures, strict=True))


def rows(measured: dict[str, float]) -> list[dict[str, Any]]:
    """Return what was measured, each beside what it is compared with."""
    return [
        {"what": what, "seconds": round(measured[ours], 3), "against": other,
         "its_seconds": round(measured[theirs], 3), "ratio": round(measured[ours] / measured[theirs], 2)}
        for what, ours, other, theirs in ROWS
        if ours in measured and theirs in measured
    ]  # fmt: skip


def table(measured: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown."""
    lines = ["| what | seconds | against | seconds | ratio |", "| --- | ---: | --- | ---: | ---: |"]
    lines += [
        f"| {row['what']} | {row['seconds']:.2f} | {row['against']} | {row['its_seconds']:.2f} | {row['ratio']:.2f} |"
        for row in measured
    ]
    return "\n".join(lines) + "\n"


def measure(groups: list[str]) -> dict[str, float]:
    """Return the seconds of all that these groups measure."""
    measured: dict[str, float] = {}
    if {"webui", "ollama", "pulls"} & set(groups):
        told = servers.up(groups)
        tasks: dict[str, dict[str, Any]] = {}
        variables: dict[str, Any] = {"ollama_url": told["ollama_url"], "webui_url": told["webui_url"], "token": ""}
        if "webui" in groups:
            variables |= {"token": accounts.fill(told), "people": accounts.people()}
            tasks |= webui_tasks()
        if "ollama" in groups:
            tasks |= ollama_tasks(servers.fill_ollama(told))
        if tasks:
            print("The modules, against servers on loopback", flush=True)
            measured |= modules(tasks, variables)
        if "webui" in groups:
            print("Once in a play", flush=True)
            measured |= once({name: tasks[name] for name in ("webui_users", "webui_users csv")}, variables)
            print("New accounts, whose passwords the server hashes", flush=True)
            measured |= accounts.created(told, variables["token"])
        if "pulls" in groups:
            print("Pulls, from a registry on this machine", flush=True)
            measured |= transfers(told)
        servers.bed("down")
    if "site" in groups:
        print("site.yml, on a host with systemd", flush=True)
        measured |= site()
    return measured


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description="Measures, and writes .cache/bench/bench.json and bench.md.")
    parser.add_argument("--only", default=",".join(GROUPS), help=f"some of {','.join(GROUPS)}")
    groups = parser.parse_args().only.split(",")
    if not set(groups) <= set(GROUPS):
        parser.error(f"--only takes some of {','.join(GROUPS)}")
    servers.FOLDER.mkdir(parents=True, exist_ok=True)
    servers.bed("images", "ollama", "registry", "open-webui", "host")
    try:
        measured = rows(measure(groups))
    finally:
        (servers.FOLDER / "variables.json").unlink(missing_ok=True)
        servers.bed("down")
        servers.bed("host-down", "lab")
    (servers.FOLDER / "bench.json").write_text(json.dumps(measured, indent=2) + "\n")
    (servers.FOLDER / "bench.md").write_text(table(measured))
    print(table(measured))
    print("Written to .cache/bench/bench.json and bench.md.")


if __name__ == "__main__":
    main()
