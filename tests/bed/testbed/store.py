"""Docker stores that already hold images, so that a host need not load gigabytes at each start.

A store is prepared once: an engine in a throw-away host loads the images into a volume. A new host's
volume gets that store's layers as hard links, which takes a second and no space; an engine never
writes into the layers of an image. All else of the store is a true copy.
"""

from __future__ import annotations

import hashlib
import os

from . import bare, images
from .engine import INPUTS_LABEL, BedError, docker, label_of, lock, say

SET_LABEL = "org.selfhosted.llm.store"

_LINK = """
set -eu
cd /volumes
[ -d "$1/_data/overlay2" ]
mkdir -p "$2/_data/overlay2"
cp -al "$1/_data/overlay2/." "$2/_data/overlay2/"
cp -a "$1/_data/image" "$2/_data/"
"""


def give(volume: str, names: list[str]) -> None:
    """Fills a new, empty volume for /var/lib/docker with the named images."""
    _link(_ensure(sorted(set(names))), volume)


def _link(source: str, target: str) -> None:
    place = docker("volume", "inspect", "--format", "{{.Mountpoint}}", source)
    # both volumes under one mount: hard links do not cross mounts
    volumes = place.removesuffix(f"/{source}/_data")
    docker(
        "run",
        "--rm",
        "--label",
        f"{SET_LABEL}=link",
        "--network",
        "none",
        "--volume",
        f"{volumes}:/volumes",
        images.BASE.tag,
        "/bin/sh",
        "-c",
        _LINK,
        "link",
        source,
        target,
    )


def _ensure(names: list[str]) -> str:
    images.ensure(names)
    wanted = hashlib.sha256(" ".join(images.ALL[name].inputs() for name in names).encode()).hexdigest()[:16]
    kind = ".".join(names)
    volume = f"{images.PREFIX}-store-{kind}"
    with lock(f"store-{kind}"):
        if label_of("volume", volume, INPUTS_LABEL) != wanted:
            docker("volume", "rm", "--force", volume)
            _prepare(volume, names, {SET_LABEL: kind, INPUTS_LABEL: wanted})
    return volume


def _prepare(volume: str, names: list[str], labels: dict[str, str]) -> None:
    say(f"store: preparing one with {' and '.join(names)}; later hosts get it at once")
    container = f"{images.PREFIX}-store-{os.getpid()}"
    docker("volume", "create", "--label", f"{SET_LABEL}=unfinished", container)
    try:
        bare.start(container, "store", f"{SET_LABEL}=unfinished", container)
        docker("exec", container, "apt-get", "update", "-qq")
        docker(
            "exec",
            "--env=DEBIAN_FRONTEND=noninteractive",
            container,
            "apt-get",
            "install",
            "-qq",
            "-y",
            "--no-install-recommends",
            "docker.io",
        )
        for name in names:
            bare.copy_image(container, name)
        docker("exec", container, "systemctl", "stop", "docker.socket", "docker.service")
        # labels are fixed when a volume is made, so the finished store moves into one that bears them
        docker("volume", "create", *[f"--label={key}={value}" for key, value in labels.items()], volume)
        try:
            _link(container, volume)
        except BedError:
            docker("volume", "rm", "--force", volume, check=False)
            raise
    finally:
        docker("rm", "--force", "--volumes", container, check=False)
        docker("volume", "rm", "--force", container, check=False)
