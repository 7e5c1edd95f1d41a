# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of one connection, against what Open WebUI keeps of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, Iterator, Mapping, Optional

from ..converge import HIDDEN, State
from ..secrets import holds_only_secrets, holds_secret
from .connection_url import shown_url
from .values import alike, merged

OLLAMA, OPENAI = "ollama", "openai"
KINDS = (OLLAMA, OPENAI)

# Options by their names in the server's config, with what it takes where they are missing.
_CONFIG_NAMES = {
    "enabled": "enable",
    "prefix_id": "prefix_id",
    "tags": "tags",
    "model_ids": "model_ids",
    "headers": "headers",
    "connection_type": "connection_type",
    "auth_type": "auth_type",
}
OPENAI_ONLY = ("provider", "api_type", "api_version")
CONFIG_NAMES: Mapping[str, Mapping[str, str]] = {
    OLLAMA: {**_CONFIG_NAMES, "key": "key"},
    OPENAI: {**_CONFIG_NAMES, **{name: name for name in OPENAI_ONLY}},
}
_CONNECTION_TYPES = {OLLAMA: "local", OPENAI: "external"}
_SECRET_NAME = re.compile("key|token|secret|passw|authorization|credential", re.IGNORECASE)


class Hidden(str):
    """A secret as results show it: stars, or nothing where there is none. It remembers what it hides."""

    _value: Any

    def __new__(cls, value: Any) -> Hidden:
        """Hide ``value``, a text or a number."""
        hidden = super().__new__(cls, "" if value == "" else HIDDEN)
        hidden._value = value
        return hidden

    def reveal(self) -> Any:
        """Return the value itself, for a comparison or the request that writes it."""
        return self._value


@dataclass(frozen=True)
class Entry:
    """One connection as the server keeps it. ``config`` is None where there is none.

    The key of an Ollama connection is within ``config``.
    """

    url: str
    key: str = ""
    config: Optional[Mapping[str, Any]] = None


def veiled(value: Any, name: str = "", everything: bool = False) -> Any:
    """Return a free value with its secrets hidden, which are known by their names or by the form of a text."""
    everything = everything or holds_only_secrets(name)
    if isinstance(value, Mapping):
        return {key: veiled(item, str(key), everything) for key, item in value.items()}
    if isinstance(value, list):
        return [veiled(item, name, everything) for item in value]
    return hidden(value, everything or bool(_SECRET_NAME.search(name)))


def hidden(value: Any, is_secret: bool) -> Any:
    """Return one value, hidden if it is a secret or a text with a secret in it."""
    if value is None or isinstance(value, (bool, Hidden)):
        return value
    return Hidden(value) if is_secret or (isinstance(value, str) and holds_secret(value)) else value


def revealed(value: Any) -> Any:
    """Return a value with what is hidden in it, to be compared or written."""
    if isinstance(value, Mapping):
        return {key: revealed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [revealed(item) for item in value]
    return value.reveal() if isinstance(value, Hidden) else value


def key_of(kind: str, entry: Entry) -> str:
    """Return the key of a connection, empty where it has none."""
    return entry.key if kind == OPENAI else str((entry.config or {}).get("key") or "")


def prefix_of(entry: Entry) -> str:
    """Return what stands before the names of a connection's models."""
    return str((entry.config or {}).get("prefix_id") or "")


def state_of(kind: str, entry: Entry) -> Dict[str, Any]:
    """Return a connection as results show it."""
    config = entry.config or {}
    headers = config["headers"] if isinstance(config.get("headers"), Mapping) else {}
    state: Dict[str, Any] = {
        "kind": kind,
        "base_url": shown_url(entry.url),
        "key": Hidden(key_of(kind, entry)),
        "enabled": bool(config.get("enable", True)),
        "prefix_id": prefix_of(entry),
        "tags": [tag.get("name") if isinstance(tag, Mapping) else tag for tag in config.get("tags") or ()],
        "model_ids": list(config.get("model_ids") or ()),
        "headers": {name: Hidden(str(value)) for name, value in headers.items()},
        "connection_type": config.get("connection_type") or _CONNECTION_TYPES[kind],
        "auth_type": config.get("auth_type") or "bearer",
    }
    if kind == OPENAI:
        state.update({name: config.get(name) or "" for name in OPENAI_ONLY})
    state["config"] = {name: value for name, value in veiled(_free(kind, config)).items() if value is not None}
    return state


def wanted_of(fields: Mapping[str, Any], present: Optional[State]) -> Dict[str, Any]:
    """Return what was said of a connection in the form of a state."""
    said = dict(fields)
    if "config" in said:
        said["config"] = merged((present or {}).get("config"), veiled(said["config"]))
    return said


def same(name: str, present: Any, wanted: Any) -> bool:
    """Tell whether a field is as wanted; tags and filters have no order."""
    if name in ("tags", "model_ids"):
        return sorted(map(str, present)) == sorted(map(str, wanted))
    return alike(revealed(present), revealed(wanted))


def rewritten(kind: str, entry: Entry, fields: Mapping[str, Any]) -> Entry:
    """Return an entry with what was said of it, and all else as it was."""
    present = state_of(kind, entry)
    wanted = wanted_of(fields, present)
    changes = [name for name, value in wanted.items() if not same(name, present[name], value)]
    if not changes:
        return entry
    key, config = entry.key, dict(entry.config or {})
    for name in changes:
        if name == "config":
            free = _free(kind, config)
            config = {name: config[name] for name in config if name not in free}
            config.update(merged(free, fields["config"]))
        elif name in CONFIG_NAMES[kind]:
            value = [{"name": tag} for tag in fields[name]] if name == "tags" else revealed(fields[name])
            config[CONFIG_NAMES[kind][name]] = value
        else:
            key = revealed(fields[name])
    return Entry(entry.url, key, config)


def _free(kind: str, config: Mapping[str, Any]) -> Dict[str, Any]:
    """Return what of a config has no option of its own."""
    return {name: value for name, value in config.items() if name not in CONFIG_NAMES[kind].values()}


def hidden_words(value: Any) -> Iterator[str]:
    """Yield the secrets within a value that is veiled."""
    if isinstance(value, Hidden):
        yield str(value.reveal())
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from hidden_words(item)
    elif isinstance(value, list):
        for item in value:
            yield from hidden_words(item)
