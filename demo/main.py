"""`demo up`: a running service on this machine and one answer from it. `demo down`: none of it."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import chat
import images
import state as memory

CONTAINERS = ("ollama", "open-webui")
VOLUMES = CONTAINERS
NETWORK = "llm"
PORTS = {11434: "ollama", 3001: "open-webui"}
LABEL = "org.selfhosted.llm.role"
KEY_DIRECTORY = Path("/etc/open-webui")
AGAIN = "then run `make demo` again"
QUESTION = "What is the capital of France?"


class DemoError(Exception):
    """One sentence for the person."""


def say(words: str) -> None:
    print(f"demo: {words}", flush=True)


def docker(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=False)


def there(kind: str, name: str) -> bool:
    return docker(kind, "inspect", name).returncode == 0


def ours(name: str) -> bool:
    """Whether a container of that name was made by the roles."""
    return docker("inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', name).stdout.strip() == name


def play(name: str) -> None:
    environment = os.environ | {"ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false", "PYTHONDONTWRITEBYTECODE": "1"}
    if sys.stdout.isatty():
        environment["ANSIBLE_FORCE_COLOR"] = "1"
    command = [str(images.ROOT / ".cache/venv/bin/ansible-playbook"), "-i", "demo/inventory.yml", name]
    if subprocess.run(command, cwd=images.ROOT, env=environment, check=False).returncode != 0:
        raise DemoError(f"{name} stopped at the task above; when its cause is removed, `make demo` goes on from there.")


def check_machine() -> None:
    if os.geteuid() != 0:
        raise DemoError("root is needed to install Docker and to run it: run `sudo make demo`.")
    if not shutil.which("docker") and not shutil.which("apt-get"):
        raise DemoError(f"there is no Docker, and this machine is no Debian or Ubuntu: install Docker Engine, {AGAIN}.")


def check_foreign() -> None:
    """Before the first run: a service that somebody else made must not be taken for the demo's."""
    for name in CONTAINERS:
        if there("container", name):
            raise DemoError(f"there is a container {name} that this demo did not make: remove or rename it, {AGAIN}.")
    for name in VOLUMES:
        if there("volume", name):
            raise DemoError(
                f"there is a volume {name} that this demo did not make, and it may hold data: "
                f"`docker volume rm {name}` removes it, {AGAIN}."
            )
    if there("network", NETWORK):
        raise DemoError(f"there is a network {NETWORK} that this demo did not make: remove it, {AGAIN}.")
    if KEY_DIRECTORY.exists():
        raise DemoError(f"{KEY_DIRECTORY} is of an Open WebUI that this demo did not make: move it away, {AGAIN}.")


def holder(port: int) -> str:
    if not shutil.which("ss"):
        return "something"
    command = ["ss", "-Hltnp", f"sport = :{port}"]
    words = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    # ... users:(("nginx",pid=812,fd=6))
    return words.partition('users:(("')[2].partition('"')[0] or "something"


def check_ports() -> None:
    for port, container in PORTS.items():
        with socket.socket() as probe:
            # Without it a connection that was closed a moment ago would count as taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                continue
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise DemoError(f"port {port} on 127.0.0.1 cannot be used: {error.strerror}.") from error
        published = docker("port", container).stdout
        if not (ours(container) and f"127.0.0.1:{port}" in published):
            raise DemoError(
                f"port {port} on 127.0.0.1 is taken by {holder(port)}, which this demo did not start: stop it, {AGAIN}."
            )


def need_engine() -> None:
    if shutil.which("docker") and docker("info").returncode == 0:
        return
    say("Docker does not answer here; installing and starting it")
    play("demo/engine.yml")


def choose_images(state: memory.State) -> None:
    """Once chosen the images stay, unless DEMO_IMAGES says otherwise."""
    wish = os.environ.get("DEMO_IMAGES", "auto")
    if wish not in ("auto", "official", "bed"):
        raise DemoError(f"DEMO_IMAGES is {wish!r}: auto, official or bed.")
    chosen = state.get("images", "choice", fallback="") if wish == "auto" else wish
    why = "as in the first run" if wish == "auto" else f"DEMO_IMAGES={wish}"
    if chosen != "bed":
        official = images.official()
        refusal = images.refusal(official)
        if refusal and chosen == "official":
            raise DemoError(f"the official images cannot be had ({refusal}); DEMO_IMAGES=bed builds others like them.")
        if not chosen:
            why = f"no registry gives the official ones: {refusal}" if refusal else "the registries answer"
        chosen = "bed" if refusal else "official"
    say(f"images: {'those of the test bed' if chosen == 'bed' else 'the official ones'} ({why})")
    if chosen == "bed":
        images.build()
        taken, (model, file) = images.BED, images.bed_model()
    else:
        images.pull(official)
        taken, model, file = official, images.OFFICIAL_MODEL, ""
    state["images"] = {"choice": chosen, **taken}
    state["model"] = {"name": model, "file": file}


