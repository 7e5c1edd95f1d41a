# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What GPUs the host has, and whether they are those that are wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Collection, Iterator, List, Optional, Sequence, Tuple

from ...gpu import host
from ...gpu.rules import all as causes
from ...gpu.values import AMD, ERROR, NVIDIA, Problem
from ...gpu.values import Gpu as Card
from ...host.finding import Finding, gigabytes

NAMES = {NVIDIA: "NVIDIA", AMD: "AMD"}
BLOCKED = "gpu-blocked"
# What the roles make anew.
MENDED = "cdi-"


def look(root: str = "/") -> Tuple[Sequence[Card], Sequence[Problem]]:
    """Return the host's GPUs, and what keeps them from work. Docker is not asked, since it may be still to come."""
    found = host.look(root)
    return found.gpus, causes.find(found)


def chosen(cards: Sequence[Card], wanted: str, devices: Any) -> List[Card]:
    """Return the GPUs that a server gets, with those of their MIG devices that it gets.

    ``devices`` is "all", a count, or a list of indexes, places of MIG devices (0:1), UUIDs or CDI names.
    """
    of_kind = [card for card in cards if wanted in ("auto", card.vendor)]
    if isinstance(devices, (list, tuple)):
        names = {str(one).rpartition("=")[2] for one in devices}
        found = [_part(card, names) for card in of_kind]
        # What is named otherwise is the business of the role that gives it to the container.
        return [card for card in found if card is not None] or of_kind
    return of_kind[: int(devices)] if str(devices).isdigit() else of_kind


def _part(card: Card, names: Collection[str]) -> Optional[Card]:
    """Return a card with the MIG devices that are named, the whole card where it is named itself, or None."""
    if {str(card.index), card.uuid} & set(names):
        return card
    slices = tuple(one for one in card.slices if {f"{card.index}:{one.index}", one.uuid} & set(names))
    return replace(card, slices=slices) if slices else None


def findings(
    cards: Sequence[Card], problems: Sequence[Problem], wanted: Collection[str], least: int
) -> Iterator[Finding]:
    """Yield what keeps GPUs from what is wanted of them.

    ``wanted`` are the words of the servers (auto, nvidia, amd, none), ``least`` the bytes that a GPU should have.
    """
    there = {card.vendor for card in cards}
    # Such a GPU is not listed at all, so its cause stands for it.
    hidden = {NVIDIA for problem in problems if problem.id == BLOCKED}
    for vendor in (NVIDIA, AMD):
        if vendor in wanted and vendor not in there | hidden:
            say = (
                f"ollama_gpu is {vendor}, and the host has no {NAMES[vendor]} GPU (none is on PCI): set it to auto "
                f"or none, or give the machine its GPU."
            )
            yield Finding("gpu", say, f"no {NAMES[vendor]} GPU", f"an {NAMES[vendor]} GPU", stops=True)
    used = [card for card in cards if card.vendor in wanted or "auto" in wanted]
    places = {card.bus_id: card.vendor for card in used}
    for problem in problems:
        vendor = places.get(problem.gpu or "", NVIDIA if problem.gpu is None and NVIDIA in there | hidden else "")
        if not vendor or not ({vendor, "auto"} & set(wanted)):
            continue
        # With auto Ollama would compute by the processor, but NVIDIA's toolkit is set up wherever there is a card.
        needed = vendor in wanted or vendor == NVIDIA
        stops = problem.severity == ERROR and needed and not problem.id.startswith(MENDED)
        yield Finding("gpu", problem.say, problem.id, "a GPU that works", stops)
    for name, total in _sizes(used):
        if 0 < total < least:
            has = gigabytes(total)
            say = (
                f"The GPU {name} has {has} of memory, and {gigabytes(least)} are the least with which it helps: "
                f"take a larger one, or set ollama_gpu to none."
            )
            yield Finding("gpu", say, has, gigabytes(least))


def _sizes(cards: Sequence[Card]) -> Iterator[Tuple[str, int]]:
    """Yield what a server may have of each GPU with memory of its own: the largest MIG device, or all of it."""
    for card in cards:
        if card.slices:
            largest = max(card.slices, key=lambda one: one.memory_least)
            yield f"{card.name} (MIG {largest.profile})", largest.memory_least
        elif not card.unified and not card.unusable:
            yield card.name, card.memory_total
