# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person says of prompts, checked before any call."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

from ...engine.converge import Desired
from ...engine.entries import read_entries
from ..directory import access
from ..entries import values
from ..entries.src_files import SRC_OPTIONS, with_src

PROMPT_OPTIONS: Dict[str, Any] = {
    "command": {"type": "str", "required": True},
    "name": {"type": "str"},
    "content": {"type": "str"},
    "tags": {"type": "list", "elements": "str"},
    "active": {"type": "bool"},
    "access": access.ACCESS,
    **SRC_OPTIONS,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
MAX_COMMAND_CHARACTERS = 256


@dataclass(frozen=True)
class PromptSpec:
    """The options of one prompt; None where the task does not set an option."""

    name: Optional[str] = None
    content: Optional[str] = None
    tags: Optional[Sequence[str]] = None
    """Sorted, without duplicates."""
    active: Optional[bool] = None
    access: Optional[access.Access] = None


def desired_prompts(entries: Sequence[Mapping[str, Any]], listed: bool = True) -> List[Desired[PromptSpec]]:
    """Return prompts as wanted, or raise one Failure with all that is wrong with them."""
    return read_entries(
        "prompt",
        entries,
        listed=listed,
        key=lambda entry: bare(entry["command"]),
        label=itemgetter("command"),
        problems=_problems,
        desired=_desired,
        fill=partial(with_src, "prompt"),
    )


def bare(command: str) -> str:
    """Return a command without its slash, which people type and which belongs to no name."""
    return command.removeprefix("/")


def new_command_problems(command: str) -> Iterator[str]:
    """Yield why a new prompt must not get a command; Open WebUI itself takes any."""
    if not command:
        yield "command is empty; give one"
    if any(character.isspace() or character == "/" for character in command):
        yield f"command is {command[:80]!r}, which nobody can type; give one without blanks and slashes"
    if len(command) > MAX_COMMAND_CHARACTERS:
        yield f"command has {len(command)} characters; give {MAX_COMMAND_CHARACTERS} at most"


def _problems(entry: Mapping[str, Any]) -> Iterator[str]:
    if entry["state"] == "absent":
        return
    for name, value in entry.items():
        yield from values.problems(value, name)
    if entry["name"] is not None and not entry["name"].strip():
        yield "name is empty; leave it out, and a new prompt is named by its command"
    if not all(tag and tag.strip() for tag in entry["tags"] or ()):
        yield "tags has an empty item; take it out"


def _desired(entry: Mapping[str, Any]) -> Desired[PromptSpec]:
    tags, shared = entry["tags"], entry["access"]
    spec = PromptSpec(
        name=entry["name"],
        content=entry["content"],
        tags=None if tags is None else sorted(set(tags)),
        active=entry["active"],
        access=None if shared is None else access.wanted(shared),
    )
    return Desired(bare(entry["command"]), spec, entry["state"] == "present")
