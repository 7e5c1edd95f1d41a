# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether models fit a host before they are pulled, and which of several does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ...engine.errors import Failure
from ..api.client import Client
from ..api.names import ModelName
from . import messages
from .demand import Demand, Settings, cache_type, context_of, demand, slots_tried
from .entries import Desired, read_all_desired
from .hardware import Host
from .placement import GPU, NOWHERE, place
from .sources import Known, Read, Source, read_all
from .types import Verdict
from .versions import predicts_by_file


@dataclass
class _Disk:
    """What is free, and what the models before took of it, each file once."""

    free: Optional[int]
    taken: Dict[str, int] = field(default_factory=dict)

    def needs(self, known: Known) -> int:
        """Return the bytes that a pull would add."""
        return sum(size for digest, size in known.missing.items() if digest not in self.taken)

    def has_room(self, known: Known) -> Optional[bool]:
        """Tell whether a pull has room; one that brings nothing always has."""
        needed = self.needs(known)
        if self.free is None and needed:
            return None
        return not needed or needed <= (self.free or 0) - sum(self.taken.values())

    def take(self, known: Known) -> None:
        """Let a model have its place."""
        self.taken.update(known.missing)


@dataclass(frozen=True)
class Outcome:
    """What was found: the entries as they are to be, and a verdict for each model that was looked at."""

    models: Tuple[Mapping[str, Any], ...]
    verdicts: Tuple[Mapping[str, Any], ...]
    warnings: Tuple[str, ...]


def checked(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a module's options; raise Failure that names a number which cannot be."""
    for name, least in (("context_length", 1), ("num_parallel", 1), ("gpu_overhead", 0), ("memory", 1), ("disk", 0)):
        if given[name] is not None and given[name] < least:
            raise Failure(f"{name} is {given[name]}; give {least} or more.")
    if any(total < 1 for total in given["gpus"] or ()):
        raise Failure(f"gpus is {given['gpus']}; give the memory of each GPU in bytes.")
    return given


def judge(
    client: Client, entries: Sequence[Mapping[str, Any]], host: Host, settings: Settings, *, fits: str, timeout: float
) -> Outcome:
    """Judge each entry of a list of models, and choose where one names alternatives.

    ``fits`` is "gpu" or "memory", for entries that do not say. Raises Failure where an entry
    that must fit does not, or where nothing can be told of it.
    """
    all_desired = read_all_desired(entries, fits)
    sources = [source for desired in all_desired for source in desired.sources]
    read = read_all(client, sources, timeout=timeout, blobs=host.disk is not None)
    return _Judge(host, settings, read).all(all_desired)


class _Judge:
    """Goes through a list once, and keeps what it found."""

    def __init__(self, host: Host, settings: Settings, read: Read) -> None:
        self._host = host
        self._settings = settings
        self._read = read
        self._disk = _Disk(host.disk)
        self._verdicts: Dict[int, List[Dict[str, Any]]] = {}
        self._warnings: List[str] = []

    def all(self, all_desired: Sequence[Desired]) -> Outcome:
        # What leaves no choice comes anyway, so it has its place on the disk first.
        order = sorted(range(len(all_desired)), key=lambda number: all_desired[number].choice)
        chosen = {number: self._one(number, all_desired[number]) for number in order}
        models = tuple(desired.entry_as(chosen[number]) for number, desired in enumerate(all_desired))
        verdicts = [verdict for number in range(len(all_desired)) for verdict in self._verdicts.get(number, [])]
        return Outcome(models, tuple(verdicts), tuple(self._warnings))

    def _one(self, number: int, desired: Desired) -> Optional[ModelName]:
        found = [self._verdict(desired, source) for source in desired.sources]
        judged = [verdict for verdict in found if verdict is not None]
        self._verdicts[number] = [self._told(desired, verdict) for verdict in judged]
        fitting = [verdict for verdict in judged if verdict.fits(desired.fits)]
        if fitting:
            best = max(fitting, key=lambda verdict: verdict.known.model.weights)
            self._disk.take(best.known)
            return best.source.name
        if judged and desired.demands:
            needs = [(self._name(desired, one), one.placement.needed, one.disk) for one in judged]
            raise Failure(
                messages.refusal(desired, needs, self._host),
                verdicts=self._verdicts[number],
                host=messages.host_facts(self._host),
            )
        for verdict in judged:
            self._disk.take(verdict.known)
            self._warnings.append(messages.line(self._name(desired, verdict), verdict, self._host))
        return None

    def _verdict(self, desired: Desired, source: Source) -> Optional[Verdict]:
        known = self._read[source.name.key]
        if isinstance(known, Failure):
            if desired.demands:
                raise known
            self._warnings.append(known.message)
            return None
        has_gpus = bool(self._host.gpus)
        gpu_memory = sum(gpu.total for gpu in self._host.gpus)
        context = context_of(known.model, desired.context, self._settings, gpu_memory)
        kv_type = cache_type(known.model, self._settings, has_gpus)

        flash = self._settings.flash_attention is not False
        cuda = any(gpu.library == "cuda" for gpu in self._host.gpus)

        def ask(slots: int) -> Demand:
            return demand(known.model, context, slots, kv_type, self._settings.version, flash=flash, cuda=cuda)

        placement = place(ask, slots_tried(known.model, self._settings), self._host, self._settings.gpu_overhead)
        return Verdict(
            source=source,
            known=known,
            placement=placement,
            cache_asked=self._settings.kv_cache_type,
            download=self._disk.needs(known),
            disk=self._disk.has_room(known),
        )

    def _name(self, desired: Desired, verdict: Verdict) -> str:
        return verdict.source.name.display if desired.choice else desired.name.display

    def _told(self, desired: Desired, verdict: Verdict) -> Dict[str, Any]:
        placement, asked = verdict.placement, verdict.placement.demand
        return {
            "name": self._name(desired, verdict),
            "weights_of": verdict.source.name.display,
            "present": verdict.known.present,
            "weights": asked.weights,
            "kv_cache": asked.kv_cache,
            "overhead": placement.needed - asked.weights - asked.kv_cache,
            "margin": asked.margin,
            "needed": placement.needed,
            "on_gpus": placement.on_gpus,
            "in_memory": placement.in_memory,
            "download": verdict.download,
            "context_length": asked.context,
            "num_parallel": asked.slots,
            "kv_cache_type": asked.kv_cache_type,
            "fits": {"gpu": placement.where == GPU, "memory": placement.where != NOWHERE, "disk": verdict.disk},
            "where": placement.where,
            "exact": verdict.known.model.tensors is not None and not predicts_by_file(self._settings.version),
            "words": messages.line(self._name(desired, verdict), verdict, self._host),
        }
