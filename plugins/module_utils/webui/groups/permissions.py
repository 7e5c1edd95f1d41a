# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions: a tree of sections and keys, which depend on the version of Open WebUI."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, Dict, Iterator, List, Mapping, Optional

from ..api.client import Client

PATH = "users/default/permissions"
READ = "read the default permissions"
MAX_KEY_LENGTH = 80

Tree = Dict[str, Dict[str, bool]]


def form_problems(tree: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the form of a tree; yes and no of YAML are booleans, quoted ones are not."""
    for section, keys in tree.items():
        if not isinstance(keys, Mapping):
            yield f"permissions.{legible(section)} is not a mapping; set each of its keys to true or false"
            continue
        for key, value in keys.items():
            if not isinstance(value, bool):
                yield f"permissions.{legible(section)}.{legible(key)} is {value!r:.40}; set it to true or false"


def unknown(tree: Mapping[str, Mapping[str, bool]], known: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a sentence for each section and key that the server does not have."""
    for section, keys in tree.items():
        if section not in known:
            yield f"permissions.{legible(section)} is not a section of this server{_suggestion(section, known)}"
            continue
        for key in keys:
            if key not in known[section]:
                hint = _suggestion(key, known[section])
                yield f"permissions.{section}.{legible(key)} is not a permission of this server{hint}"


def _suggestion(key: str, known: Mapping[str, Any]) -> str:
    similar = get_close_matches(key[:MAX_KEY_LENGTH], known, 3)
    if similar:
        return f" (did you mean {' or '.join(similar)}?)"
    return f" (this server has: {', '.join(sorted(known))})"


def legible(name: str) -> str:
    """Return a printable form of a name, of bounded length."""
    text = name[:MAX_KEY_LENGTH] + ("..." if len(name) > MAX_KEY_LENGTH else "")
    return text if text.isprintable() else ascii(text)[1:-1]


def merged(current: Optional[Mapping[str, Any]], desired: Mapping[str, Mapping[str, bool]]) -> Tree:
    """Return the current tree with the desired keys written over it."""
    result = {section: dict(keys) for section, keys in (current or {}).items() if isinstance(keys, Mapping)}
    for section, keys in desired.items():
        result.setdefault(section, {}).update(keys)
    return result


def granted(tree: Optional[Mapping[str, Any]]) -> Dict[str, List[str]]:
    """Return the keys that a tree grants; a missing key counts as false."""
    found = {
        section: sorted(key for key, value in keys.items() if value)
        for section, keys in (tree or {}).items()
        if isinstance(keys, Mapping)
    }
    return {section: keys for section, keys in found.items() if keys}


def default_permissions(client: Client) -> Mapping[str, Mapping[str, Any]]:
    """Return the permissions of all accounts; they have every section and key that the server knows."""
    tree = client.get_mapping(PATH, READ)
    return {section: keys for section, keys in tree.items() if isinstance(keys, dict)}
