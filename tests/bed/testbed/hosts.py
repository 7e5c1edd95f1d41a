"""`host-up`, `host-down` and `load`: the bare hosts of a bed."""

from __future__ import annotations

import re

from . import bare, images, servers, store, toys
from .engine import CACHE, LABEL, BedError, bed_name, docker, label_of, lock, say


def _container(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", name) or name in servers.SERVERS:
        raise BedError(
            f"{name!r} cannot be the name of a host: "
            "it takes lower-case letters, digits and hyphens, and no server's name."
        )
    return f"{bed_name()}-{name}"


def up(names: list[str], wanted: list[str]) -> None:
    containers = {name: _container(name) for name in names}
    images.ensure(["host", *wanted])
    # Who starts a host copies these files to it.
    toys.ensure(CACHE)
    for name, container in containers.items():
        with lock(f"bed-{bed_name()}"):
            state = _up(name, container, wanted)
        say(f"host {name}: {state}; Ansible reaches it as {container} (community.docker.docker)")


def _up(name: str, container: str, wanted: list[str]) -> str:
    bed, volume = bed_name(), f"{container}-docker"
    network = servers.ensure_network(bed)
    is_running = bare.running(container)
    if is_running:
        if is_running == "false":
            docker("start", container)
        return bare.wait(container)
    docker("volume", "rm", "--force", volume, check=False)
    docker("volume", "create", "--label", f"{LABEL}={bed}", volume)
    if wanted:
        store.give(volume, wanted)
    return bare.start(container, name, f"{LABEL}={bed}", volume, "--network", network)


def down(names: list[str]) -> None:
    for name in names:
        container = _container(name)
        if label_of("container", container, LABEL) == bed_name():
            docker("rm", "--force", "--volumes", container)
            docker("volume", "rm", "--force", f"{container}-docker")
            say(f"host {name}: removed")
        else:
            say(f"host {name}: there is none")
    # Docker has few address ranges, and each network that is left takes one.
    with lock(f"bed-{bed_name()}"):
        servers.remove_idle_network(bed_name())


def load(name: str, wanted: list[str]) -> None:
    container = _container(name)
    images.ensure(wanted)
    if not bare.has_engine(container):
        raise BedError(f"host {name} has no running Docker engine; run the role docker on it first.")
    for one in wanted:
        bare.copy_image(container, one)
