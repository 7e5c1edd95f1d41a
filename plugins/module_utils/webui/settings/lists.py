# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings with options of their own, which are lists: banners, suggestions, default models, the order of models."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

BANNERS, SUGGESTIONS = "ui.banners", "ui.prompt_suggestions"
DEFAULT_MODELS, MODEL_ORDER = "ui.default_models", "ui.model_order_list"
OPTION_KEYS = {
    "banners": BANNERS,
    "suggestions": SUGGESTIONS,
    "default_models": DEFAULT_MODELS,
    "model_order": MODEL_ORDER,
}
BANNER_TYPES = ("info", "success", "warning", "error")
BANNER_OPTIONS: Dict[str, Any] = {
    "content": {"type": "str", "required": True},
    "type": {"type": "str", "choices": list(BANNER_TYPES), "default": "info"},
    "title": {"type": "str"},
    "dismissible": {"type": "bool", "default": True},
    "id": {"type": "str"},
    "timestamp": {"type": "int"},
    "i18n": {"type": "dict"},
}
LIST_OPTIONS: Dict[str, Any] = {
    "banners": {"type": "list", "elements": "dict", "options": BANNER_OPTIONS},
    "suggestions": {"type": "list", "elements": "raw"},
    "default_models": {"type": "list", "elements": "str"},
    "model_order": {"type": "list", "elements": "str"},
}
# A banner that a user closed stays closed while its id is the same, so another text gets another id.
_NAMESPACE = uuid.UUID("5b0e2a52-6f5b-4d0e-9a55-0c4d5a0f7f11")
_BANNER_FIELDS = (("id", str), ("type", str), ("content", str), ("dismissible", bool), ("timestamp", int))


@dataclass(frozen=True)
class ListOptions:
    """The options that are lists; None where the task does not set an option."""

    banners: Optional[Sequence[Mapping[str, Any]]] = None
    suggestions: Optional[Sequence[Any]] = None
    default_models: Optional[Sequence[str]] = None
    model_order: Optional[Sequence[str]] = None


def option_problems(options: ListOptions) -> Iterator[str]:
    """Yield the problems of the options that are lists."""
    for number, item in enumerate(options.suggestions or ()):
        yield from _suggestion_problems(item, f"suggestions[{number}]")
    for option, models in (("default_models", options.default_models), ("model_order", options.model_order)):
        entries = models or ()
        if not all(entry and entry.strip() for entry in entries):
            yield f"{option} has an empty entry; remove it"
        if len(set(entries)) < len(entries):
            yield f"{option} lists a model twice; keep one of them"
    for entry in options.default_models or ():
        if "," in entry:
            yield f"default_models has {entry!r}, but the server ends a name at a comma; write one per entry"


def wanted_lists(options: ListOptions, current: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the settings of the options that are lists, in the form that the server stores."""
    found: Dict[str, Any] = {}
    if options.banners is not None:
        found[BANNERS] = _banners(options.banners, current.get(BANNERS) or ())
    if options.suggestions is not None:
        found[SUGGESTIONS] = [_suggestion(item) for item in options.suggestions]
    if options.default_models is not None:
        found[DEFAULT_MODELS] = ",".join(options.default_models)
    if options.model_order is not None:
        found[MODEL_ORDER] = list(options.model_order)
    return found


def stored_problems(key: str, wanted: Any) -> Iterator[str]:
    """Yield entries that the web page cannot show: the server stores any list, and then answers with errors."""
    if key == BANNERS:
        yield from _banner_problems(wanted)
    elif key == SUGGESTIONS and wanted is not None:
        for number, item in enumerate(wanted):
            title = item.get("title") if isinstance(item, Mapping) else None
            if not isinstance(title, list):
                yield f"{key}[{number}] has no title; set a list of two lines, or use the option suggestions"
            yield from _suggestion_problems(item, f"{key}[{number}]")


def _banners(entries: Sequence[Mapping[str, Any]], current: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    times = {banner.get("id"): banner.get("timestamp") for banner in current if isinstance(banner, Mapping)}
    seen: Dict[str, int] = {}
    banners = []
    for entry in entries:
        text = json.dumps([entry["type"], entry["title"], entry["content"]])
        seen[text] = seen.get(text, 0) + 1
        banner_id = entry["id"] or str(uuid.uuid5(_NAMESPACE, f"{seen[text]} {text}"))
        # The server requires a timestamp, but shows it nowhere.
        timestamp = entry["timestamp"] if entry["timestamp"] is not None else times.get(banner_id) or 0
        banner = {name: entry[name] for name in ("type", "title", "content", "dismissible")}
        extra = {} if entry["i18n"] is None else {"i18n": entry["i18n"]}
        banners.append({"id": banner_id, **banner, "timestamp": timestamp, **extra})
    return banners


def _banner_problems(wanted: Sequence[Any]) -> Iterator[str]:
    ids = set()
    for number, banner in enumerate(wanted):
        if not isinstance(banner, Mapping):
            continue
        for name, kind in _BANNER_FIELDS:
            value = banner.get(name)
            if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
                yield f"{BANNERS}[{number}] has no {name} (a {kind.__name__}); set one, or use the option banners"
        if banner.get("id") in ids:
            yield f"{BANNERS}[{number}] has the id of another banner; set another id"
        ids.add(banner.get("id"))


def _suggestion(item: Any) -> Dict[str, Any]:
    suggestion: Mapping[str, Any] = item if isinstance(item, Mapping) else {"content": item}
    title = suggestion.get("title") or []
    lines = [title] if isinstance(title, str) else list(title)
    return {**suggestion, "title": [*lines, "", ""][: max(2, len(lines))], "content": suggestion["content"]}


def _suggestion_problems(item: Any, where: str) -> Iterator[str]:
    text = item.get("content") if isinstance(item, Mapping) else item
    if not isinstance(text, str) or not text.strip():
        yield f"{where} has no text; set a text, or a mapping with content and title"
    title = item.get("title") if isinstance(item, Mapping) else None
    if not (
        title is None or isinstance(title, str) or (isinstance(title, list) and all(isinstance(t, str) for t in title))
    ):
        yield f"{where}.title is neither a text nor a list of texts; set a list of two lines"
