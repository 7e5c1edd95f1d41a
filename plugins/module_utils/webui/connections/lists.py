# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections of one kind, which the server stores as parallel lists and identifies by position.

A removal moves all connections behind it, so each write sends whole lists, made from those read last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Dict, Hashable, List, Mapping, Optional, Sequence, Set, Tuple
from urllib.parse import urlsplit

from ...engine.converge import Step
from ...engine.errors import Failure
from ..entries.backend_url import same_url, shown_url
from .fields import KINDS, OLLAMA, OPENAI, Entry, connection_name, prefix_of, rewritten
from .spec import ApiSpec, ConnectionSpec, Spec

ENABLED = {OLLAMA: "ENABLE_OLLAMA_API", OPENAI: "ENABLE_OPENAI_API"}
URLS = {OLLAMA: "OLLAMA_BASE_URLS", OPENAI: "OPENAI_API_BASE_URLS"}
CONFIGS = {OLLAMA: "OLLAMA_API_CONFIGS", OPENAI: "OPENAI_API_CONFIGS"}
KEYS = "OPENAI_API_KEYS"
_SAVED = {
    OLLAMA: {"base_urls": URLS[OLLAMA], "api_configs": CONFIGS[OLLAMA]},
    OPENAI: {"api_base_urls": URLS[OPENAI], "api_keys": KEYS, "api_configs": CONFIGS[OPENAI]},
}

Identity = Tuple[str, ...]


@dataclass(frozen=True)
class Lists:
    """The connections of a kind in their order, and whether the server uses the kind at all (null means no)."""

    kind: str
    enabled: Optional[bool]
    entries: Tuple[Entry, ...]

    @cached_property
    def places(self) -> Mapping[str, Sequence[int]]:
        """The positions of each address, by its normalised spelling."""
        found: Dict[str, List[int]] = {}
        for place, entry in enumerate(self.entries):
            found.setdefault(same_url(entry.url), []).append(place)
        return found

    @cached_property
    def identities(self) -> Sequence[Identity]:
        """The identity of each entry that a task does not list: address, prefix, and a number among equals."""
        return _numbered([(self.kind, same_url(entry.url), prefix_of(entry)) for entry in self.entries])

    @cached_property
    def names(self) -> Sequence[str]:
        """The unique name of each entry in results."""
        plain = [(connection_name(self.kind, shown_url(entry.url), prefix_of(entry)),) for entry in self.entries]
        return [name if number == "1" else f"{name}, number {number}" for name, number in _numbered(plain)]


def parsed(kind: str, answer: Mapping[str, Any]) -> Lists:
    """Return the lists of an answer, with each config by position or, as old versions stored it, by address."""
    urls = [str(url) for url in answer.get(URLS[kind]) or ()]
    keys = [str(key or "") for key in answer.get(KEYS) or ()] if kind == OPENAI else []
    # There may be fewer keys than addresses, or more.
    keys += [""] * len(urls)
    configs = answer.get(CONFIGS[kind]) or {}
    entries = (Entry(url, keys[place], _config(kind, configs, place, url)) for place, url in enumerate(urls))
    return Lists(kind, answer.get(ENABLED[kind]), tuple(entries))


def saved(kind: str, document: Mapping[str, Any]) -> Lists:
    """Return the connections of a kind as a server before 0.10 saved them, whether it uses them or not."""
    own = document.get(kind) or {}
    names = {**_SAVED[kind], "enable": ENABLED[kind]}
    return parsed(kind, {names[name]: value for name, value in own.items() if name in names})


def body(lists: Lists) -> Dict[str, Any]:
    """Return the request body of the lists. The server loses whatever it leaves out, such as the switch."""
    kind, entries = lists.kind, lists.entries
    whole: Dict[str, Any] = {
        ENABLED[kind]: lists.enabled,
        URLS[kind]: [entry.url for entry in entries],
        CONFIGS[kind]: {str(place): entry.config for place, entry in enumerate(entries) if entry.config is not None},
    }
    if kind == OPENAI:
        whole[KEYS] = [entry.key for entry in entries]
    return whole


