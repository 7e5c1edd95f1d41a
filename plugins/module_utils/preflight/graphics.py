# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What GPUs the host has, and whether they are those that are wanted."""

from __future__ import annotations

from typing import Any, Collection, Iterator, List, Sequence, Tuple

from ..gpu import causes, host
from ..gpu.values import AMD, ERROR, NVIDIA, Problem
from ..gpu.values import Gpu as Card
from .finding import Finding, gigabytes

NAMES = {NVIDIA: "NVIDIA", AMD: "AMD"}
# What the roles make anew.
MENDED = "cdi-"


def look(root: str = "/") -> Tuple[Sequence[Card], Sequence[Problem]]:
    """Return the host's GPUs, and what keeps them from work. Docker is not asked, since it may be still to come."""
    found = host.look(root)
    return found.gpus, causes.find(found)


def chosen(cards: Sequence[Card], wanted: str, devices: Any) -> List[Card]:
    """Return the GPUs that a server gets; ``devices`` is "all", a count, or a list of indexes or UUIDs."""
    of_kind = [card for card in cards if wanted in ("auto", card.vendor)]
    if isinstance(devices, (list, tuple)):
        names = {str(one).rpartition("=")[2] for one in devices}
        # What is named otherwise, such as a part of a GPU, is the business of the role that gives it to the container.
        return [card for card in of_kind if names & {str(card.index), card.uuid}] or of_kind
    return of_kind[: int(devices)] if str(devices).isdigit() else of_kind


def findings(
    cards: Sequence[Card], problems: Sequence[Problem], wanted: Collection[str], least: int
) -> Iterator[Finding]:
    """Yield what keeps GPUs from what is wanted of them.

    ``wanted`` are the words of the servers (auto, nvidia, amd, none), ``least`` the bytes that a GPU should have.
    """
    there = {card.vendor for card in cards}
    for vendor in (NVIDIA, AMD):
        if vendor in wanted and vendor not in there:
            say = (
                f"ollama_gpu is {vendor}, and the host has no {NAMES[vendor]} GPU (none is on PCI): set it to auto "
                f"or none, or give the machine its GPU."
            )
            yield Finding("gpu", say, f"no {NAMES[vendor]} GPU", f"an {NAMES[vendor]} GPU", stops=True)
    used = [card for card in cards if card.vendor in wanted or "auto" in wanted]
    places = {card.bus_id: card.vendor for card in used}
    for problem in problems:
        vendor = places.get(problem.gpu or "", NVIDIA if problem.gpu is None and NVIDIA in there else "")
        if not vendor or not ({vendor, "auto"} & set(wanted)):
            continue
        # With auto Ollama would compute by the processor, but NVIDIA's toolkit is set up wherever there is a card.
        needed = vendor in wanted or vendor == NVIDIA
        stops = problem.severity == ERROR and needed and not problem.id.startswith(MENDED)
        yield Finding("gpu", problem.say, problem.id, "a GPU that works", stops)
    for card in used:
        if 0 < card.memory_total < least and not card.unified:
            has = gigabytes(card.memory_total)
            say = (
                f"The GPU {card.name} has {has} of memory, and {gigabytes(least)} are the least with which it helps: "
                f"take a larger one, or set ollama_gpu to none."
            )
            yield Finding("gpu", say, has, gigabytes(least))
