# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups by name. Open WebUI knows them by id and allows equal names."""

from __future__ import annotations

from typing import Any, Collection, Dict, Iterable, List, Mapping, Optional

from ..api.client import Client


class Groups:
    """The groups of one server, read once for all lookups."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._rows: Optional[List[Mapping[str, Any]]] = None

    def forget(self) -> None:
        """Read the groups again at the next lookup."""
        self._rows = None

    def rows(self) -> List[Mapping[str, Any]]:
        """Return all groups as the server lists them."""
        if self._rows is None:
            self._rows = self._client.get_list("groups/", "read the groups")
        return self._rows

    def problems(self, names: Iterable[str]) -> List[str]:
        """Return a sentence for each name without exactly one group, current or foreseen."""
        by_name = self._by_name()
        foreseen = self._client.foreseen("groups")
        found = []
        for name in names:
            ids = by_name.get(name, [])
            if not ids and name not in foreseen:
                known = ", ".join(sorted(by_name)) or "none"
                found.append(f"there is no group {name!r} on the server (there are: {known}); create it first")
            elif len(ids) > 1:
                found.append(f"the group name {name!r} is ambiguous (ids {', '.join(sorted(ids))}); rename all but one")
        return found

    def ids(self, names: Iterable[str]) -> List[str]:
        """Return the ids of names that have no problems."""
        by_name = self._by_name()
        return [by_name[name][0] for name in names]

    def find(self, name: str) -> Optional[str]:
        """Return the id of the one group of a name, or None."""
        ids = self._by_name().get(name, [])
        return ids[0] if len(ids) == 1 else None

    def names(self, ids: Iterable[str]) -> List[str]:
        """Return the sorted names of groups; the id of a deleted group stays an id."""
        by_id = {row["id"]: str(row["name"]) for row in self.rows()}
        return sorted(by_id.get(found, found) for found in ids)

    def members(self, group_id: str) -> List[str]:
        """Return the ids of a group's own members."""
        answer = self._client.get_mapping(f"groups/id/{group_id}/export", "read the members of a group")
        return list(answer.get("user_ids") or [])

    def move(self, user_id: str, email: str, now: Collection[str], wanted: Collection[str]) -> None:
        """Move a user from the groups ``now`` to exactly the groups ``wanted`` (ids)."""
        plan = (("add", "to", set(wanted) - set(now)), ("remove", "from", set(now) - set(wanted)))
        for verb, preposition, ids in plan:
            for group_id in sorted(ids):
                self._client.post(
                    f"groups/id/{group_id}/users/{verb}",
                    f"{verb} the user {email} {preposition} the group {self.names([group_id])[0]}",
                    json={"user_ids": [user_id]},
                )

    def _by_name(self) -> Dict[str, List[str]]:
        found: Dict[str, List[str]] = {}
        for row in self.rows():
            found.setdefault(str(row["name"]), []).append(row["id"])
        return found
