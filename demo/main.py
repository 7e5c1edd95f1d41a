"""`demo up`: a running service on this machine and one answer from it. `demo down`: none of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import chat
import images
import objects
import packages
import ports
import state as memory

AGAIN = "then run `make demo` again"
QUESTION = "What is the capital of France?"
# docker_egress keeps its rules here.
RULES = Path("/etc/selfhosted-llm/egress.nft")


class DemoError(Exception):
    """One sentence for the person."""


def say(words: str) -> None:
    print(f"demo: {words}", flush=True)


def environment() -> dict[str, str]:
    """What Ansible runs with: nothing of it is written outside of this checkout and the demo's directories."""
    return os.environ | {
        "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false",
        # Not in this checkout: Ansible runs a script there without quotes, and the checkout's path may have a blank.
        "ANSIBLE_REMOTE_TMP": str(memory.RUNTIME / "tmp"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_RUNTIME_DIR": str(memory.RUNTIME),
        "XDG_STATE_HOME": str(memory.DIRECTORY / "state"),
    }


def play(name: str) -> None:
    memory.RUNTIME.mkdir(mode=0o700, exist_ok=True)
    colours = {"ANSIBLE_FORCE_COLOR": "1"} if sys.stdout.isatty() else {}
    command = [str(images.ROOT / ".cache/venv/bin/ansible-playbook"), "-i", "demo/inventory.yml", name]
    if subprocess.run(command, cwd=images.ROOT, env=environment() | colours, check=False).returncode != 0:
        raise DemoError(f"{name} stopped at the task above; when its cause is removed, `make demo` goes on from there.")


def check_machine() -> None:
    if os.geteuid() != 0:
        raise DemoError("root is needed to install Docker and to run it: run `sudo make demo`.")
    if not shutil.which("docker") and not shutil.which("apt-get"):
        raise DemoError(f"there is no Docker, and this machine is no Debian or Ubuntu: install Docker Engine, {AGAIN}.")


def remembered() -> memory.State | None:
    state = memory.load()
    if state is not None and not memory.is_current(state):
        raise DemoError(
            f"{memory.FILE} is of an older demo, which used the names of a real service (ollama, open-webui, llm): "
            "remove what is the demo's of these by hand, then the file."
        )
    return state


def check_foreign(state: memory.State) -> None:
    """Something that somebody else made must not be taken for the demo's."""
    for one in objects.foreign(state):
        how = f"`docker {one.kind} rm {one.name}` removes it"
        raise DemoError(f"there is a {one} that this demo did not make: {how}, {AGAIN}.")


def need_engine() -> None:
    if shutil.which("docker") and objects.docker("info").returncode == 0:
        return
    say("Docker does not answer here; installing and starting it")
    play("demo/engine.yml")


@contextmanager
def recorded(state: memory.State) -> Iterator[None]:
    """Keep what is made inside, also where it fails."""
    before = packages.installed()
    try:
        yield
    finally:
        kept = state.get("made", "packages", fallback="").split()
        state["made"]["packages"] = " ".join(sorted({*kept, *(packages.installed() - before)}))
        memory.save(state)
        if shutil.which("docker"):
            objects.record(state)


def choose_ports(state: memory.State) -> None:
    for service, container in zip(ports.FIRST, objects.CONTAINERS, strict=True):
        kept = state.getint("service", f"{service}_port", fallback=None)
        port = ports.choose(service, container, kept)
        if kept not in (None, port):
            say(f"port {kept} on 127.0.0.1 is taken by somebody else, {container.name} gets {port}")
        state["service"][f"{service}_port"] = str(port)
    state["service"]["address"] = f"http://127.0.0.1:{state['service']['open_webui_port']}"


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
        with brought(state, images.of_bed()):
            images.build()
            model, file = images.bed_model()
        taken = images.BED
    else:
        with brought(state, images.references(official)):
            images.pull(official)
        taken, model, file = official, images.OFFICIAL_MODEL, ""
    state["images"] = {"choice": chosen, **taken}
    state["model"] = {"name": model, "file": file}


@contextmanager
def brought(state: memory.State, names: list[str]) -> Iterator[None]:
    """Record the images of these names that come to this machine meanwhile."""
    missing = [name for name in names if not images.identity(name)]
    try:
        yield
    finally:
        for name in missing:
            if found := images.identity(name):
                # The colon of a reference would end a key of the file.
                state["made"][f"image_{found.partition(':')[2]}"] = name
        memory.save(state)


def show(state: memory.State, seconds: float) -> None:
    address, user, model = state["service"]["address"], state["user"], state["model"]["name"]
    token = chat.sign_in(address, user["email"], user["password"])
    answer = chat.ask(address, token, chat.find(address, token, model), QUESTION)
    port = state["service"]["open_webui_port"]
    print(
        f"""
  {user["email"]} asks {model} through Open WebUI: {QUESTION}
  {model} answers: {answer}

  Open WebUI    {address}   (from elsewhere: ssh -L {port}:127.0.0.1:{port} THIS-MACHINE)
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
    state = remembered() or memory.fresh()
    memory.save(state)
    with recorded(state):
        need_engine()
    check_foreign(state)
    choose_ports(state)
    choose_images(state)
    objects.make_volumes(state)
    with recorded(state):
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


def remove(one: objects.Object, state: memory.State) -> None:
    done = objects.remove(one, state)
    if done:
        say(done)


def remove_rules() -> None:
    """Take the rules away that the roles made for the demo's network, now and at boot."""
    if not RULES.exists():
        return
    command = [str(images.ROOT / ".cache/venv/bin/ansible"), "--inventory", "demo/inventory.yml", "localhost"]
    words = ["--module-name", "selfhosted.llm.docker_egress", "--args", f"network={objects.NAME} egress=open"]
    done = subprocess.run(
        [*command, *words], cwd=images.ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise DemoError(f"the rules for the network {objects.NAME} could not be removed:\n{done.stdout.strip()}")


def remove_network(state: memory.State) -> None:
    """Remove the network before its rules, so that nobody is on it while it is open."""
    beside = objects.users(objects.NETWORK) if objects.whose(objects.NETWORK, state) == objects.OWN else []
    if beside:
        raise DemoError(
            f"the {objects.NETWORK} is kept, closed as it is, since other containers are on it ({', '.join(beside)}): "
            f"disconnect them (`docker network disconnect {objects.NAME} NAME`), then run `make demo-down` again."
        )
    remove(objects.NETWORK, state)
    if objects.inspect(objects.NETWORK) is None:
        remove_rules()
    else:
        say(f"the rules that close the {objects.NETWORK} are kept")


def remove_images(state: memory.State) -> None:
    for key, name in list(state["made"].items()):
        if not key.startswith("image_"):
            continue
        # By its name, so that an image that has another name by now stays under that.
        if images.identity(name) == f"sha256:{key.removeprefix('image_')}":
            done = objects.docker("image", "rm", name)
            say(f"image {name} {'removed' if done.returncode == 0 else 'kept, since something else uses it'}")
        state.remove_option("made", key)


def down() -> None:
    if os.geteuid() != 0:
        raise DemoError("root is needed: run `sudo make demo-down`.")
    state = remembered()
    if state is None:
        say("there is nothing here that `make demo` made")
        return
    if objects.docker("info").returncode != 0:
        raise DemoError("Docker does not answer, so nothing was removed: start it, then run `make demo-down` again.")
    data = agreed()
    for one in objects.CONTAINERS:
        remove(one, state)
    remove_network(state)
    if not data:
        say("volumes, images, keys and passwords are kept: `make demo` brings the same service back")
        return
    for one in objects.VOLUMES:
        remove(one, state)
    remove_images(state)
    brought_packages = state.get("made", "packages", fallback="").split()
    memory.forget()
    say("keys and passwords removed")
    if brought_packages:
        say(f"packages that the demo installed stay, remove those that you do not need: {' '.join(brought_packages)}")


def main() -> int:
    steps = {"up": up, "down": down}
    if len(sys.argv) != 2 or sys.argv[1] not in steps:
        print("usage: demo/demo up|down", file=sys.stderr)
        return 2
    try:
        steps[sys.argv[1]]()
    except (DemoError, objects.ObjectError, ports.PortError, images.ImagesError, chat.ChatError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted; run it again, it goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
