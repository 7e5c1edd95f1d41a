"""One bare Debian host made of a container: its start, its way to packages, images for its own engine."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from . import images, machine
from .engine import BedError, docker, say

# All that an init system and a nested engine need, short of --privileged, which is
# refused on machines that lack CAP_SYS_RESOURCE themselves.
POWERS = (
    "--cap-add=ALL",
    "--cap-drop=SYS_RESOURCE",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--security-opt=systempaths=unconfined",
    "--tmpfs=/run",
    "--tmpfs=/run/lock",
    "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw",
    "--cgroupns=host",
)
LOCAL_CA = Path("/usr/local/share/ca-certificates")
PATIENCE = 90


def start(container: str, hostname: str, label: str, volume: str, *words: str) -> str:
    """Starts it with a volume for its engine, waits for its init system and tells that one's state."""
    docker(
        "run",
        "--detach",
        "--name",
        container,
        "--hostname",
        hostname,
        "--label",
        label,
        *POWERS,
        *words,
        "--volume",
        f"{volume}:/var/lib/docker",
        images.ALL["host"].tag,
    )
    state = wait(container)
    _reach_packages(container)
    return state


def running(container: str) -> str:
    """ "true", "false", or nothing where there is no such container."""
    return docker("container", "inspect", "--format", "{{.State.Running}}", container, check=False)


def wait(container: str) -> str:
    began = time.monotonic()
    while True:
        state = docker("exec", container, "systemctl", "is-system-running", check=False)
        if state in ("running", "degraded"):
            return state
        if running(container) != "true":
            raise BedError(f"host {container} ended:\n{docker('logs', '--tail', '25', container, check=False)}")
        if time.monotonic() - began > PATIENCE:
            raise BedError(f"host {container} is still {state or 'silent'} after {PATIENCE} s.")
        time.sleep(0.3)


def _write(container: str, path: str, content: str) -> None:
    subprocess.run(
        ["docker", "exec", "-i", container, "/bin/sh", "-c", f"cat > {path}"], input=content, text=True, check=True
    )


def _reach_packages(container: str) -> None:
    """The host's apt works the way this machine's apt does."""
    _write(container, "/etc/apt/sources.list", "".join(f"{one.line()}\n" for one in machine.debian_sources()))
    _write(container, "/etc/apt/apt.conf.d/90bed", machine.apt_settings())
    if any(LOCAL_CA.glob("*.crt")):
        docker("cp", f"{LOCAL_CA}/.", f"{container}:{LOCAL_CA}")
        docker("exec", container, "update-ca-certificates")


def has_engine(container: str) -> bool:
    return bool(docker("exec", container, "docker", "version", "--format", "{{.Server.Version}}", check=False))


def copy_image(container: str, name: str) -> None:
    """Copies an image into the host's own engine, unless it is there."""
    image = images.ALL[name]
    have = docker("exec", container, "docker", "image", "inspect", "--format", image.known_by, image.tag, check=False)
    if image.same_as(have):
        say(f"{container}: has {image.tag}")
        return
    began = time.monotonic()
    saved = subprocess.Popen(["docker", "save", image.tag], stdout=subprocess.PIPE)
    taken = subprocess.run(
        ["docker", "exec", "-i", container, "docker", "load", "--quiet"],
        stdin=saved.stdout,
        capture_output=True,
        text=True,
        check=False,
    )
    if saved.wait() or taken.returncode:
        raise BedError(f"{image.tag} could not be loaded into {container}: {taken.stderr.strip()}")
    say(f"{container}: {image.tag} loaded in {time.monotonic() - began:.0f} s")
