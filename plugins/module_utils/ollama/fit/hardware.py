# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host has for models: GPUs, memory and disk, by its totals and not by what is free now."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from ...engine.errors import Failure
from ...gpu import driver, host, nvidia, sysfs
from ...gpu import values as found_gpu
from ...gpu.nvidia import Smi
from ...host.linux import nearest
from ...host.units import GIB, MIB

# What an idle Linux host takes itself; a model that fills all memory but this is already close.
SYSTEM_MEMORY = 512 * MIB
# The server leaves out AMD's GPUs with less, which are parts of a processor.
MIN_AMD_MEMORY = GIB


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
        smi = nvidia.with_slices(nvidia.ask())
        cards = host.gpus(root, smi, sysfs.devices(root), driver.gather(root), memory)
        notes = (*left_out(smi), *kept_out(cards))
        found = from_host(cards)
    if disk is None and models_path:
        disk = disk_free(models_path)
    return Host(tuple(found), memory, int(usable or 0), disk, notes)


def from_host(found: Sequence[found_gpu.Gpu]) -> list[Gpu]:
    """Return those of a host's GPUs that hold models of one server.

    Of MIG devices a process sees the first one alone, and then no whole GPU of NVIDIA's (NVIDIA's MIG user guide, "CUDA
    Device Enumeration").
    """
    usable = [gpu for gpu in found if not gpu.unusable]
    of_nvidia = [gpu for gpu in usable if gpu.vendor == found_gpu.NVIDIA]
    parts = [
        Gpu(f"MIG {part.profile} of {gpu.name}", part.uuid, part.min_memory) for gpu in of_nvidia for part in gpu.slices
    ]
    whole = [Gpu(gpu.name, gpu.uuid, gpu.memory_total, "cuda", gpu.unified) for gpu in of_nvidia if gpu.memory_total]
    gpus = [one for one in parts[:1] if one.total] if parts else whole
    # Memory of an AMD processor is set aside for it, so it is not the host's.
    gpus += [
        Gpu(gpu.name, gpu.uuid or os.path.basename(gpu.nodes[0]), gpu.memory_total, "rocm")
        for gpu in usable
        if gpu.vendor == found_gpu.AMD and gpu.memory_total >= MIN_AMD_MEMORY
    ]
    return gpus


def kept_out(found: Sequence[found_gpu.Gpu]) -> Tuple[str, ...]:
    """Return a note for each GPU that is there and that Ollama does not use."""
    notes = [
        f"{gpu.name} is left out, because Ollama cannot use it ({gpu.unusable}); gpu_info tells the cause and the fix."
        for gpu in found
        if gpu.unusable and gpu.memory_total
    ]
    count = sum(len(gpu.slices) for gpu in found)
    others = [gpu.name for gpu in found if gpu.vendor == found_gpu.NVIDIA and not gpu.mig_enabled and not gpu.unusable]
    if count > 1 or (count and others):
        notes.append(
            f"Only the first of {count} MIG devices is counted{' and no whole GPU' if others else ''}, because a "
            f"server sees no more; give each instance its own by ollama_gpu_devices, or give gpus."
        )
    return tuple(notes)


def left_out(smi: Smi) -> Tuple[str, ...]:
    """Return a note for what nvidia-smi could not tell."""
    if smi.path and not smi.cards and (smi.hangs or smi.code != 0):
        note = (
            f"NVIDIA's GPUs are left out, because {smi.path} fails ({smi.words.rstrip('.')}); "
            f"repair the driver, or give gpus if they can be used all the same."
        )
        return (note,)
    return tuple(
        f"{card.name or 'A GPU'} is left out, because {smi.path} does not tell its memory "
        f"({card.complaint or 'no number'}); repair the driver, or give gpus if it can be used all the same."
        for card in smi.cards
        if card.memory is None and not card.unified
    )


def memory_total(root: str = "/") -> int:
    """Return the host's memory in bytes, or the limit of the container that the module runs in."""
    total = sysfs.memory_total(root)
    if total is None:
        raise Failure(
            "How much memory this host has cannot be told, as /proc/meminfo does not say; give memory in bytes."
        )
    return total


def disk_free(path: str) -> int:
    """Return the bytes that are free below a path; where it is still to be made, below what is there of it."""
    try:
        state = os.statvfs(nearest(os.path.expanduser(path)))
    except OSError as error:
        raise Failure(
            f"models_path is {path}, which cannot be looked at on this host ({error.strerror}); "
            f"give the path where the server keeps its models, or leave it out."
        ) from error
    # The server runs as root in its container, but a disk filled to the reserve hurts others.
    return state.f_bavail * state.f_frsize
