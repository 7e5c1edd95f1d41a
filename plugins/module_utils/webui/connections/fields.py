# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection as a task writes it, and as Open WebUI stores it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional

from ...engine.converge import State
from ...engine.secrets import Masked
from ..entries.backend_url import shown_url
from ..entries.masking import masked, revealed
from ..entries.values import alike, merged

OLLAMA, OPENAI = "ollama", "openai"
KINDS = (OLLAMA, OPENAI)
API_NAMES = {OLLAMA: "Ollama API", OPENAI: "OpenAI API"}

# Options, and their names in the server's config.
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


@dataclass(frozen=True)
class Entry:
    """One connection as the server stores it. ``config`` is None if it has none.

    The key of an Ollama connection is within ``config``.
    """

    url: str
    key: str = ""
    config: Optional[Mapping[str, Any]] = None


def key_of(kind: str, entry: Entry) -> str:
    """Return the key of a connection, empty if it has none."""
    return entry.key if kind == OPENAI else str((entry.config or {}).get("key") or "")


def prefix_of(entry: Entry) -> str:
    """Return the prefix of the ids of a connection's models."""
    return str((entry.config or {}).get("prefix_id") or "")


def connection_name(kind: str, url: str, prefix: str) -> str:
    """Return the name of a connection in results."""
    return f"{kind} {url} (prefix {prefix})" if prefix else f"{kind} {url}"


def state_of(kind: str, entry: Entry) -> Dict[str, Any]:
    """Return a connection as results show it."""
    config = entry.config or {}
    headers = config["headers"] if isinstance(config.get("headers"), Mapping) else {}
    state: Dict[str, Any] = {
        "kind": kind,
        "base_url": shown_url(entry.url),
        "key": Masked(key_of(kind, entry)),
        "enabled": bool(config.get("enable", True)),
        "prefix_id": prefix_of(entry),
        "tags": [tag.get("name") if isinstance(tag, Mapping) else tag for tag in config.get("tags") or ()],
        "model_ids": list(config.get("model_ids") or ()),
        "headers": {name: Masked(str(value)) for name, value in headers.items()},
        "connection_type": config.get("connection_type") or _CONNECTION_TYPES[kind],
        "auth_type": config.get("auth_type") or "bearer",
    }
    if kind == OPENAI:
        state.update({name: config.get(name) or "" for name in OPENAI_ONLY})
    state["config"] = {name: value for name, value in masked(_free(kind, config)).items() if value is not None}
    return state


def wanted_of(options: Mapping[str, Any], current: Optional[State]) -> Dict[str, Any]:
    """Return the options of a connection in the form of a state."""
    state = dict(options)
    if "config" in state:
        state["config"] = merged((current or {}).get("config"), masked(state["config"]))
    return state


def same(name: str, current: Any, wanted: Any) -> bool:
    """Tell whether a field has the desired value; the order of tags and model_ids does not count."""
    if name in ("tags", "model_ids"):
        return sorted(map(str, current)) == sorted(map(str, wanted))
    return alike(revealed(current), revealed(wanted))


def rewritten(kind: str, entry: Entry, options: Mapping[str, Any]) -> Entry:
    """Return an entry with the options written over it."""
    current = state_of(kind, entry)
    wanted = wanted_of(options, current)
    changes = [name for name, value in wanted.items() if not same(name, current[name], value)]
    if not changes:
        return entry
    key, config = entry.key, dict(entry.config or {})
    for name in changes:
        if name == "config":
            free = _free(kind, config)
            config = {name: config[name] for name in config if name not in free}
            config.update(merged(free, options["config"]))
        elif name in CONFIG_NAMES[kind]:
            value = [{"name": tag} for tag in options[name]] if name == "tags" else revealed(options[name])
            config[CONFIG_NAMES[kind][name]] = value
        else:
            key = revealed(options[name])
    return Entry(entry.url, key, config)


def _free(kind: str, config: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the part of a config that has no option of its own."""
    return {name: value for name, value in config.items() if name not in CONFIG_NAMES[kind].values()}
