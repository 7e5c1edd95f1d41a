# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired channels of a task, validated without the server."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

from ...engine.converge import Desired
from ...engine.entries import read_entries
from ..directory import access
from ..entries import values

CHANNEL_OPTIONS: Dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "description": {"type": "str"},
    "access": access.ACCESS,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


@dataclass(frozen=True)
class ChannelSpec:
    """The options of one channel; None where the task does not set an option."""

    description: Optional[str] = None
    access: Optional[access.Access] = None


def desired_channels(entries: Sequence[Mapping[str, Any]], listed: bool = True) -> List[Desired[ChannelSpec]]:
    """Return the desired channels, or raise one Failure with all their problems."""
    return read_entries(
        "channel",
        entries,
        listed=listed,
        key=lambda entry: channel_key(entry["name"]),
        label=itemgetter("name"),
        problems=_problems,
        desired=_desired,
    )


def channel_key(name: str) -> str:
    """Return the identity of a channel: the server stores the names of new channels in lower case."""
    return name.lower()


def _problems(entry: Mapping[str, Any]) -> Iterator[str]:
    if entry["state"] == "absent":
        return
    name = entry["name"]
    if not name or name != name.strip():
        yield f"name is {name!r:.80}; use a name that is not empty and has no blanks around it"
    yield from values.problems(name, "name")
    yield from values.problems(entry["description"], "description")


def _desired(entry: Mapping[str, Any]) -> Desired[ChannelSpec]:
    who = entry["access"]
    spec = ChannelSpec(entry["description"], None if who is None else access.wanted(who))
    return Desired(entry["name"], spec, entry["state"] == "present")
