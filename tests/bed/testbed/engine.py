"""The Docker engine, progress lines and places of files: what all other parts stand on."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
CACHE = HERE.parent.parent / ".cache" / "bed"
IMAGES = HERE / "images"
LABEL = "org.selfhosted.llm.bed"
INPUTS_LABEL = "org.selfhosted.llm.inputs"

_BEGAN = time.monotonic()


class BedError(Exception):
    """What went wrong, in one sentence for the person at the terminal."""


def say(text: str) -> None:
    print(f"[{time.monotonic() - _BEGAN:6.1f}s] {text}", flush=True)


def bed_name() -> str:
    name = os.environ.get("BED_NAME", "bed")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", name):
        raise BedError(f"BED_NAME must be lower-case letters, digits and hyphens, not {name!r}.")
    return name


def need(program: str, package: str) -> None:
    if not shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
        raise BedError(f"{program} is needed and not installed; install the package {package}.")


def docker(*words: str, check: bool = True, quiet: bool = True) -> str:
    """Runs one docker command; its output is shown only when it fails, unless quiet is False."""
    need("docker", "docker.io")
    done = subprocess.run(
        ["docker", *words], text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE if quiet else None
    )
    if done.returncode and check:
        tail = "\n".join(((done.stderr or "") + (done.stdout or "")).strip().splitlines()[-25:])
        raise BedError(f"docker {words[0]} ended with {done.returncode}:\n{tail}")
    return done.stdout.strip()


def exists(kind: str, name: str) -> bool:
    return bool(docker(kind, "inspect", "--format", "yes", name, check=False))


def label_of(kind: str, name: str, label: str) -> str:
    where = "Labels" if kind in ("volume", "network") else "Config.Labels"
    return docker(kind, "inspect", "--format", f'{{{{index .{where} "{label}"}}}}', name, check=False)


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """One at a time on this machine: the Docker store is shared by all checkouts, whatever TMPDIR each has."""
    place = Path("/tmp") / f"selfhosted-llm-bed-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    with (place / f"{name}.lock").open("w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{name}: another process is at it, waiting")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