def find(lists: Lists, spec: ConnectionSpec, present: bool = True) -> Optional[int]:
    """Return the position of a desired connection, or None; raise Failure if it is ambiguous.

    Its address is enough if the task and the server have it once. Otherwise the prefix counts.
    """
    found = lists.places.get(same_url(spec.base_url), ())
    prefix = "" if spec.shared and spec.prefix_id is None else spec.prefix_id
    if prefix is not None and (spec.shared or len(found) > 1 or not present):
        found = [place for place in found if prefix_of(lists.entries[place]) == prefix]
    if len(found) > 1:
        raise Failure(_ambiguous(lists, spec, found))
    return found[0] if found else None


def applied(lists: Lists, steps: Sequence[Step[Spec]]) -> Lists:
    """Return the lists with all steps of their kind done; equal lists if they are already done."""
    removed: Set[Optional[int]] = set()
    added: List[Entry] = []
    entries: List[Entry] = list(lists.entries)
    enabled, order = lists.enabled, None
    for step in steps:
        if step.desired is None:
            removed.update(place for place, key in enumerate(lists.identities) if key == step.key)
            continue
        spec = step.desired.spec
        if isinstance(spec, ApiSpec):
            if spec.enabled is not None and spec.enabled != bool(enabled):
                enabled = spec.enabled
            order = spec.order
            continue
        place = find(lists, spec, step.desired.present)
        if not step.desired.present:
            removed.add(place)
        elif place is None:
            added.append(rewritten(lists.kind, Entry(spec.base_url), spec.options()))
        else:
            entries[place] = rewritten(lists.kind, entries[place], spec.options())
    kept = tuple(entry for place, entry in enumerate(entries) if place not in removed)
    result = Lists(lists.kind, enabled, (*kept, *added))
    return result if order is None else _ordered(result, order)


def is_api(key: Hashable) -> bool:
    """Tell whether a key is of the API of a kind, and not of one of its connections."""
    return isinstance(key, tuple) and len(key) == 1


def kind_of(key: Hashable) -> str:
    """Return the kind of a key."""
    return str(key[0]) if isinstance(key, tuple) else KINDS[0]


def _config(kind: str, configs: Mapping[str, Any], place: int, url: str) -> Optional[Mapping[str, Any]]:
    config = configs.get(str(place), configs.get(url))
    if config is None and kind == OLLAMA:
        # Old versions stored the key of an Ollama connection by its address without the path.
        parts = urlsplit(url)
        key = (configs.get(f"{parts.scheme}://{parts.netloc}") or {}).get("key")
        config = {"key": key} if key else None
    return config if isinstance(config, Mapping) else None


def _ordered(lists: Lists, order: Sequence[ConnectionSpec]) -> Lists:
    first = [place for place in (find(lists, spec) for spec in order) if place is not None]
    listed = set(first)
    rest = [place for place in range(len(lists.entries)) if place not in listed]
    return replace(lists, entries=tuple(lists.entries[place] for place in (*first, *rest)))


def _numbered(keys: Sequence[Identity]) -> List[Identity]:
    seen: Dict[Identity, int] = {}
    numbered = []
    for key in keys:
        seen[key] = seen.get(key, 0) + 1
        numbered.append((*key, str(seen[key])))
    return numbered


def _ambiguous(lists: Lists, spec: ConnectionSpec, found: Sequence[int]) -> str:
    prefixes = {prefix_of(lists.entries[place]) for place in found}
    numbers = ", ".join(str(place + 1) for place in found)
    what = f"the server has {len(found)} {lists.kind} connections with the base_url {spec.base_url}"
    if len(prefixes) == len(found):
        choices = ", ".join(repr(prefix) for prefix in sorted(prefixes))
        return f"{what} (numbers {numbers} of its list); set prefix_id to choose one ({choices})"
    return f"{what} and the same prefix (numbers {numbers} of its list); remove all but one in its admin settings"
