# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person says of a knowledge base, checked before any call."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

from ...engine.converge import Desired
from ...engine.entries import read_entries
from ..directory import access
from ..entries import values

KNOWLEDGE_OPTIONS: Dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "description": {"type": "str"},
    "src": {"type": "path"},
    "remote_src": {"type": "bool", "default": False},
    "src_archive": {"type": "path"},
    "patterns": {"type": "list", "elements": "str", "default": []},
    "excludes": {"type": "list", "elements": "str", "default": []},
    "recurse": {"type": "bool", "default": True},
    "purge": {"type": "str", "choices": ["none", "own", "all"], "default": "own"},
    "access": access.ACCESS,
    "process_timeout": {"type": "float", "default": 300.0},
    "workers": {"type": "int", "default": 4},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
MAX_WORKERS = 16
NOUN = "knowledge base"


@dataclass(frozen=True)
class KnowledgeSpec:
    """The options of one knowledge base, without its files; None where the task does not set an option."""

    description: Optional[str] = None
    access: Optional[access.Access] = None


def desired_knowledge(params: Mapping[str, Any]) -> Desired[KnowledgeSpec]:
    """Return the one base of a task; raise a Failure with all its problems."""
    (desired,) = _read([params], listed=False)
    return desired


def desired_bases(entries: Sequence[Mapping[str, Any]]) -> List[Desired[KnowledgeSpec]]:
    """Return the bases of a list; raise one Failure with the problems of all entries."""
    return _read(entries, listed=True)


def _read(entries: Sequence[Mapping[str, Any]], listed: bool) -> List[Desired[KnowledgeSpec]]:
    name = itemgetter("name")
    return read_entries(NOUN, entries, listed=listed, key=name, label=name, problems=_problems, desired=_desired)


def _desired(params: Mapping[str, Any]) -> Desired[KnowledgeSpec]:
    shared = params["access"]
    spec = KnowledgeSpec(params["description"], None if shared is None else access.wanted(shared))
    return Desired(params["name"], spec, params["state"] == "present")


def _problems(params: Mapping[str, Any]) -> Iterator[str]:
    if not params["name"].strip() and params["state"] == "present":
        yield "name is empty; give one"
    if not 1 <= params["workers"] <= MAX_WORKERS:
        yield f"workers is {params['workers']}; give a number from 1 to {MAX_WORKERS}"
    if params["process_timeout"] <= 0:
        yield f"process_timeout is {params['process_timeout']:g}; give a number of seconds above 0"
    for name in ("name", "description") if params["state"] == "present" else ():
        yield from values.problems(params[name], name)
