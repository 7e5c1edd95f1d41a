# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Skills of Open WebUI as a resource of the engine."""

from __future__ import annotations

from typing import Any, Dict, Hashable, Iterator, List, Mapping, Optional, Sequence
from urllib.parse import quote

from ...engine.converge import Current, Desired, Problem, Resource, State, Step
from ...engine.errors import Failure
from ..api.client import Client
from ..directory import access
from ..directory.access import Grants
from ..entries import values
from .code_ids import ambiguous, by_key, new_id_problems, unaddressable
from .code_objects import Record, posted_code
from .code_spec import CodeSpec

READ = "read the skills"
MAIN_FILE = "SKILL.md"
"""The file of a skill that is its content, since skills have files."""
FIELDS = ("name", "description", "content", "active")
"""What the call that updates a skill takes."""


class Skills(Resource[CodeSpec]):
    """Skills by id."""

    kind = "skill"

    def __init__(self, client: Client) -> None:
        self._client = client
        self._grants = Grants(client)
        self._records: Dict[str, Record] = {}
        self._known_ids: Dict[str, str] = {}

    def gather(self, all_desired: Sequence[Desired[CodeSpec]]) -> Current:
        """Return all skills."""
        features = self._client.features()
        if not features.skills:
            raise Failure(f"Skills need Open WebUI 0.8 or newer, and the server is {features.version}.")
        self._records = by_key(self._client.get_list("skills/", READ), all_desired, self._known_ids)
        contents = {str(row["id"]): _content(row) for row in self._client.get_list("skills/export", READ)}
        asked = {desired.name for desired in all_desired if desired.spec.access is not None}
        return {
            key: self._state(record, contents.get(str(record["id"]), ""), key in asked)
            for key, record in self._records.items()
        }

    def key(self, desired: Desired[CodeSpec]) -> Hashable:
        """Return the id in lower case, as the server stores it, which the desired object bears as its name."""
        return desired.name

    def label(self, key: Hashable, state: State) -> str:
        """Return the id, by which skills are known."""
        return str(state["id"])

    def desired_state(self, desired: Desired[CodeSpec], current: Optional[State]) -> State:
        """Return the options that the task sets; a new skill always gets a name."""
        wanted = {**desired.spec.options(), "id": (current or {}).get("id", desired.name)}
        return {"name": desired.name, **wanted} if current is None else wanted

    def equal(self, name: str, current: Any, wanted: Any) -> bool:
        """Compare without empty values."""
        return values.alike(current, wanted)

    def check(self, all_desired: Sequence[Desired[CodeSpec]], current: Current) -> Iterator[Problem]:
        """Yield ambiguous ids, and names that another skill has."""
        for number, desired in enumerate(all_desired):
            found = list(ambiguous(desired, self._records, self._known_ids))
            found += self._problems(desired, all_desired) if desired.present else []
            yield from ((number, problem) for problem in found)

    def veto(self, step: Step[CodeSpec]) -> Optional[str]:
        """Return why the API cannot reach a skill."""
        return unaddressable(self.kind, step)

    def reread(self, step: Step[CodeSpec]) -> State:
        """Return a skill as it is now."""
        key = str(step.key)
        record = self._client.get_mapping(self._at(key), f"update the skill {step.name}")
        self._records[key] = record
        return self._state(record, _content(record), "access" in step.changes)

    def create(self, step: Step[CodeSpec]) -> None:
        """Make the skill with its access and its switch, in one call."""
        after = step.after or {}
        shared = self._grants.in_create(after.get("access") or access.wanted({}))
        body = {**_body(after), "is_active": after.get("active", True), **shared}
        posted_code(self._client, "skills/create", f"create the skill {step.name}", body)

    def update(self, step: Step[CodeSpec]) -> None:
        """Write the changes; the server makes a new version if the content differs."""
        after, path = step.after or {}, self._at(str(step.key))
        what = f"update the skill {step.name}"
        if set(step.changes) & set(FIELDS):
            record = self._records[str(step.key)]
            kept = {"meta": record.get("meta") or {}}
            if record.get("version_id"):
                # Since 0.12 the server itself refuses (409) to write over another version than this one.
                kept["expected_version_id"] = record["version_id"]
            posted_code(self._client, f"{path}/update", what, {**_body(after), **kept, "is_active": after["active"]})
        if "access" in step.changes:
            self._grants.write(f"{path}/access/update", what, after["access"])

    def delete(self, step: Step[CodeSpec]) -> None:
        """Remove the skill with its files and versions."""
        self._client.delete(f"{self._at(str(step.key))}/delete", f"delete the skill {step.name}")

    def _at(self, key: str) -> str:
        stored_id = str(self._records[key]["id"]) if key in self._records else key
        return f"skills/id/{quote(stored_id, safe='')}"

    def _state(self, record: Record, content: str, with_access: bool) -> Dict[str, Any]:
        state: Dict[str, Any] = {
            "id": str(record["id"]),
            "name": record["name"],
            "description": record.get("description") or "",
            "content": content,
            "active": record.get("is_active") is not False,
        }
        return {**state, "access": self._grants.state(record)} if with_access else state

    def _problems(self, desired: Desired[CodeSpec], all_desired: Sequence[Desired[CodeSpec]]) -> List[str]:
        found = self._grants.problems(desired.spec.access) if desired.spec.access is not None else []
        if desired.name not in self._records:
            found += new_id_problems(self.kind, desired.name)
        if desired.name not in self._records and desired.spec.content is None:
            found.append("the skill is not there yet, and to make it content or src is needed")
        # The server takes each name once. Those of skills that are desired may be about to change.
        others = {
            str(row["name"]): key for key, row in self._records.items() if key not in {w.name for w in all_desired}
        }
        others.update(
            {_name(each): each.name for each in all_desired if each is not desired and each.present and _name(each)}
        )
        name = _name(desired) or (desired.name if desired.name not in self._records else "")
        if name in others:
            found.append(f"its name {name!r} is that of the skill {others[name]}; give another")
        return found


def _name(desired: Desired[CodeSpec]) -> str:
    return desired.spec.name or ""


def _body(after: State) -> Dict[str, Any]:
    return {**{name: after[name] for name in ("id", "name", "content")}, "description": after.get("description", "")}


def _content(row: Mapping[str, Any]) -> str:
    files = {each["path"]: each.get("content") for each in row.get("files") or ()}
    return str(row["content"] if "content" in row else files.get(MAIN_FILE) or "")
