# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Knowledge bases of Open WebUI as a resource of the engine: by name here, by id on the server."""

from __future__ import annotations

from typing import Any, Dict, Hashable, Iterator, List, Mapping, Optional, Sequence

from ...engine.converge import Current, Desired, Problem, Resource, State, Step
from ...engine.errors import Failure
from ..api.client import Client
from ..directory import access
from ..directory.access import Grants
from ..entries import values
from .spec import NOUN, KnowledgeSpec

READ = "read the knowledge bases"


class Bases(Resource[KnowledgeSpec]):
    """One knowledge base by its name, which is not unique on the server. ``filled`` if files are put into it."""

    kind = "knowledge"
    noun = NOUN

    def __init__(self, client: Client, filled: bool) -> None:
        self._client = client
        self._grants = Grants(client)
        self._filled = filled
        self._record: Mapping[str, Any] = {}
        self._found: Sequence[Mapping[str, Any]] = ()

    @property
    def id(self) -> str:
        """Return the id of the base that was read or created last; empty without one."""
        return str(self._record.get("id", ""))

    def gather(self, all_desired: Sequence[Desired[KnowledgeSpec]]) -> Current:
        """Return the base of the one desired object."""
        (desired,) = all_desired
        # Some databases interpret a backslash and store no NUL, and no request can have half a surrogate pair.
        plain = desired.name.strip() and "\\" not in desired.name and not values.UNSTORABLE.search(desired.name)
        query = {"query": desired.name} if plain else {}
        rows = {str(row["id"]): row for row in self._client.get_pages("knowledge/search", READ, **query)}
        found = [row for row in rows.values() if row["name"] == desired.name]
        self._found = found
        self._record = found[0] if found else {}
        return {desired.name: self._state(found[0], desired)} if found else {}

    def check(self, all_desired: Sequence[Desired[KnowledgeSpec]], current: Current) -> Iterator[Problem]:
        """Yield an ambiguous name, and unknown groups and accounts of the access."""
        yield from ((0, problem) for problem in self._problems(all_desired[0], self._found))

    def key(self, desired: Desired[KnowledgeSpec]) -> Hashable:
        """Return the name as it is written; the server does not compare names."""
        return desired.name

    def desired_state(self, desired: Desired[KnowledgeSpec], current: Optional[State]) -> State:
        """Return the fields that the task sets; a new base always has a description."""
        spec = desired.spec
        state = {
            "description": "" if current is None and spec.description is None else spec.description,
            "name": desired.name,
            "access": spec.access,
        }
        return {name: value for name, value in state.items() if value is not None}

    def reread(self, step: Step[KnowledgeSpec]) -> State:
        """Return the base as it is now."""
        self._record = self._client.get_mapping(f"knowledge/{self.id}", f"update the knowledge base {step.name}")
        state = {name: self._record.get(name) or "" for name in ("name", "description")}
        return {**state, "access": self._grants.state(self._record)} if "access" in step.changes else state

    def create(self, step: Step[KnowledgeSpec]) -> None:
        """Create the base with its access in one call."""
        after = step.after or {}
        body = {name: after[name] for name in ("name", "description")}
        body.update(self._grants.in_create(after.get("access") or access.wanted({})))
        what = f"create the knowledge base {step.name}"
        answer = self._client.post("knowledge/create", what, json=body)
        if not isinstance(answer, dict):
            raise Failure(f"Cannot {what}: Open WebUI at {self._client.url} created none; see the log of the server.")
        self._record = answer

    def update(self, step: Step[KnowledgeSpec]) -> None:
        """Write the description, and the access by its own call."""
        after = step.after or {}
        shared = after["access"] if "access" in step.changes else None
        what = f"update the knowledge base {step.name}"
        before = {} if self._client.features().access_grants else {"access_control": self._record.get("access_control")}
        in_update = self._grants.in_update(shared) if shared else before
        if "description" in step.changes or (shared and in_update):
            body = {"name": after["name"], "description": after["description"], **in_update}
            self._client.post(f"knowledge/{self.id}/update", what, json=body)
        if shared:
            self._grants.write(f"knowledge/{self.id}/access/update", what, shared)

    def delete(self, step: Step[KnowledgeSpec]) -> None:
        """Delete the base; its files are removed first."""
        self._client.delete(f"knowledge/{self.id}/delete", f"delete the knowledge base {step.name}")

    def _state(self, record: Mapping[str, Any], desired: Desired[KnowledgeSpec]) -> Dict[str, Any]:
        state = {"id": record["id"], "name": record["name"], "description": record.get("description") or ""}
        return {**state, "access": self._grants.state(record)} if desired.spec.access is not None else state

    def _problems(self, desired: Desired[KnowledgeSpec], found: Sequence[Mapping[str, Any]]) -> List[str]:
        if len(found) > 1:
            ids = ", ".join(sorted(str(row["id"]) for row in found))
            return [f"the name is ambiguous (ids {ids}); rename or delete all but one of them"]
        external = [row for row in found if (row.get("meta") or {}).get("source") == "external"]
        if external and self._filled and desired.present:
            return ["it is an external knowledge base, which takes no files; remove src, or use another name"]
        shared = desired.spec.access if desired.present else None
        return [] if shared is None else self._grants.problems(shared)
