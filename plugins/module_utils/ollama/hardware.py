# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host has for models: GPUs, memory and disk, by its totals and not by what is free now."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Sequence, Tuple

from ..errors import Failure

MIB = 1024 * 1024
GIB = 1024 * MIB
# What an idle Linux host takes itself; a model that fills all memory but this is already close.
SYSTEM_MEMORY = 512 * MIB
# The server leaves out AMD's GPUs with less, which are parts of a processor.
LEAST_AMD_MEMORY = GIB
NVIDIA_SMI = "nvidia-smi"
QUERY = ("--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader,nounits")
SMI_SECONDS = 30.0
# Where drivers put it that no PATH names: WSL, and hosts whose PATH is short under sudo.
SMI_PLACES = (os.defpath, "/usr/bin", "/usr/local/bin", "/usr/lib/wsl/lib")


@dataclass(frozen=True)
class Gpu:
    """One GPU. ``total`` is in bytes; ``unified`` says that this is the host's own memory."""

    name: str
    uuid: str
    total: int
    library: str = "cuda"
    unified: bool = False


@dataclass(frozen=True)
class Host:
    """A host's means, in bytes.

    ``usable`` is the part of ``memory`` that models may take. ``disk`` is what is free where
    the server keeps its models, or None where nobody said where that is. ``notes`` are
    sentences about what could not be read.
    """

    gpus: Tuple[Gpu, ...]
    memory: int
    usable: int
    disk: Optional[int] = None
    notes: Tuple[str, ...] = ()


def detect(
    gpus: Optional[Sequence[int]] = None,
    memory: Optional[int] = None,
    disk: Optional[int] = None,
    models_path: Optional[str] = None,
    root: str = "/",
) -> Host:
    """Return what the host has; what is given, in bytes, is taken as it is and not looked for.

    ``root`` is where /proc and /sys are looked for.
    """
    usable = memory
    if memory is None:
        memory = memory_total(root)
        usable = max(0, memory - SYSTEM_MEMORY)
    notes: Tuple[str, ...] = ()
    if gpus is not None:
        found = [Gpu("GPU", "", total) for total in gpus]
    else:
        printed, notes = nvidia_print()
        found = nvidia_gpus(printed, memory) + amd_gpus(root)
    if disk is None and models_path:
        disk = disk_free(models_path)
    return Host(tuple(found), memory, int(usable or 0), disk, notes)


def nvidia_print() -> Tuple[str, Tuple[str, ...]]:
    """Return what nvidia-smi prints of the GPUs, and a note where the driver does not answer."""
    path = shutil.which(NVIDIA_SMI) or shutil.which(NVIDIA_SMI, path=os.pathsep.join(SMI_PLACES))
    if path is None:
        return "", ()
    try:
        done = subprocess.run(  # noqa: S603 - found where drivers put it, and given nothing of a person's
            [path, *QUERY], capture_output=True, text=True, timeout=SMI_SECONDS, check=False
        )
        if done.returncode == 0:
            return done.stdout, ()
        words = (done.stdout.strip() or done.stderr.strip() or f"it ended with {done.returncode}").splitlines()[0]
    except (OSError, subprocess.TimeoutExpired) as error:
        words = f"it gave no answer for {SMI_SECONDS:g} seconds" if isinstance(error, subprocess.TimeoutExpired) else ""
        words = words or str(error)
    note = (
        f"NVIDIA's GPUs are left out, because {path} fails ({words.rstrip('.')}); "
        f"repair the driver, or give gpus if they can be used all the same."
    )
    return "", (note,)


def nvidia_gpus(printed: str, memory: int) -> list[Gpu]:
    """Return the GPUs of nvidia-smi's lines "index, uuid, name, MiB".

    A GPU that shares the host's ``memory`` prints "[N/A]" for its own.
    """
    found = []
    for line in printed.splitlines():
        # A name may hold a comma; the other fields cannot.
        parts = [part.strip() for part in line.split(",")]
        if len(parts) < 4 or not parts[1].startswith(("GPU-", "MIG-")):
            continue
        unified = not parts[-1].isdigit()
        total = memory if unified else int(parts[-1]) * MIB
        found.append(Gpu(", ".join(parts[2:-1]), parts[1], total, "cuda", unified))
    return found


def amd_gpus(root: str = "/") -> list[Gpu]:
    """Return AMD's GPUs by what their driver tells in /sys."""
    found = []
    for card in sorted(Path(root, "sys/class/drm").glob("card*")):
        if not re.fullmatch(r"card\d+", card.name):
            continue
        total = _text(card / "device" / "mem_info_vram_total")
        if not total.isdigit() or int(total) < LEAST_AMD_MEMORY:
            continue
        unique = _text(card / "device" / "unique_id")
        name = _text(card / "device" / "product_name") or f"AMD GPU ({card.name})"
        found.append(Gpu(name, f"GPU-{unique}" if unique else card.name, int(total), "rocm"))
    return found


def memory_total(root: str = "/") -> int:
    """Return the host's memory in bytes, or the limit of the container that the module runs in."""
    found = re.search(r"^MemTotal:\s+(\d+) kB", _text(Path(root, "proc/meminfo")), re.MULTILINE)
    if found is None:
        raise Failure(
            "How much memory this host has cannot be told, as /proc/meminfo does not say; give memory in bytes."
        )
    total = int(found.group(1)) * 1024
    for limit in ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = _text(Path(root, limit))
        if text.isdigit():
            total = min(total, int(text))
    return total


def disk_free(path: str) -> int:
    """Return the bytes that are free below a path; where it is still to be made, below what is there of it."""
    place = os.path.abspath(os.path.expanduser(path))
    while not os.path.exists(place):
        place = os.path.dirname(place)
    try:
        state = os.statvfs(place)
    except OSError as error:
        raise Failure(
            f"models_path is {path}, which cannot be looked at on this host ({error.strerror}); "
            f"give the path where the server keeps its models, or leave it out."
        ) from error
    # The server runs as root in its container, but a disk filled to the reserve hurts others.
    return state.f_bavail * state.f_frsize


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
