# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired connections of a task, validated without the server."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, fields
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from ...engine.converge import Desired
from ...engine.entries import read_entries
from ...engine.secrets import Masked
from ...http.messages import one_line
from ..entries.backend_url import plain_url, same_url, shown_url, url_problems
from ..entries.values import problems as value_problems
from .fields import API_NAMES, CONFIG_NAMES, KINDS, OPENAI, OPENAI_ONLY, connection_name

_CHOICES: Dict[str, List[str]] = {
    "kind": list(KINDS),
    "connection_type": ["local", "external"],
    "auth_type": ["bearer", "none", "session", "system_oauth", "microsoft_entra_id", "azure_ad"],
    "api_type": ["", "responses"],
}
# Ansible's own check of choices does not name the entry of a list that fails it.
LISTED_OPTIONS: Dict[str, Any] = {
    "kind": {"type": "str", "required": True},
    "base_url": {"type": "str", "required": True},
    "key": {"type": "str", "no_log": True},
    "enabled": {"type": "bool"},
    "prefix_id": {"type": "str"},
    "tags": {"type": "list", "elements": "str"},
    "model_ids": {"type": "list", "elements": "str"},
    "headers": {"type": "dict", "no_log": True},
    "connection_type": {"type": "str"},
    "auth_type": {"type": "str"},
    "provider": {"type": "str"},
    "api_type": {"type": "str"},
    "api_version": {"type": "str"},
    "config": {"type": "dict"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
CONNECTION_OPTIONS: Dict[str, Any] = {
    name: {**option, "choices": _CHOICES[name]} if name in _CHOICES else option
    for name, option in LISTED_OPTIONS.items()
}
_PLAIN = ("enabled", "prefix_id", "connection_type", "auth_type", *OPENAI_ONLY)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class ConnectionSpec:
    """One connection; an option is None where the task does not set it.

    ``shared`` tells whether several entries of the list have this kind and address, so that their prefixes tell them
    apart.
    """

    kind: str
    base_url: str
    shared: bool = False
    enabled: Optional[bool] = None
    prefix_id: Optional[str] = None
    connection_type: Optional[str] = None
    auth_type: Optional[str] = None
    provider: Optional[str] = None
    api_type: Optional[str] = None
    api_version: Optional[str] = None
    tags: Optional[Sequence[str]] = None
    model_ids: Optional[Sequence[str]] = None
    key: Optional[Masked] = None
    headers: Optional[Mapping[str, Masked]] = None
    config: Optional[Mapping[str, Any]] = None

    @property
    def name(self) -> str:
        """Return the name of the connection in results."""
        return connection_name(self.kind, self.base_url, self.prefix_id or "")

    def options(self) -> Dict[str, Any]:
        """Return the options that the task sets, without those that identify the connection."""
        values = {each.name: getattr(self, each.name) for each in fields(self)[3:]}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class ApiSpec:
    """The API of a kind: its switch, and the order of its connections; None where the task does not set it."""

    kind: str
    enabled: Optional[bool] = None
    order: Optional[Sequence[ConnectionSpec]] = None


Spec = Union[ConnectionSpec, ApiSpec]


def desired_connection(entry: Mapping[str, Any]) -> Desired[Spec]:
    """Return the desired connection of a task, or raise one Failure with all its problems."""
    return _checked([entry], listed=False)[0]


def desired_connections(entries: Sequence[Mapping[str, Any]]) -> List[Desired[Spec]]:
    """Return the desired connections, or raise one Failure that names every invalid entry."""
    return _checked(entries, listed=True)


def desired_apis(
    all_desired: Sequence[Desired[Spec]], switches: Mapping[str, Optional[bool]], ordered: bool
) -> List[Desired[Spec]]:
    """Return the desired APIs: their switches, and with ``ordered`` the order of their connections."""
    found: List[Desired[Spec]] = []
    specs = [desired.spec for desired in all_desired if desired.present]
    for kind, enabled in switches.items():
        listed = [spec for spec in specs if isinstance(spec, ConnectionSpec) and spec.kind == kind]
        order = listed if ordered and listed else None
        if enabled is not None or order is not None:
            found.append(Desired(API_NAMES[kind], spec=ApiSpec(kind, enabled, order)))
    return found


def _checked(entries: Sequence[Mapping[str, Any]], listed: bool) -> List[Desired[Spec]]:
    urls = Counter(map(_address, entries))
    return read_entries(
        "connection",
        entries,
        listed=listed,
        key=lambda entry: (*_address(entry), entry["prefix_id"] or ""),
        label=lambda entry: one_line(shown_url(entry["base_url"])),
        problems=_problems,
        desired=lambda entry: _desired(entry, urls[_address(entry)] > 1),
        duplicate="has the same base_url and prefix_id",
    )


def _address(entry: Mapping[str, Any]) -> Tuple[str, str]:
    return entry["kind"], same_url(entry["base_url"])


def _desired(entry: Mapping[str, Any], shared: bool) -> Desired[Spec]:
    key, headers = entry["key"], entry["headers"]
    spec = ConnectionSpec(
        kind=entry["kind"],
        base_url=plain_url(entry["base_url"]),
        shared=shared,
        tags=_unique(entry["tags"]),
        model_ids=_unique(entry["model_ids"]),
        key=None if key is None else Masked(key),
        headers=None if headers is None else {str(name): Masked(str(value)) for name, value in headers.items()},
        config=entry["config"],
        **{name: entry[name] for name in _PLAIN},
    )
    return Desired(spec.name, spec, entry["state"] == "present")


def _unique(values: Optional[Sequence[str]]) -> Optional[Sequence[str]]:
    return None if values is None else list(dict.fromkeys(values))


def _problems(entry: Mapping[str, Any]) -> Iterator[str]:
    if entry["kind"] not in KINDS:
        yield _not_a_choice("kind", entry["kind"])
    if entry["state"] == "absent":
        return
    yield from url_problems(entry["base_url"])
    yield from _text_problems("prefix_id", entry["prefix_id"])
    for name in ("connection_type", "auth_type", "api_type"):
        if entry[name] is not None and entry[name] not in _CHOICES[name]:
            yield _not_a_choice(name, entry[name])
    for name in OPENAI_ONLY:
        if entry["kind"] != OPENAI and entry[name] is not None:
            yield f"{name} is for kind openai only; leave it out"
    for name in ("provider", "api_version"):
        yield from _text_problems(name, entry[name])
    for name in ("tags", "model_ids"):
        for text in entry[name] or ():
            yield from _text_problems(name, text, empty=f"{name} has an empty entry; remove it")
    yield from _key_problems(entry["key"])
    yield from _header_problems(entry["headers"] or {})
    yield from _config_problems(entry)


def _not_a_choice(name: str, value: str) -> str:
    return (
        f"{name} is {value[:80]!r}; it must be one of {', '.join(choice or repr(choice) for choice in _CHOICES[name])}"
    )


def _text_problems(name: str, text: Optional[str], empty: str = "") -> Iterator[str]:
    if text is None:
        return
    if empty and not text.strip():
        yield empty
    elif _CONTROL.search(text) or text != text.strip():
        yield f"{name} is {text[:80]!r}, with a control character or a blank at its start or end; remove it"
    yield from value_problems(text, name)


def _key_problems(key: Optional[str]) -> Iterator[str]:
    if key and (not key.isascii() or _CONTROL.search(key) or key != key.strip()):
        yield (
            "key has a line end, a blank at its start or end, or another character that no header can carry; "
            "write it as one line of ASCII (a key from a file often ends in a line end)"
        )


def _header_problems(headers: Mapping[str, Any]) -> Iterator[str]:
    for name, value in headers.items():
        if not _TOKEN.fullmatch(str(name)):
            yield f"headers has the name {str(name)[:80]!r}, which is not a valid HTTP header name; correct it"
        elif value is None or isinstance(value, (dict, list)):
            yield f"the value of the header {name} is not a text; set one, or leave the header out"
        elif _CONTROL.search(str(value)):
            yield f"the header {name} has a line end or another control character; write its value as one line"
        else:
            yield from value_problems(value, f"headers.{name}")


def _config_problems(entry: Mapping[str, Any]) -> Iterator[str]:
    options = {server: option for option, server in CONFIG_NAMES.get(entry["kind"], {}).items()}
    for name in entry["config"] or {}:
        if name in options:
            yield f"config has {name}, which has an option of its own; use {options[name]}"
    yield from value_problems(entry["config"] or {}, "config")
