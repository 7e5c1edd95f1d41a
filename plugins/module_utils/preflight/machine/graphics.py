# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What GPUs the host has, and whether they are those that are wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Collection, Iterator, List, Optional, Sequence, Tuple

from ...gpu import host
from ...gpu.nvidia import bus_id
from ...gpu.rules import all as causes
from ...gpu.values import AMD, NVIDIA
from ...gpu.values import Gpu as Card
from ...host.finding import ERROR, WARNING, Finding, error, warning
from ...host.units import gigabytes

NAMES = {NVIDIA: "NVIDIA", AMD: "AMD"}
BLOCKED = "gpu-blocked"
# The roles create CDI specifications again.
REPAIRED = "cdi-"


def gather(root: str = "/") -> Tuple[Sequence[Card], Sequence[Finding]]:
    """Return the host's GPUs and the findings about them. Docker is not asked, since it may not be installed yet."""
    facts = host.gather(root)
    return facts.gpus, causes.find(facts)


def chosen(cards: Sequence[Card], wanted: str, devices: Any) -> List[Card]:
    """Return the GPUs of a server, with its MIG devices.

    ``devices`` is "all", a count, or a list of indexes, places of MIG devices (0:1), UUIDs or CDI names.
    """
    of_kind = [card for card in cards if wanted in ("auto", card.vendor)]
    if isinstance(devices, (list, tuple)):
        names = {str(one).rpartition("=")[2] for one in devices}
        found = [_part(card, names) for card in of_kind]
        # The role that passes GPUs to containers checks other names.
        return [card for card in found if card is not None] or of_kind
    return of_kind[: int(devices)] if str(devices).isdigit() else of_kind


def _part(card: Card, names: Collection[str]) -> Optional[Card]:
    """Return a card with the named MIG devices, the whole card if it is named itself, or None."""
    if {str(card.index), card.uuid} & set(names):
        return card
    slices = tuple(one for one in card.slices if {f"{card.index}:{one.index}", one.uuid} & set(names))
    return replace(card, slices=slices) if slices else None


def findings(
    cards: Sequence[Card], found: Sequence[Finding], wanted: Collection[str], min_memory: int
) -> Iterator[Finding]:
    """Yield what keeps the servers from using GPUs. ``found`` are the findings of gpu_info.

    ``wanted`` are the values of ollama_gpu (auto, nvidia, amd, none), ``min_memory`` the bytes that a GPU should have.
    """
    vendors = {card.vendor for card in cards}
    # WSL does not list a blocked GPU at all, so the finding stands for it.
    hidden = {NVIDIA for one in found if one.id == BLOCKED}
    for vendor in (NVIDIA, AMD):
        if vendor in wanted and vendor not in vendors | hidden:
            yield error(
                "gpu",
                f"ollama_gpu is {vendor}, but the host has no {NAMES[vendor]} GPU on PCI.",
                "Set it to auto or none, or install the GPU in the machine.",
                vendor,
                f"no {NAMES[vendor]} GPU",
            )
    used = [card for card in cards if card.vendor in wanted or "auto" in wanted]
    places = {card.bus_id: card.vendor for card in used}
    for one in found:
        of_all = NVIDIA if NVIDIA in vendors | hidden else ""
        vendor = places.get(one.subject, "") if bus_id(one.subject) else of_all
        if not vendor or not ({vendor, "auto"} & set(wanted)):
            continue
        # With auto Ollama could use the CPU, but the roles set up NVIDIA's toolkit wherever there is a card.
        needed = vendor in wanted or vendor == NVIDIA
        is_error = one.is_error and needed and not one.id.startswith(REPAIRED)
        yield replace(one, id=f"gpu-{one.id}", severity=ERROR if is_error else WARNING)
    for name, total in _sizes(used):
        if 0 < total < min_memory:
            yield warning(
                "gpu",
                f"The GPU {name} has {gigabytes(total)} of memory, but needs at least {gigabytes(min_memory)} to help.",
                "Use a larger one, or set ollama_gpu to none.",
                name,
                gigabytes(total),
            )


def _sizes(cards: Sequence[Card]) -> Iterator[Tuple[str, int]]:
    """Yield the memory that a server can use of each GPU with its own memory: the largest MIG device, or all."""
    for card in cards:
        if card.slices:
            largest = max(card.slices, key=lambda one: one.min_memory)
            yield f"{card.name} (MIG {largest.profile})", largest.min_memory
        elif not card.unified and not card.unusable:
            yield card.name, card.memory_total
