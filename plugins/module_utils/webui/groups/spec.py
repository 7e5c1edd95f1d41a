# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired groups of a task, validated without the server."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Collection, Dict, Iterator, List, Mapping, Optional, Sequence

from ...engine.converge import Desired
from ...engine.entries import read_entries
from ..entries import values
from . import permissions

SHARES = {"anyone": True, "members": "members", "no_one": False}
"""Who may share with a group, and the value that the server stores for it."""
GROUP_OPTIONS: Dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "description": {"type": "str"},
    "permissions": {"type": "dict"},
    "members": {"type": "list", "elements": "str"},
    "purge_members": {"type": "bool", "default": False},
    "parent": {"type": "str"},
    "share": {"type": "str", "choices": list(SHARES)},
    "default_models": {"type": "list", "elements": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
MAX_NAME_LENGTH = 1000


@dataclass(frozen=True)
class GroupSpec:
    """The options of one group; None where the task does not set an option."""

    description: Optional[str] = None
    permissions: Optional[Mapping[str, Mapping[str, bool]]] = None
    parent: Optional[str] = None
    """The name of the group that this one is part of; empty for none."""
    share: Optional[str] = None
    default_models: Optional[Sequence[str]] = None
    members: Optional[Sequence[str]] = None
    """E-mail addresses in lower case, sorted."""
    purge_members: bool = False


def desired_groups(entries: Sequence[Mapping[str, Any]], listed: bool = True) -> List[Desired[GroupSpec]]:
    """Return the desired groups, or raise one Failure with all their problems."""
    absent = {entry["name"] for entry in entries if entry["state"] == "absent"}
    name = itemgetter("name")
    return read_entries(
        "group",
        entries,
        listed=listed,
        key=name,
        label=name,
        problems=lambda entry: _problems(entry, absent),
        desired=_desired,
    )


def new_name_problems(name: str) -> Iterator[str]:
    """Yield what is wrong with the name of a new group; an existing group may have any name."""
    if not name or name != name.strip():
        yield f"name is {name!r:.80}; use a name that is not empty and has no blanks around it"
    if not all(character.isprintable() or character in "\u200c\u200d" for character in name):
        yield "name contains invisible characters; remove them"
    if len(name) > MAX_NAME_LENGTH:
        yield f"name has {len(name)} characters; use at most {MAX_NAME_LENGTH}"


def _problems(entry: Mapping[str, Any], absent: Collection[str]) -> Iterator[str]:
    name = entry["name"]
    if entry["state"] == "absent":
        return
    yield from values.problems(entry["name"], "name")
    yield from values.problems(entry["description"], "description")
    yield from permissions.form_problems(entry["permissions"] or {})
    for email in entry["members"] or ():
        if not email.strip():
            yield "members has an empty entry; use the e-mail addresses of accounts"
    if entry["purge_members"] and entry["members"] is None:
        yield "purge_members needs members, the accounts to keep; set members to [] to empty the group"
    if any(not model.strip() for model in entry["default_models"] or ()):
        yield "default_models has an empty entry; use ids of models, or [] for none"
    if entry["parent"] == name:
        yield "parent is the group itself; set another group, or leave it out"
    if entry["parent"] in absent:
        yield f"parent is {entry['parent']!r}, which the list has with state absent; remove one of the two"


def _desired(entry: Mapping[str, Any]) -> Desired[GroupSpec]:
    models, members = entry["default_models"], entry["members"]
    spec = GroupSpec(
        description=entry["description"],
        permissions=entry["permissions"],
        parent=entry["parent"],
        share=entry["share"],
        # The server strips and deduplicates them, too.
        default_models=None if models is None else list(dict.fromkeys(model.strip() for model in models)),
        members=None if members is None else sorted({email.strip().lower() for email in members}),
        purge_members=members is not None and entry["purge_members"],
    )
    return Desired(entry["name"], spec, entry["state"] == "present")
