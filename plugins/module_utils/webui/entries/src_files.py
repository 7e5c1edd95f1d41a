# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option `src` of the workspace modules, for files on the managed host; actions read those on the controller."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ...engine.errors import Failure
from ..api.client import WEBUI_RULES
from .code import read_code
from .ui_export import Entry, filled, listed

SRC_OPTIONS: Dict[str, Any] = {"src": {"type": "path"}, "remote_src": {"type": "bool", "default": False}}


def with_src(noun: str, entry: Mapping[str, Any]) -> Tuple[Entry, List[str]]:
    """Return the options of one object with those from its ``src``, and the problems of that."""
    if entry.get("src") is None or entry["state"] == "absent":
        return dict(entry), []
    if entry.get("content") is not None:
        return dict(entry), ["content and src are mutually exclusive; set one of them"]
    try:
        return filled(noun, entry, read_code(entry["src"]), entry["src"]), []
    except Failure as failure:
        return dict(entry), [failure.message]


def list_rules(plural: str) -> Dict[str, Any]:
    """Return the rules of AnsibleModule for a module that needs a list, or a file with one."""
    return {**WEBUI_RULES, "required_one_of": [*WEBUI_RULES["required_one_of"], [plural, "src"]]}


def all_entries(
    noun: str, entries: Optional[Sequence[Mapping[str, Any]]], src: Optional[str], options: Mapping[str, Any]
) -> List[Entry]:
    """Return the entries of a list and of its ``src``, each with all ``options`` of an entry."""
    if src is None:
        return [dict(entry) for entry in entries or ()]
    defaults = {name: option.get("default") for name, option in options.items()}
    return [{**defaults, **entry} for entry in listed(noun, entries or (), read_code(src), src)]
