# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of settings, as servers store them and as tasks write them."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Mapping, Tuple

# Settings whose value is a mapping. Before 0.10 the server nests all settings, so the value alone does not tell.
MAPPINGS = frozenset(
    (
        "audio.realtime.input_params",
        "audio.tts.openai.params",
        "image_generation.automatic1111.api_params",
        "image_generation.openai.params",
        "models.default_metadata",
        "models.default_params",
        "ollama.api_configs",
        "openai.api_configs",
        "rag.docling_params",
        "rag.external_document_loader_headers",
        "rag.mineru_params",
        "task.model.params",
        "ui.default_interface_settings",
        "ui.i18n",
        "ui.prompt_suggestions_i18n",
        "ui.visibility",
        "user.permissions",
        "web.search.linkup_search_params",
    )
)
# The only settings without a dot in their name. Any other is a mistake, or an environment variable.
PLAIN_NAMES = ("webhook_url",)
Path = Tuple[str, ...]


@dataclass(frozen=True)
class Stored:
    """The settings of a server by dotted key. With ``by_key`` (0.10) it stores each setting apart, and shows all."""

    values: Mapping[str, Any]
    by_key: bool
    document: Mapping[str, Any]

    def key_of(self, name: str) -> str:
        """Return the setting that a dotted name means or is part of; empty if there is none."""
        if name in self.values or (name in MAPPINGS and not self.by_key):
            return name
        parts = name.split(".")
        for length in range(len(parts) - 1, 0, -1):
            key = ".".join(parts[:length])
            if isinstance(self.values.get(key), Mapping) or (
                key in MAPPINGS and (key in self.values or not self.by_key)
            ):
                return key
        return ""


def parsed(export: Mapping[str, Any], by_key: Callable[[], bool] = lambda: True) -> Stored:
    """Return the settings of an answer of `configs/export`.

    Its form shows how the server stores settings, and unlike the version costs no call. ``by_key`` is called only if
    the answer has both forms, as after an import that was made for another version.
    """
    dotted = any("." in key for key in export)
    nested = "version" in export or any("." not in key and isinstance(value, Mapping) for key, value in export.items())
    if dotted and (not nested or by_key()):
        return Stored(export, True, export)
    plain = {key: value for key, value in export.items() if key != "version" and "." not in key}
    return Stored(dict(_leaves("", plain)), False, export)


def placed(document: Mapping[str, Any], values: Mapping[str, Any]) -> Dict[str, Any]:
    """Return a copy of a nested document with some settings written into it."""
    result: Dict[str, Any] = copy.deepcopy(dict(document))
    for key, value in values.items():
        *path, last = key.split(".")
        at = result
        for part in path:
            if not isinstance(at.get(part), dict):
                at[part] = {}
            at = at[part]
        at[last] = value
    return result


def resolved(settings: Mapping[str, Any], stored: Stored) -> Tuple[Dict[str, Any], List[str], List[str]]:
    """Return the values by setting, the names that the server does not show, and a sentence for each duplicate."""
    values: Dict[str, Any] = {}
    unknown: List[str] = []
    twice: List[str] = []
    for name, value in _walked("", settings, stored):
        key = stored.key_of(name)
        if not key:
            unknown.append(name)
            key = name
        inner = _nested(name[len(key) + 1 :], value)
        if key not in values:
            values[key] = inner
        elif not _join(values, key, inner):
            twice.append(f"{name} is set twice; keep one of them")
    return values, unknown, twice


def may_be_unsaved(name: str, stored: Stored) -> bool:
    """Tell whether a server that shows only saved settings may have a setting of this name."""
    return not stored.by_key and ("." in name or name in PLAIN_NAMES)


def fields_of(key: str, value: Any) -> Iterator[Tuple[str, Path]]:
    """Yield the parts of a setting's value by dotted name, each with its path within the value."""
    for path in _paths(value):
        yield ".".join((key, *path)), path


def at(value: Any, path: Path) -> Any:
    """Return the part of a value at a path; None if there is none."""
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from ((name, *path) for path in _paths(item))
    else:
        yield ()


def _leaves(prefix: str, value: Mapping[str, Any]) -> Iterator[Tuple[str, Any]]:
    for name, item in value.items():
        full = f"{prefix}.{name}" if prefix else str(name)
        if full in MAPPINGS or not isinstance(item, Mapping):
            yield full, item
        else:
            yield from _leaves(full, item)


def _walked(prefix: str, value: Mapping[str, Any], stored: Stored) -> Iterator[Tuple[str, Any]]:
    for name, item in value.items():
        full = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(item, Mapping) and item and not stored.key_of(full):
            yield from _walked(full, item, stored)
        else:
            yield full, item


def _nested(path: str, value: Any) -> Any:
    for part in reversed(path.split(".") if path else []):
        value = {part: value}
    return value


def _join(into: Dict[str, Any], key: str, value: Any) -> bool:
    """Merge a value into that of a setting; tell whether no part is set twice."""
    before = into[key]
    if not isinstance(before, Mapping) or not isinstance(value, Mapping):
        return False
    into[key] = dict(before)
    return all(name not in before or _join(into[key], name, item) for name, item in _added(into[key], value))


def _added(into: Dict[str, Any], value: Mapping[str, Any]) -> Iterator[Tuple[str, Any]]:
    for name, item in value.items():
        if name in into:
            yield name, item
        else:
            into[name] = item
