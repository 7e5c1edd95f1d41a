# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections of one kind, which the server keeps as lists side by side, known by their places in them.

Whatever goes moves all that follow, so that a change is always a new set of lists, made from those read last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Dict, Hashable, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import urlsplit

from ...engine.converge import Desired, Step
from ...engine.errors import Failure
from ..entries.backend_url import same_url, shown_url
from .fields import KINDS, OLLAMA, OPENAI, Entry, prefix_of, rewritten

ENABLED = {OLLAMA: "ENABLE_OLLAMA_API", OPENAI: "ENABLE_OPENAI_API"}
URLS = {OLLAMA: "OLLAMA_BASE_URLS", OPENAI: "OPENAI_API_BASE_URLS"}
CONFIGS = {OLLAMA: "OLLAMA_API_CONFIGS", OPENAI: "OPENAI_API_CONFIGS"}
KEYS = "OPENAI_API_KEYS"
_SAVED = {
    OLLAMA: {"base_urls": URLS[OLLAMA], "api_configs": CONFIGS[OLLAMA]},
    OPENAI: {"api_base_urls": URLS[OPENAI], "api_keys": KEYS, "api_configs": CONFIGS[OPENAI]},
}
API_NAMES = {OLLAMA: "Ollama API", OPENAI: "OpenAI API"}

Identity = Tuple[str, ...]


@dataclass(frozen=True)
class Lists:
    """The connections of a kind in their order, and whether the server asks them at all (null means no)."""

    kind: str
    enabled: Optional[bool]
    entries: Tuple[Entry, ...]

    @cached_property
    def places(self) -> Mapping[str, Sequence[int]]:
        """Where each address stands, by what all its spellings have in common."""
        found: Dict[str, List[int]] = {}
        for place, entry in enumerate(self.entries):
            found.setdefault(same_url(entry.url), []).append(place)
        return found

    @cached_property
    def identities(self) -> Sequence[Identity]:
        """What each entry is known by where it is not listed: its prefix counts, and its number among equals."""
        return _numbered([(self.kind, same_url(entry.url), prefix_of(entry)) for entry in self.entries])

    @cached_property
    def names(self) -> Sequence[str]:
        """How results name each entry; no two alike."""
        plain = [(connection_name(self.kind, shown_url(entry.url), prefix_of(entry)),) for entry in self.entries]
        return [name if number == "1" else f"{name}, number {number}" for name, number in _numbered(plain)]


def connection_name(kind: str, url: str, prefix: str) -> str:
    """Return how results name a connection."""
    return f"{kind} {url} (prefix {prefix})" if prefix else f"{kind} {url}"


def parsed(kind: str, answer: Mapping[str, Any]) -> Lists:
    """Return what the server showed, with each config where the server finds it: by place, or as of old by address."""
    urls = [str(url) for url in answer.get(URLS[kind]) or ()]
    keys = [str(key or "") for key in answer.get(KEYS) or ()] if kind == OPENAI else []
    # A place without a key has none, and a key without a place is nobody's.
    keys += [""] * len(urls)
    configs = answer.get(CONFIGS[kind]) or {}
    entries = (Entry(url, keys[place], _config(kind, configs, place, url)) for place, url in enumerate(urls))
    return Lists(kind, answer.get(ENABLED[kind]), tuple(entries))


def saved(kind: str, document: Mapping[str, Any]) -> Lists:
    """Return the connections of a kind as a server before 0.10 saved them, whether it heeds them or not."""
    own = document.get(kind) or {}
    names = {**_SAVED[kind], "enable": ENABLED[kind]}
    return parsed(kind, {names[name]: value for name, value in own.items() if name in names})


def body(lists: Lists) -> Dict[str, Any]:
    """Return the lists as the server takes them. What is left out would be lost, the switch first of all."""
    kind, entries = lists.kind, lists.entries
    whole: Dict[str, Any] = {
        ENABLED[kind]: lists.enabled,
        URLS[kind]: [entry.url for entry in entries],
        CONFIGS[kind]: {str(place): entry.config for place, entry in enumerate(entries) if entry.config is not None},
    }
    if kind == OPENAI:
        whole[KEYS] = [entry.key for entry in entries]
    return whole


