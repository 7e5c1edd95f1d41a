# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person says of groups, checked before any call."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Dict, Iterator, List, Mapping, Sequence

from ...engine.converge import Desired
from ...engine.entries import read_entries
from ..entries import values
from . import permissions

SHARES = {"anyone": True, "members": "members", "no_one": False}
"""Who may share with a group, by what the server keeps for it."""
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
MOST_CHARACTERS = 1000


def desired_groups(entries: Sequence[Mapping[str, Any]], listed: bool = True) -> List[Desired[Any]]:
    """Return groups as wanted, or raise one Failure with all that is wrong with them."""
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
    """Yield what is wrong with the name of a new group; what exists may be called anything."""
    if not name or name != name.strip():
        yield f"name is {name!r:.80}; give one that is not empty, without blanks around it"
    if not all(character.isprintable() or character in "\u200c\u200d" for character in name):
        yield "name holds characters that nobody sees; take them out"
    if len(name) > MOST_CHARACTERS:
        yield f"name has {len(name)} characters; give {MOST_CHARACTERS} at most"


def _problems(entry: Mapping[str, Any], absent: Any) -> Iterator[str]:
    name = entry["name"]
    if entry["state"] == "absent":
        return
    yield from values.problems(entry["name"], "name")
    yield from values.problems(entry["description"], "description")
    yield from permissions.form_problems(entry["permissions"] or {})
    for email in entry["members"] or ():
        if not email.strip():
            yield "members has an empty entry; give the e-mails of accounts"
    if entry["purge_members"] and entry["members"] is None:
        yield "purge_members needs members, the accounts that stay; give [] to empty the group"
    if any(not model.strip() for model in entry["default_models"] or ()):
        yield "default_models has an empty one; give ids of models, or [] for none"
    if entry["parent"] == name:
        yield "parent is the group itself; give another group, or leave it out"
    if entry["parent"] in absent:
        yield f"parent is {entry['parent']!r}, which the list has as absent; drop one of the two"


def _desired(entry: Mapping[str, Any]) -> Desired[Any]:
    said = ("description", "permissions", "parent", "share")
    fields = {name: entry[name] for name in said if entry[name] is not None}
    if entry["default_models"] is not None:
        # As the server does.
        fields["default_models"] = list(dict.fromkeys(model.strip() for model in entry["default_models"]))
    if entry["members"] is not None:
        fields["members"] = sorted({email.strip().lower() for email in entry["members"]})
        fields["purge_members"] = entry["purge_members"]
    return Desired(entry["name"], entry["state"] == "present", fields)
