# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Channels of Open WebUI as a resource of the engine.

Groups and direct messages, which people start themselves, are left alone.
"""

from __future__ import annotations

from typing import Any, Dict, Hashable, Iterator, List, Mapping, Optional, Sequence

from ...engine.converge import Current, Desired, Problem, Resource, State, Step
from ...engine.errors import Failure
from ...http.session import HttpFailure
from ..api.client import Client
from ..directory import access
from ..directory.access import Grants
from .spec import ChannelSpec, channel_key

READ = "read the channels"
SWITCH = "channels.enable"
"""The setting that enables channels; they are off by default."""

Record = Mapping[str, Any]


class Channels(Resource[ChannelSpec]):
    """Channels by name in lower case."""

    kind = "channel"

    def __init__(self, client: Client) -> None:
        self._client = client
        self._grants = Grants(client)
        self._records: Dict[Hashable, Record] = {}
        self._by_name: Mapping[str, Sequence[Record]] = {}

    def gather(self, all_desired: Sequence[Desired[ChannelSpec]]) -> Current:
        """Return all channels that an administrator created; raise Failure if channels are off."""
        rows = channel_rows(self._client)
        if rows is None:
            raise Failure(
                f"Cannot {READ}: channels are off on this server; set {SWITCH} to true (module webui_settings)."
            )
        by_name: Dict[str, List[Record]] = {}
        for row in rows:
            by_name.setdefault(channel_key(str(row["name"])), []).append(row)
        self._by_name = by_name
        self._records = {name: found[0] for name, found in by_name.items()}
        asked = {self.key(desired) for desired in all_desired if desired.spec.access is not None}
        return {key: self._state(record, key in asked) for key, record in self._records.items()}

    def key(self, desired: Desired[ChannelSpec]) -> Hashable:
        """Return the name in lower case, as the server stores that of a new channel."""
        return channel_key(desired.name)

    def desired_state(self, desired: Desired[ChannelSpec], current: Optional[State]) -> State:
        """Return the options of the task; a new channel has a name too."""
        fields: Dict[str, Any] = {"name": channel_key(desired.name)} if current is None else {}
        if desired.spec.description is not None:
            fields["description"] = desired.spec.description
        if desired.spec.access is not None:
            fields["access"] = desired.spec.access
        return fields

    def check(self, all_desired: Sequence[Desired[ChannelSpec]], current: Current) -> Iterator[Problem]:
        """Yield names that several channels have, and unknown groups and accounts."""
        for number, desired in enumerate(all_desired):
            same_name = self._by_name.get(channel_key(desired.name), ())
            if len(same_name) > 1:
                ids = " and ".join(sorted(str(row["id"]) for row in same_name))
                yield number, f"its name is ambiguous (ids {ids}); rename or delete all but one"
            elif desired.present and desired.spec.access is not None:
                yield from ((number, problem) for problem in self._grants.problems(desired.spec.access))

    def reread(self, step: Step[ChannelSpec]) -> State:
        """Return the channel as it is now: an update replaces all its fields."""
        record = self._client.get_mapping(f"channels/{self._id(step)}", f"update the channel {step.name}")
        self._records[step.key] = record
        return self._state(record, with_access="access" in step.changes)

    def create(self, step: Step[ChannelSpec]) -> None:
        """Create the channel with its access; without one it is private."""
        after = step.after or {}
        who = self._grants.in_create(after.get("access") or access.wanted({}))
        body = {"name": after["name"], "description": after.get("description", ""), **who}
        self._client.post("channels/create", f"create the channel {step.name}", json=body)

    def update(self, step: Step[ChannelSpec]) -> None:
        """Write the fields that differ. The server replaces the others by those of the request, so they go with it."""
        after, what = step.after or {}, f"update the channel {step.name}"
        record, path = self._records[step.key], f"channels/{self._id(step)}"
        has_own_call = self._client.features().channel_access
        if "access" in step.changes and has_own_call:
            self._grants.write(f"{path}/access/update", what, after["access"])
        if step.changes != ("access",) or not has_own_call:
            kept = {name: record.get(name) for name in ("name", "is_private", "data", "meta", "access_control")}
            who = self._grants.in_create(after["access"]) if "access" in step.changes and not has_own_call else {}
            body = {**kept, "description": after["description"], **who}
            self._client.post(f"{path}/update", what, json=body)

    def delete(self, step: Step[ChannelSpec]) -> None:
        """Delete the channel with its messages."""
        self._client.delete(f"channels/{self._id(step)}/delete", f"delete the channel {step.name}")

    def _id(self, step: Step[ChannelSpec]) -> str:
        return str(self._records[step.key]["id"])

    def _state(self, record: Record, with_access: bool) -> Dict[str, Any]:
        state = {
            "id": str(record["id"]),
            "name": str(record["name"]),
            "description": record.get("description") or "",
        }
        return {**state, "access": self._grants.state(record)} if with_access else state


def channel_rows(client: Client) -> Optional[List[Record]]:
    """Return the channels that administrators created; None if channels are off."""
    try:
        rows = client.get_list("channels/list", READ)
    except Failure as failure:
        answer = failure.__cause__
        if not (isinstance(answer, HttpFailure) and answer.status == 403 and "channels" in answer.words.lower()):
            raise
        # In a check run of a whole instance, an earlier part may be about to enable them.
        return [] if SWITCH in client.foreseen("settings") else None
    return [row for row in rows if not row.get("type")]
