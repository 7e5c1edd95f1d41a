# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person says of tools, functions and skills, checked before any call."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from operator import itemgetter
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

from ...engine.converge import Desired
from ...engine.entries import read_entries
from ..directory import access
from ..entries import values
from ..entries.code import declared_valves
from ..entries.near import near
from ..entries.src_files import SRC_OPTIONS, with_src

_ID: Dict[str, Any] = {"id": {"type": "str", "required": True}, "name": {"type": "str"}}
_CODE: Dict[str, Any] = {
    "content": {"type": "str"},
    **SRC_OPTIONS,
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

MAX_SKILL_BYTES = 10 * 1024 * 1024
OF_THE_CODE = ("manifest", "toggle", "has_user_valves")
"""What the server writes into ``meta`` itself, from the code."""
NO_FIELDS = ("id", "state", "src", "remote_src")


@dataclass(frozen=True)
class CodeSpec:
    """The options of a tool, function or skill; None where the task does not set an option or the kind has none."""

    written_id: str = ""
    """The id as the task writes it; the name of the desired object is the id in lower case."""
    name: Optional[str] = None
    content: Optional[str] = None
    description: Optional[str] = None
    meta: Optional[Mapping[str, Any]] = None
    valves: Optional[Mapping[str, Any]] = None
    active: Optional[bool] = None
    is_global: Optional[bool] = None
    access: Optional[access.Access] = None

    def options(self) -> Dict[str, Any]:
        """Return the options that the task sets, by their names."""
        values_by_name = {each.name: getattr(self, each.name) for each in fields(self)[1:]}
        values_by_name = {name: value for name, value in values_by_name.items() if value is not None}
        return {("global" if name == "is_global" else name): value for name, value in values_by_name.items()}


@dataclass(frozen=True)
class Kind:
    """One kind of these objects: its noun, and what its options are."""

    noun: str
    options: Mapping[str, Any]


TOOL = Kind("tool", TOOL_OPTIONS)
FUNCTION = Kind("function", FUNCTION_OPTIONS)
SKILL = Kind("skill", SKILL_OPTIONS)


def desired_code(kind: Kind, entries: Sequence[Mapping[str, Any]], listed: bool = True) -> List[Desired[CodeSpec]]:
    """Return objects as wanted, or raise one Failure with all that is wrong with them."""
    return read_entries(
        kind.noun,
        entries,
        listed=listed,
        key=lambda entry: entry["id"].lower(),
        label=itemgetter("id"),
        problems=partial(_problems, kind),
        desired=_desired,
        fill=partial(with_src, kind.noun),
    )


def _fields(entry: Mapping[str, Any]) -> Dict[str, Any]:
    return {name: value for name, value in entry.items() if value is not None and name not in NO_FIELDS}


def _problems(kind: Kind, entry: Mapping[str, Any]) -> Iterator[str]:
    if not entry["id"]:
        yield "id is empty; give the id of the object"
    if entry["state"] == "absent":
        return
    options = _fields(entry)
    for name, value in options.items():
        yield from values.problems(value, name)
    if kind is SKILL and len(options.get("content", "").encode("utf-8", "replace")) > MAX_SKILL_BYTES:
        yield "content has more than 10 MiB, which Open WebUI does not accept for a skill; shorten it"
    if "name" in options and not options["name"].strip():
        yield f"name is empty; leave it out, and a new {kind.noun} is named by its id"
    for key in sorted({*OF_THE_CODE, "description"} & (options.get("meta") or {}).keys()):
        remedy = (
            "use the option description" if key == "description" else "the server takes it from the code; remove it"
        )
        yield f"meta.{key} cannot be set; {remedy}"
    known = declared_valves(options["content"]) if "content" in options and options.get("valves") else None
    if known is not None:
        yield from unknown_valves(options["valves"], known)


def unknown_valves(valves: Mapping[str, Any], known: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each valve that the code does not have."""
    for name in valves:
        if name not in known:
            close = near(str(name), known)
            hint = f"did you mean {' or '.join(close)}?" if close else f"it has {', '.join(sorted(known)) or 'none'}"
            yield f"valves.{name} is not a valve of the code; {hint}"


def _desired(entry: Mapping[str, Any]) -> Desired[CodeSpec]:
    shared = entry.get("access")
    spec = CodeSpec(
        written_id=entry["id"],
        name=entry.get("name"),
        content=entry.get("content"),
        description=entry.get("description"),
        meta=entry.get("meta"),
        valves=entry.get("valves"),
        active=entry.get("active"),
        is_global=entry.get("global"),
        access=None if shared is None else access.wanted(shared),
    )
    return Desired(entry["id"].lower(), spec, entry["state"] == "present")
