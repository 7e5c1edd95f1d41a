# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entries of a list of models, as far as their size matters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from ansible.module_utils.parsing.convert_bool import boolean

from ...engine.errors import Failure
from ..api.names import Key, ModelName
from ..entries.parts import mirror_of
from .sources import Source

FITS = ("gpu", "memory")
OWN_KEYS = ("choose", "fits")


@dataclass(frozen=True)
class Desired:
    """One entry. ``sources`` are what it may become, or the one that it is; none where nothing can be told.

    ``context`` is its num_ctx in tokens. ``demands`` says that it must fit, and ``fits`` where.
    """

    entry: Mapping[str, Any]
    name: ModelName
    sources: Tuple[Source, ...]
    context: Optional[int]
    fits: str
    choice: bool

    @property
    def demands(self) -> bool:
        """Whether the run fails where it does not fit."""
        return self.choice or self.entry.get("fits") is not None

    def entry_as(self, name: Optional[ModelName]) -> Dict[str, Any]:
        """Return the entry without the keys that only matter here, by the name that was chosen."""
        kept = {key: value for key, value in self.entry.items() if key not in OWN_KEYS}
        return {**kept, "name": name.display} if name is not None and self.choice else kept


def read_all_desired(entries: Sequence[Mapping[str, Any]], fits: str) -> Tuple[Desired, ...]:
    """Return the entries in their order; raise Failure that names the one that contradicts itself."""
    all_desired = [_desired(entry, fits) for entry in entries]
    by_key = {desired.name.key: desired for desired in all_desired if not desired.choice}
    return tuple(desired if desired.sources else _by_origin(desired, by_key) for desired in all_desired)


def _desired(entry: Mapping[str, Any], fits: str) -> Desired:
    if not isinstance(entry.get("name"), str):
        raise Failure(f"An entry of models has the name {entry.get('name')!r}; give each the name of its model.")
    name = ModelName.parse(entry["name"]) if _present(entry) else ModelName.listed(entry["name"])
    own = entry.get("fits") or fits
    if own not in FITS:
        raise Failure(f"The model {name.display} has fits {own!r}; give one of {', '.join(FITS)}.")
    choice = entry.get("choose") is not None
    sources: Tuple[Source, ...] = ()
    if choice:
        sources = tuple(_source(entry, one) for one in _alternatives(entry, name))
    elif _present(entry) and _pulled(entry):
        sources = (_source(entry, name),)
    return Desired(entry, name, sources, _context(entry), own, choice)


def _present(entry: Mapping[str, Any]) -> bool:
    return entry.get("state") != "absent"


def _pulled(entry: Mapping[str, Any]) -> bool:
    return not any(entry.get(key) for key in ("base", "source", "files", "modelfile"))


def _alternatives(entry: Mapping[str, Any], name: ModelName) -> Tuple[ModelName, ...]:
    given = entry["choose"]
    if not isinstance(given, (list, tuple)) or not given or not all(isinstance(one, (str, int)) for one in given):
        raise Failure(f"The model {name.display} has choose {given!r}; give a list of tags, or of complete names.")
    if not (_present(entry) and _pulled(entry)):
        raise Failure(
            f"The model {name.display} has choose, but is not pulled; leave choose out, or give it an entry of its own."
        )
    found: Dict[Key, ModelName] = {}
    for one in map(str, given):
        complete = ":" in one or "/" in one
        alternative = ModelName.parse(one if complete else replace(name, tag=one).display)
        found.setdefault(alternative.key, alternative)
    return tuple(found.values())


def _source(entry: Mapping[str, Any], name: ModelName) -> Source:
    mirror = entry.get("mirror")
    host, by_http = mirror_of(name.display, None if mirror is None else str(mirror))
    insecure = by_http or boolean(entry.get("insecure") or False, strict=False)
    asked = ModelName.parse(f"{host}/{name.namespace}/{name.model}:{name.tag}") if host else name
    return Source(name, asked, insecure)


def _context(entry: Mapping[str, Any]) -> Optional[int]:
    given = (entry.get("parameters") or {}).get("num_ctx") if isinstance(entry.get("parameters"), Mapping) else None
    # What is no number is refused where the model is made.
    return int(given) if isinstance(given, (str, int)) and str(given).isdigit() and int(given) > 0 else None


def _by_origin(desired: Desired, by_key: Mapping[Key, Desired]) -> Desired:
    """Return a desired object for a made model with what its weights come from, along the entries of the list."""
    chain, context = [desired], desired.context
    while True:
        entry = chain[-1].entry
        origin = entry.get("base") or entry.get("source")
        if not _present(desired.entry) or not isinstance(origin, str):
            return desired
        name = ModelName.parse(origin)
        listed = by_key.get(name.key)
        if listed is None:
            return replace(desired, sources=(_source(entry, name),), context=context)
        if listed in chain:
            return desired
        chain.append(listed)
        context = context or listed.context
        if listed.sources:
            return replace(desired, sources=listed.sources, context=context)
