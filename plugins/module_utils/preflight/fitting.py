# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules: whether the models fit into the memory and the GPUs, by the calculation of ollama_fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, List, Optional, Sequence, Tuple

from ..host.finding import Finding, listed, warning
from ..host.units import GB, gigabytes
from ..ollama.api.features import parse_version
from ..ollama.fit.demand import Demand, Settings, cache_type, context_of, demand, slots_tried
from ..ollama.fit.entries import Desired
from ..ollama.fit.hardware import Host
from ..ollama.fit.placement import GPU, NOWHERE, Placement, place
from .downloads.models import Known, Server

# A 13B model has 7.4 GB in 4 bits. The size says more than the name: an 8B model in 8 bits has 8.5 GB.
LARGE = 7 * GB
# If the shape of a model is unknown, so is its largest context, and the default of large GPUs would mislead.
USUAL_CONTEXT = 4096


@dataclass(frozen=True)
class Fitted:
    """An entry of a list, with its smallest alternative; ``placement`` is None if its size is unknown."""

    name: str
    server: str
    weights: int
    placement: Optional[Placement]


def fitted(server: Server, desired: Desired, alternatives: Sequence[Tuple[str, Known]], host: Host) -> Fitted:
    """Return where the smallest alternative of an entry is placed on a host."""
    known = [(name, one) for name, one in alternatives if one.size is not None]
    if not known:
        return Fitted(desired.name.display, server.name, 0, None)
    name, smallest = min(known, key=lambda one: one[1].model.weights)
    model = smallest.model
    settings = Settings(
        version=parse_version(server.version),
        context_length=server.context_length,
        num_parallel=server.num_parallel,
        kv_cache_type=server.kv_cache_type,
    )
    if model.shape is None:
        context = desired.context or server.context_length or USUAL_CONTEXT
    else:
        context = context_of(model, desired.context, settings, sum(gpu.total for gpu in host.gpus))
    kept = cache_type(model, settings, bool(host.gpus))

    def ask(slots: int) -> Demand:
        return demand(model, context, slots, kept, settings.version)

    placed = place(ask, slots_tried(model, settings), host, settings.gpu_overhead)
    # Entries that are made of one another name the entry whose weights they share.
    title = name if name == desired.name.display or desired.choice else f"{desired.name.display} (of {name})"
    return Fitted(title, server.name, model.weights, placed)


def findings(models: Sequence[Fitted], host: Host, large: int) -> Iterator[Finding]:
    """Yield what does not fit; ``large`` is the memory in bytes that models of 13B and more need without a GPU."""
    seen: List[str] = []
    for one in models:
        if one.placement is None or one.name in seen:
            continue
        seen.append(one.name)
        yield from _one(one, one.placement, host, large)


def _one(model: Fitted, placement: Placement, host: Host, large: int) -> Iterator[Finding]:
    need, has = gigabytes(placement.needed), _words(host)
    if placement.where == GPU:
        return
    if placement.where == NOWHERE:
        yield warning(
            "memory",
            f"The model {model.name} needs {need} to be loaded, but the host has {has}, so Ollama would refuse it.",
            "List a smaller model or one with fewer bits, reduce its context (ollama_context_length), or add memory.",
            model.name,
            has,
        )
    elif model.weights >= LARGE and host.memory < large:
        yield warning(
            "memory",
            f"The model {model.name} has weights of {gigabytes(model.weights)}, like models of 13B and more, and does "
            f"not fit into a GPU. It needs {gigabytes(large)} of memory to run well, and the host has "
            f"{gigabytes(host.memory)}.",
            "List a smaller model, or add memory.",
            model.name,
            gigabytes(host.memory),
        )
    elif host.gpus:
        yield warning(
            "gpu",
            f"The model {model.name} needs {need} and does not fit into the GPUs ({has}), so the CPU computes a part "
            f"of it, which is slow.",
            "List a smaller model or one with fewer bits, or reduce ollama_context_length.",
            model.name,
            has,
        )


def _words(host: Host) -> str:
    gpus = [f"{gpu.name} with {gigabytes(gpu.total)}" for gpu in host.gpus]
    return listed([*(gpus or ["no GPU"]), f"{gigabytes(host.usable)} of memory for models"])
