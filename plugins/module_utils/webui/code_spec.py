# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person says of tools, functions and skills, checked before any call."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Sequence

from ..converge import Wish
from ..errors import Failure
from . import access, values
from .code import declared_valves, read_code
from .problems import Problems
from .settings_keys import near

_ID: Dict[str, Any] = {"id": {"type": "str", "required": True}, "name": {"type": "str"}}
_CODE: Dict[str, Any] = {
    "content": {"type": "str"},
    "src": {"type": "path"},
    "remote_src": {"type": "bool", "default": False},
    "description": {"type": "str"},
}
_PLUGIN: Dict[str, Any] = {"meta": {"type": "dict"}, "valves": {"type": "dict"}}
_STATE: Dict[str, Any] = {"state": {"type": "str", "choices": ["present", "absent"], "default": "present"}}
TOOL_OPTIONS: Dict[str, Any] = {**_ID, **_CODE, **_PLUGIN, "access": access.ACCESS, **_STATE}
FUNCTION_OPTIONS: Dict[str, Any] = {
    **_ID,
    **_CODE,
    **_PLUGIN,
    "active": {"type": "bool"},
    "global": {"type": "bool"},
    **_STATE,
}
SKILL_OPTIONS: Dict[str, Any] = {**_ID, **_CODE, "active": {"type": "bool"}, "access": access.ACCESS, **_STATE}

MOST_ID_BYTES = 255
"""The server makes a folder of this name, and does so after it stored the object."""
MOST_SKILL_BYTES = 10 * 1024 * 1024
OF_THE_CODE = ("manifest", "toggle", "has_user_valves")
"""What the server writes into ``meta`` itself, from the code."""
NO_FIELDS = ("id", "state", "src", "remote_src")


@dataclass(frozen=True)
class Kind:
    """One kind of these objects: its noun, what its options are, and what an id of it may be."""

    noun: str
    options: Mapping[str, Any]
    ids: str


TOOL = Kind("tool", TOOL_OPTIONS, "letters, digits and underscores, and no digit in front")
FUNCTION = Kind("function", FUNCTION_OPTIONS, TOOL.ids)
SKILL = Kind("skill", SKILL_OPTIONS, "the letters a to z, digits, - and _")


def code_wishes(kind: Kind, entries: Sequence[Mapping[str, Any]], listed: bool = True) -> List[Wish]:
    """Return objects as wanted, or raise one Failure with all that is wrong with them."""
    wrong = Problems(kind.noun, listed)
    seen: Dict[str, int] = {}
    wishes = []
    for number, entry in enumerate(entries, 1):
        found = list(_id_problems(kind, entry["id"]))
        first = seen.setdefault(entry["id"].lower(), number)
        if first != number:
            found.append(f"it is listed twice (entry {first} is the same {kind.noun})")
        fields = {name: value for name, value in entry.items() if value is not None and name not in NO_FIELDS}
        if entry["state"] == "present":
            found += _source(entry, fields)
            found += _problems(kind, fields)
        wrong.add(number, entry["id"], found)
        wishes.append(_wish(entry, fields))
    wrong.refuse(len(entries))
    return wishes


def _id_problems(kind: Kind, given: str) -> Iterator[str]:
    fits = re.fullmatch("[a-z0-9_-]+", given.lower()) if kind is SKILL else given.isidentifier()
    if not given:
        yield "id is empty"
    elif not fits:
        yield f"id is {given[:80]!r}, and an id of a {kind.noun} may hold {kind.ids}; give such a one"
    if len(given.lower().encode("utf-8", "replace")) > MOST_ID_BYTES:
        yield f"id has more than {MOST_ID_BYTES} bytes; shorten it"


def _source(entry: Mapping[str, Any], fields: Dict[str, Any]) -> Iterator[str]:
    """Put the text of ``src`` into the fields; yield why that cannot be."""
    if entry["src"] is None:
        return
    if entry["content"] is not None:
        yield "content and src are both given; give one of them"
        return
    try:
        fields["content"] = read_code(entry["src"])
    except Failure as failure:
        yield failure.message


def _problems(kind: Kind, fields: Mapping[str, Any]) -> Iterator[str]:
    for name, value in fields.items():
        yield from values.problems(value, name)
    if kind is SKILL and len(fields.get("content", "").encode("utf-8", "replace")) > MOST_SKILL_BYTES:
        yield "content has more than 10 MiB, and Open WebUI takes no more for a skill; shorten it"
    if "name" in fields and not fields["name"].strip():
        yield f"name is empty; leave it out, and a new {kind.noun} is named by its id"
    for key in sorted({*OF_THE_CODE, "description"} & (fields.get("meta") or {}).keys()):
        way_out = "say it by description" if key == "description" else "it comes from the code; leave it out"
        yield f"meta.{key} is given, and {way_out}"
    known = declared_valves(fields["content"]) if "content" in fields and fields.get("valves") else None
    if known is not None:
        yield from unknown_valves(fields["valves"], known)


def unknown_valves(given: Mapping[str, Any], known: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each valve that the code does not have."""
    for name in given:
        if name not in known:
            close = near(str(name), known)
            told = f"did you mean {' or '.join(close)}?" if close else f"it has {', '.join(sorted(known)) or 'none'}"
            yield f"valves.{name} is none that the code has; {told}"


def _wish(entry: Mapping[str, Any], fields: Dict[str, Any]) -> Wish:
    if "access" in fields:
        fields["access"] = access.wanted(fields["access"])
    return Wish(entry["id"].lower(), entry["state"] == "present", fields)
