# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person says of prompts, checked before any call."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Sequence

from ..converge import Wish
from . import access, values
from .problems import Problems

PROMPT_OPTIONS: Dict[str, Any] = {
    "command": {"type": "str", "required": True},
    "name": {"type": "str"},
    "content": {"type": "str"},
    "tags": {"type": "list", "elements": "str"},
    "active": {"type": "bool"},
    "access": access.ACCESS,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
MOST_COMMAND_CHARACTERS = 256


def prompt_wishes(entries: Sequence[Mapping[str, Any]], listed: bool = True) -> List[Wish]:
    """Return prompts as wanted, or raise one Failure with all that is wrong with them."""
    wrong = Problems("prompt", listed)
    seen: Dict[str, int] = {}
    for number, entry in enumerate(entries, 1):
        found = list(_problems(entry))
        first = seen.setdefault(bare(entry["command"]), number)
        if first != number:
            found.append(f"it is listed twice (entry {first} is the same prompt)")
        wrong.add(number, entry["command"], found)
    wrong.refuse(len(entries))
    return [_wish(entry) for entry in entries]


def bare(command: str) -> str:
    """Return a command without its slash, which people type and which belongs to no name."""
    return command.removeprefix("/")


def _problems(entry: Mapping[str, Any]) -> Iterator[str]:
    command = bare(entry["command"])
    if not command:
        yield "command is empty"
    if any(character.isspace() or character in "/\0" for character in command):
        yield f"command is {command[:80]!r}, which nobody can type; give one without blanks and slashes"
    if len(command) > MOST_COMMAND_CHARACTERS:
        yield f"command has {len(command)} characters; give {MOST_COMMAND_CHARACTERS} at most"
    if entry["state"] == "absent":
        return
    for name, value in entry.items():
        yield from values.problems(value, name)
    if entry["name"] is not None and not entry["name"].strip():
        yield "name is empty; leave it out, and a new prompt is named by its command"
    if not all(tag and tag.strip() for tag in entry["tags"] or ()):
        yield "tags has an empty item; take it out"


def _wish(entry: Mapping[str, Any]) -> Wish:
    fields = {name: value for name, value in entry.items() if value is not None and name not in ("command", "state")}
    if "tags" in fields:
        fields["tags"] = sorted(set(fields["tags"]))
    if "access" in fields:
        fields["access"] = access.wanted(fields["access"])
    return Wish(bare(entry["command"]), entry["state"] == "present", fields)
