# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person says of connections, checked before any call."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ...engine.converge import Desired
from ...engine.entries import read_entries
from ...engine.secrets import Masked
from ...http.messages import one_line
from ..entries.backend_url import plain_url, same_url, shown_url, url_problems
from ..entries.values import problems as value_problems
from .fields import CONFIG_NAMES, KINDS, OPENAI, OPENAI_ONLY
from .lists import API_NAMES, connection_name

_CHOICES: Dict[str, List[str]] = {
    "kind": list(KINDS),
    "connection_type": ["local", "external"],
    "auth_type": ["bearer", "none", "session", "system_oauth", "microsoft_entra_id", "azure_ad"],
    "api_type": ["", "responses"],
}
# Ansible would not say which entry of a list has the wrong word, so the check is ours there.
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


def desired_connection(entry: Mapping[str, Any]) -> Desired[Any]:
    """Return one connection as wanted, or raise a Failure with all that is wrong with it."""
    return _checked([entry], listed=False)[0]


def desired_connections(entries: Sequence[Mapping[str, Any]]) -> List[Desired[Any]]:
    """Return a list of connections as wanted, or raise one Failure that names every bad entry."""
    return _checked(entries, listed=True)


def desired_apis(
    all_desired: Sequence[Desired[Any]], switches: Mapping[str, Optional[bool]], ordered: bool
) -> List[Desired[Any]]:
    """Return what is wanted of the APIs themselves: their switches, and the order of their connections."""
    found: List[Desired[Any]] = []
    for kind, enabled in switches.items():
        listed = tuple(desired for desired in all_desired if desired.present and desired.fields["kind"] == kind)
        fields: Dict[str, Any] = {} if enabled is None else {"enabled": enabled}
        if ordered and listed:
            fields["order"] = listed
        if fields:
            found.append(Desired(API_NAMES[kind], True, {"kind": kind, **fields}))
    return found


def _checked(entries: Sequence[Mapping[str, Any]], listed: bool) -> List[Desired[Any]]:
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


def _desired(entry: Mapping[str, Any], shared: bool) -> Desired[Any]:
    url = plain_url(entry["base_url"])
    fields: Dict[str, Any] = {"kind": entry["kind"], "base_url": url, "shared": shared}
    fields.update({name: entry[name] for name in _PLAIN if entry[name] is not None})
    for name in ("tags", "model_ids"):
        if entry[name] is not None:
            fields[name] = list(dict.fromkeys(entry[name]))
    if entry["key"] is not None:
        fields["key"] = Masked(entry["key"])
    if entry["headers"] is not None:
        fields["headers"] = {str(name): Masked(str(value)) for name, value in entry["headers"].items()}
    if entry["config"] is not None:
        fields["config"] = entry["config"]
    name = connection_name(entry["kind"], url, entry["prefix_id"] or "")
    return Desired(name, entry["state"] == "present", fields)


def _problems(entry: Mapping[str, Any]) -> Iterator[str]:
    if entry["kind"] not in KINDS:
        yield _no_choice("kind", entry["kind"])
    if entry["state"] == "absent":
        return
    yield from url_problems(entry["base_url"])
    yield from _word_problems("prefix_id", entry["prefix_id"])
    for name in ("connection_type", "auth_type", "api_type"):
        if entry[name] is not None and entry[name] not in _CHOICES[name]:
            yield _no_choice(name, entry[name])
    for name in OPENAI_ONLY:
        if entry["kind"] != OPENAI and entry[name] is not None:
            yield f"{name} is for kind openai only; leave it out"
    for name in ("provider", "api_version"):
        yield from _word_problems(name, entry[name])
    for name in ("tags", "model_ids"):
        for word in entry[name] or ():
            yield from _word_problems(name, word, empty=f"{name} holds an empty entry; take it out")
    yield from _key_problems(entry["key"])
    yield from _header_problems(entry["headers"] or {})
    yield from _config_problems(entry)


def _no_choice(name: str, value: str) -> str:
    return f"{name} is {value[:80]!r}; it is one of {', '.join(choice or repr(choice) for choice in _CHOICES[name])}"


def _word_problems(name: str, word: Optional[str], empty: str = "") -> Iterator[str]:
    if word is None:
        return
    if empty and not word.strip():
        yield empty
    elif _CONTROL.search(word) or word != word.strip():
        yield f"{name} is {word[:80]!r}, with a control character or a blank at its end; take it out"
    yield from value_problems(word, name)


def _key_problems(key: Optional[str]) -> Iterator[str]:
    if key and (not key.isascii() or _CONTROL.search(key) or key != key.strip()):
        yield (
            "key holds a line end, a blank at its end or another character that no header can carry; "
            "give it as one line of ASCII (a key from a file often ends in a line end)"
        )


def _header_problems(headers: Mapping[str, Any]) -> Iterator[str]:
    for name, value in headers.items():
        if not _TOKEN.fullmatch(str(name)):
            yield f"headers has the name {str(name)[:80]!r}, which is none that HTTP knows; correct it"
        elif value is None or isinstance(value, (dict, list)):
            yield f"the header {name} has no text as its value; give some, or leave the header out"
        elif _CONTROL.search(str(value)):
            yield f"the header {name} holds a line end or another control character; give its value as one line"
        else:
            yield from value_problems(value, f"headers.{name}")


def _config_problems(entry: Mapping[str, Any]) -> Iterator[str]:
    options = {server: option for option, server in CONFIG_NAMES.get(entry["kind"], {}).items()}
    for name in entry["config"] or {}:
        if name in options:
            yield f"config has {name}, which has an option of its own; say it with {options[name]}"
    yield from value_problems(entry["config"] or {}, "config")
