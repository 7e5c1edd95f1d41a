# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages about the size of a model, with the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional, Sequence, Tuple

from ...host.units import gigabytes as amount
from .hardware import Host
from .placement import GPU, MEMORY, NOWHERE, Placement

if TYPE_CHECKING:
    from .entries import Desired
    from .types import Verdict


def host_facts(host: Host) -> Dict[str, Any]:
    """Return a host's means as a result."""
    return {
        "gpus": [{"name": gpu.name, "uuid": gpu.uuid, "total": gpu.total, "unified": gpu.unified} for gpu in host.gpus],
        "memory": host.memory,
        "memory_usable": host.usable,
        "disk_free": host.disk,
        "notes": list(host.notes),
    }


def host_words(host: Host) -> str:
    """Return what a host has."""
    kinds: Dict[Tuple[str, int], int] = {}
    for gpu in host.gpus:
        kinds[gpu.name, gpu.total] = kinds.get((gpu.name, gpu.total), 0) + 1
    gpus = [
        f"{name} ({amount(total)})" if count == 1 else f"{count} x {name} ({amount(total)} each)"
        for (name, total), count in kinds.items()
    ]
    memory = f"{amount(host.usable)} of memory for models"
    disk = [] if host.disk is None else [f"{amount(host.disk)} of disk free"]
    return ", ".join([*(gpus or ["no GPU"]), memory, *disk])


def line(name: str, verdict: Verdict, host: Host) -> str:
    """Return one line on a model: what it needs, of what, and where it goes."""
    asked, placement = verdict.placement.demand, verdict.placement
    rest = placement.needed - asked.weights - asked.kv_cache
    parts = (
        f"{amount(asked.weights)} weights, {amount(asked.kv_cache)} KV cache for {asked.context} tokens"
        f" x {asked.slots}, {amount(rest)} besides"
        f"{f' with a margin of {amount(asked.margin)}' if asked.margin else ''}"
    )
    text = f"{name} needs {amount(placement.needed)} ({parts}) and {_where(placement, host)}"
    if verdict.disk is False:
        text += f"; its download of {amount(verdict.download)} has no room on the disk ({amount(host.disk or 0)} free)"
    if asked.kv_cache_type != verdict.cache_asked:
        text += f"; the KV cache stays {asked.kv_cache_type}, because {verdict.cache_asked} needs flash attention"
    if verdict.known.guess:
        text += f"; this is a rule of thumb by the size of its weights, because {verdict.known.guess}"
    return text + "."


def _where(placement: Placement, host: Host) -> str:
    if placement.where == GPU:
        return f"fits on {_gpus(placement)}"
    if placement.where == MEMORY:
        return f"fits in memory ({amount(host.usable)})"
    if placement.where == NOWHERE:
        return f"does not fit ({host_words(host)})"
    return (
        f"fits with {amount(placement.on_gpus)} on {_gpus(placement)} and {amount(placement.in_memory)} in memory "
        f"({amount(host.usable)})"
    )


def _gpus(placement: Placement) -> str:
    total = amount(sum(gpu.total for gpu in placement.gpus))
    return (
        f"{placement.gpus[0].name} ({total})" if len(placement.gpus) == 1 else f"{len(placement.gpus)} GPUs ({total})"
    )


def refusal(desired: Desired, judged: Sequence[Tuple[str, int, Optional[bool]]], host: Host) -> str:
    """Return why an entry cannot be had on a host. ``judged`` are (name, bytes needed, room on the disk)."""
    needs = ", ".join(
        f"{name} needs {amount(needed)}{' and more disk than is free' if disk is False else ''}"
        for name, needed, disk in judged
    )
    where = "the GPUs" if desired.fits == "gpu" else "the GPUs and memory"
    what = "None of the alternatives of the model" if desired.choice else "The model"
    ways = ["add a smaller alternative" if desired.choice else "take a smaller model", "lower num_ctx"]
    ways += ["say fits: memory"] if desired.fits == "gpu" else []
    ways += ["free disk space"] if any(disk is False for _name, _needed, disk in judged) else []
    name = desired.entry["name"] if desired.choice else desired.name.display
    return (
        f"{what} {name} {'fits' if desired.choice else 'does not fit'} {where} of this host: {needs}; "
        f"the host has {host_words(host)}; {', '.join(ways[:-1])} or {ways[-1]}."
    )
