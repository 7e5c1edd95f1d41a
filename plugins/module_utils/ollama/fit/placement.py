# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a model goes on a host: on one GPU, on several, partly on GPUs, in memory, or nowhere.

The order is the server's: one GPU that holds all, then all of one kind, then as many layers as
go there with the rest in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from ...host.units import MIB
from .demand import Demand
from .hardware import Gpu, Host

# What a driver and its context take on each GPU that is used.
GPU_MINIMUM = 457 * MIB
GPU, SPLIT, MEMORY, NOWHERE = "gpu", "gpu+memory", "memory", "nowhere"


@dataclass(frozen=True)
class Placement:
    """Where a model goes, and the bytes it takes there."""

    where: str
    demand: Demand
    on_gpus: int
    in_memory: int
    gpus: Tuple[Gpu, ...] = ()

    @property
    def needed(self) -> int:
        """All bytes that are taken."""
        return self.on_gpus + self.in_memory


def place(ask: Callable[[int], Demand], slots: Sequence[int], host: Host, gpu_overhead: int) -> Placement:
    """Return where a model goes.

    ``ask`` returns the demand for a number of slots, of which ``slots`` are tried in their
    order; ``gpu_overhead`` is left free on each GPU, in bytes.
    """
    groups = _groups(host.gpus)
    for group in groups:
        alone = [(gpu,) for gpu in group]
        for choices in (alone, [group] if len(group) > 1 else []):
            for number in slots:
                for chosen in choices:
                    found = _spread(ask(number), chosen, gpu_overhead)
                    if found is not None and not found.in_memory:
                        return found
    best: Optional[Placement] = None
    for group in groups:
        found = _spread(ask(slots[-1]), group, gpu_overhead)
        if found is not None and (best is None or found.on_gpus > best.on_gpus):
            best = found
    return _with_memory(best, ask(slots[-1 if groups else 0]), host)


def _groups(gpus: Sequence[Gpu]) -> List[Tuple[Gpu, ...]]:
    """Return the GPUs of each kind, largest first: a model is never spread over two kinds."""
    kinds: Dict[str, List[Gpu]] = {}
    for gpu in sorted(gpus, key=lambda gpu: -gpu.total):
        kinds.setdefault(gpu.library, []).append(gpu)
    return [tuple(kind) for kind in kinds.values()]


def _with_memory(split: Optional[Placement], rest: Demand, host: Host) -> Placement:
    if split is not None:
        # A GPU that shares the host's memory leaves that much less of it.
        shared = split.on_gpus if any(gpu.unified for gpu in split.gpus) else 0
        if split.in_memory + shared <= host.usable:
            return split
    if rest.on_cpu <= host.usable:
        return Placement(MEMORY, rest, 0, rest.on_cpu)
    if split is not None:
        return Placement(NOWHERE, split.demand, split.on_gpus, split.in_memory, split.gpus)
    return Placement(NOWHERE, rest, 0, rest.on_cpu)


def _spread(demand: Demand, gpus: Sequence[Gpu], overhead: int) -> Optional[Placement]:
    """Return how a demand is laid on GPUs, with what does not go there in memory; None where no layer does."""
    graph = max(demand.graph_full, demand.graph_partial)
    least = overhead + graph + GPU_MINIMUM + demand.spare + demand.layers[0]
    used: List[int] = []
    room: List[Gpu] = []
    for gpu in gpus:
        first = 0 if room else demand.first
        if gpu.total >= least + first:
            room.append(gpu)
            used.append(GPU_MINIMUM + demand.spare + first)
    before = list(used)
    left = _fill(demand, [gpu.total - overhead - graph for gpu in room], used)
    busy = sum(1 for taken, base in zip(used, before) if taken > base)
    if not busy:
        return None
    alone = len(gpus) == 1 and left == 0
    on_gpus = sum(used) + busy * (demand.graph_full if alone else demand.graph_partial)
    return Placement(SPLIT if left else GPU, demand, on_gpus, left, tuple(room))


def _fill(demand: Demand, limits: Sequence[int], used: List[int]) -> int:
    """Lay layers on devices in turn, adding to ``used``; return the bytes that no device had room for."""
    devices = list(range(len(limits)))
    left = laid = 0
    for number in range(len(demand.layers) - 1, -1, -1):
        size = demand.layers[number]
        while devices:
            device = devices[number % len(devices)]
            if limits[device] > used[device] + size:
                used[device] += size
                laid += 1
                break
            devices.remove(device)
        if not devices:
            left += size
    for turn in range(len(devices)):
        device = devices[(laid + turn) % len(devices)]
        if limits[device] > used[device] + demand.last:
            used[device] += demand.last
            return left
    return left + demand.last