def find(lists: Lists, desired: Desired[Any]) -> Optional[int]:
    """Return where a desired connection stands, or None; raise Failure where that is unclear.

    Its address is enough where it is desired once and there once. Else the prefix tells.
    """
    found = lists.places.get(same_url(desired.fields["base_url"]), ())
    prefix = desired.fields.get("prefix_id", "" if desired.fields["shared"] else None)
    if prefix is not None and (desired.fields["shared"] or len(found) > 1 or not desired.present):
        found = [place for place in found if prefix_of(lists.entries[place]) == prefix]
    if len(found) > 1:
        raise Failure(_ambiguous(lists, desired, found))
    return found[0] if found else None


def applied(lists: Lists, steps: Sequence[Step[Any]]) -> Lists:
    """Return the lists with all steps of their kind done. Where they are done already, nothing differs."""
    removed, added = set(), []
    entries: List[Entry] = list(lists.entries)
    enabled, order = lists.enabled, None
    for step in steps:
        if is_api(step.key):
            fields = step.desired.fields if step.desired else {}
            if fields.get("enabled") is not None and fields["enabled"] != bool(enabled):
                enabled = fields["enabled"]
            order = fields.get("order")
            continue
        place = _place(lists, step)
        if step.desired is None or not step.desired.present:
            removed.add(place)
        elif place is None:
            added.append(rewritten(lists.kind, Entry(step.desired.fields["base_url"]), said(step.desired)))
        else:
            entries[place] = rewritten(lists.kind, entries[place], said(step.desired))
    kept = tuple(entry for place, entry in enumerate(entries) if place not in removed)
    result = Lists(lists.kind, enabled, (*kept, *added))
    return result if order is None else _ordered(result, order)


def is_api(key: Hashable) -> bool:
    """Tell whether a step is about the API of a kind, and not about one of its connections."""
    return isinstance(key, tuple) and len(key) == 1


def said(desired: Desired[Any]) -> Dict[str, Any]:
    """Return what was said of a connection beside what it is known by."""
    return {name: value for name, value in desired.fields.items() if name not in ("kind", "base_url", "shared")}


def kind_of(key: Hashable) -> str:
    """Return the kind that a step is about."""
    return str(key[0]) if isinstance(key, tuple) else KINDS[0]


def _config(kind: str, configs: Mapping[str, Any], place: int, url: str) -> Optional[Mapping[str, Any]]:
    config = configs.get(str(place), configs.get(url))
    if config is None and kind == OLLAMA:
        # Of old the key of an Ollama stood under its address without the path.
        parts = urlsplit(url)
        key = (configs.get(f"{parts.scheme}://{parts.netloc}") or {}).get("key")
        config = {"key": key} if key else None
    return config if isinstance(config, Mapping) else None


def _place(lists: Lists, step: Step[Any]) -> Optional[int]:
    if step.desired is not None:
        return find(lists, step.desired)
    return lists.identities.index(step.key) if step.key in lists.identities else None


def _ordered(lists: Lists, all_desired: Sequence[Desired[Any]]) -> Lists:
    first = [place for place in (find(lists, desired) for desired in all_desired) if place is not None]
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


def _ambiguous(lists: Lists, desired: Desired[Any], found: Sequence[int]) -> str:
    prefixes = {prefix_of(lists.entries[place]) for place in found}
    numbers = ", ".join(str(place + 1) for place in found)
    what = f"the server has {len(found)} {lists.kind} connections with the base_url {desired.fields['base_url']}"
    if len(prefixes) == len(found):
        told = ", ".join(repr(prefix) for prefix in sorted(prefixes))
        return f"{what} (numbers {numbers} of its list); say with prefix_id which one is meant ({told})"
    return f"{what} and the same prefix (numbers {numbers} of its list); remove all but one in its admin settings"