def show(state: memory.State, seconds: float) -> None:
    address, user, model = state["service"]["address"], state["user"], state["model"]["name"]
    token = chat.sign_in(address, user["email"], user["password"])
    answer = chat.ask(address, token, chat.find(address, token, model), QUESTION)
    print(
        f"""
  {user["email"]} asks {model} through Open WebUI: {QUESTION}
  {model} answers: {answer}

  Open WebUI    {address}   (from elsewhere: ssh -L 3001:127.0.0.1:3001 THIS-MACHINE)
  Credentials   {memory.FILE}   (root only: an ordinary user and the admin)

  What you may want next
    cat {memory.FILE}
    .cache/venv/bin/ansible-playbook -i demo/inventory.yml playbooks/site.yml --check --diff
    make demo-down

  Done in {seconds + time.monotonic():.0f} s.""",
        flush=True,
    )


def up() -> None:
    began = time.monotonic()
    check_machine()
    need_engine()
    state = memory.load()
    if state is None:
        check_foreign()
        state = memory.fresh()
    check_ports()
    choose_images(state)
    memory.save(state)
    play("playbooks/site.yml")
    show(state, -began)


def agreed() -> bool:
    if os.environ.get("FORCE") == "1":
        return True
    if not sys.stdin.isatty():
        say("nobody is there to be asked whether the data may go; FORCE=1 removes it without a question")
        return False
    answer = input("demo: remove the data as well, that is accounts, chats, models, keys and passwords? [y/N] ")
    return answer.strip().lower() in ("y", "yes")


def remove(kind: str, name: str, *words: str) -> None:
    done = docker(kind, "rm", *words, name)
    if done.returncode != 0:
        raise DemoError(f"the {kind} {name} could not be removed ({done.stderr.strip()}); run `make demo-down` again.")
    say(f"{kind} {name} removed")


def open_way_out() -> None:
    """Take the rules away that the roles made for the network, now and at boot."""
    command = [str(images.ROOT / ".cache/venv/bin/ansible"), "--inventory", "demo/inventory.yml", "localhost"]
    words = ["--module-name", "selfhosted.llm.docker_egress", "--args", f"network={NETWORK} egress=open"]
    done = subprocess.run([*command, *words], cwd=images.ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DemoError(f"the rules for the network {NETWORK} could not be removed:\n{done.stdout.strip()}")


def down() -> None:
    if os.geteuid() != 0:
        raise DemoError("root is needed: run `sudo make demo-down`.")
    if memory.load() is None:
        say("there is nothing here that `make demo` made")
        return
    if docker("info").returncode != 0:
        raise DemoError("Docker does not answer, so nothing was removed: start it, then run `make demo-down` again.")
    data = agreed()
    for name in CONTAINERS:
        if ours(name):
            remove("container", name, "--force")
    if there("network", NETWORK):
        open_way_out()
        done = docker("network", "rm", NETWORK)
        say(f"network {NETWORK} {'removed' if done.returncode == 0 else 'kept, since other containers use it'}")
    if not data:
        say("volumes, keys and passwords are kept: `make demo` brings the same service back")
        return
    for name in VOLUMES:
        if there("volume", name):
            remove("volume", name)
    shutil.rmtree(KEY_DIRECTORY, ignore_errors=True)
    memory.forget()
    say("keys and passwords removed; Docker and the images stay")


def main() -> int:
    steps = {"up": up, "down": down}
    if len(sys.argv) != 2 or sys.argv[1] not in steps:
        print("usage: demo/demo up|down", file=sys.stderr)
        return 2
    try:
        steps[sys.argv[1]]()
    except (DemoError, images.ImagesError, chat.ChatError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted; run it again, it goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
