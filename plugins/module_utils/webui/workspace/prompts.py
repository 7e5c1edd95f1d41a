# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts of Open WebUI as a resource of the engine: by id on the server, by their command before 0.8."""

from __future__ import annotations

from typing import Any, Dict, Hashable, Iterable, Iterator, List, Mapping, Optional, Sequence
from urllib.parse import quote

from ...engine.converge import Current, Desired, Problem, Resource, State, Step
from ...engine.errors import Failure
from ..api.client import Client, posted
from ..directory import access
from ..directory.access import Grants
from ..entries import values
from .code_ids import NOT_IN_A_PATH
from .prompt_spec import PromptSpec, bare, new_command_problems

READ = "read the prompts"
# None of these orders is unique, so a page may repeat what another lacks; three of them together lack nothing.
ORDERS = ("name", "created_at", "updated_at")
LATER = ("tags", "active")
"""What prompts have since they have ids."""

Record = Mapping[str, Any]


class Prompts(Resource[PromptSpec]):
    """Prompts by command; ``whole`` where all prompts matter."""

    kind = "prompt"

    def __init__(self, client: Client, whole: bool = False) -> None:
        self._client = client
        self._grants = Grants(client)
        self._whole = whole
        self._records: Dict[str, Record] = {}
        self._by_command: Mapping[str, Sequence[Record]] = {}

    def gather(self, all_desired: Sequence[Desired[PromptSpec]]) -> Current:
        """Return the prompts."""
        by_command: Dict[str, List[Record]] = {}
        for record in self._rows({desired.name for desired in all_desired}):
            by_command.setdefault(bare(str(record["command"])), []).append(record)
        self._records = {command: records[0] for command, records in by_command.items()}
        self._by_command = by_command
        for records in by_command.values():
            # Two commands that differ only by the slash are ambiguous; a purge may remove both.
            self._records.update({str(record["id"]): record for record in records[1:]})
        return {command: self._state(record, all_desired) for command, record in self._records.items()}

    def key(self, desired: Desired[PromptSpec]) -> Hashable:
        """Return the command without a slash, which the desired object bears as its name."""
        return desired.name

    def label(self, key: Hashable, state: State) -> str:
        """Return the command, because two prompts may bear one name."""
        return str(state["command"])

    def desired_state(self, desired: Desired[PromptSpec], current: Optional[State]) -> State:
        """Return the fields that the task sets; a new prompt always gets a name."""
        spec = desired.spec
        state = {
            "name": desired.name if current is None and spec.name is None else spec.name,
            "command": desired.name,
            "content": spec.content,
            "tags": spec.tags,
            "active": spec.active,
            "access": spec.access,
        }
        return {name: value for name, value in state.items() if value is not None}

    def equal(self, name: str, current: Any, wanted: Any) -> bool:
        """Compare without empty values."""
        return values.alike(current, wanted)

    def veto(self, step: Step[PromptSpec]) -> Optional[str]:
        """Return why the API cannot reach a prompt: before 0.8 its command is a part of the path of each call."""
        if step.action == "create" or self._client.features().prompts_by_id:
            return None
        command = bare(str((step.before or {})["command"]))
        if command and "/" not in command and command not in NOT_IN_A_PATH:
            return None
        verb = "deleted" if step.action == "delete" else "updated"
        return (
            f"The prompt {command!r} cannot be {verb}: before 0.8 Open WebUI has no API path for a command that is "
            f"empty, '.', '..' or holds a slash. Upgrade the server first, or leave the prompt alone."
        )

    def reread(self, step: Step[PromptSpec]) -> Optional[State]:
        """Return a prompt as it is now. Its switch is read again where it is flipped."""
        if not set(step.changes) - {"active"}:
            return None
        key = str(step.key)
        path = f"prompts/{self._which(self._records[key])}"
        record = self._client.get_mapping(path, f"update the prompt {step.name}")
        self._records[key] = record
        return self._state(record, [step.desired] if step.desired else [])

    def create(self, step: Step[PromptSpec]) -> None:
        """Make the prompt with its access, in one call; the server makes each active."""
        after = step.after or {}
        body = self._body(after)
        body.update(self._grants.in_create(after.get("access") or access.wanted({})))
        made = posted(self._client, "prompts/create", f"create the prompt {step.name}", json=body)
        if after.get("active", True) is not True:
            self._toggle(step, made)

    def update(self, step: Step[PromptSpec]) -> None:
        """Write the changes; the server makes a new version if the content differs."""
        after, record = step.after or {}, self._records[str(step.key)]
        what = f"update the prompt {step.name}"
        shared = after["access"] if "access" in step.changes else None
        if not self._client.features().prompts_by_id:
            # An update without it makes the prompt public.
            control = self._grants.in_update(shared) if shared else {"access_control": record.get("access_control")}
            path = f"prompts/{self._which(record)}/update"
            posted(self._client, path, what, json={**self._body(after), **control})
            return
        path = f"prompts/{self._which(record)}"
        now: Optional[Record] = None
        if set(step.changes) - {"access", "active"}:
            now = posted(self._client, f"{path}/update", what, json=self._body(after, with_tags="tags" in step.changes))
        if shared:
            self._grants.write(f"{path}/access/update", what, shared)
        if "active" in step.changes:
            self._toggle(step, now or self._client.get_mapping(path, what))

    def delete(self, step: Step[PromptSpec]) -> None:
        """Remove the prompt and its versions."""
        which = self._which(self._records[str(step.key)])
        self._client.delete(f"prompts/{which}/delete", f"delete the prompt {step.name}")

    def _which(self, record: Record) -> str:
        by_id = self._client.features().prompts_by_id
        return f"id/{record['id']}" if by_id else f"command/{quote(bare(str(record['command'])), safe='')}"

    def _rows(self, desired_names: Iterable[str]) -> List[Record]:
        rows = self._client.get_list("prompts/", READ)
        if not self._client.features().prompts_by_id:
            return rows
        if not self._whole and set(desired_names) <= {bare(str(row["command"])) for row in rows}:
            return rows
        # Since 0.8 that call leaves out what is not active, and only the pages have it.
        found = {str(row["id"]): row for row in rows}
        first = self._client.get_mapping("prompts/list", READ, params={"order_by": ORDERS[0], "direction": "asc"})
        found.update({str(row["id"]): row for row in first.get("items") or ()})
        total = int(first.get("total") or 0)
        for order in ORDERS:
            if len(found) >= total:
                return list(found.values())
            pages = self._client.get_pages("prompts/list", READ, order_by=order, direction="asc")
            found.update({str(row["id"]): row for row in pages})
        if len(found) < total:
            raise Failure(f"Cannot {READ}: the server has {total}, but lists only {len(found)}; run the task again.")
        return list(found.values())

    def _state(self, record: Record, all_desired: Sequence[Desired[PromptSpec]]) -> Dict[str, Any]:
        state: Dict[str, Any] = {"command": record["command"], "content": record.get("content") or ""}
        if self._client.features().prompts_by_id:
            state.update(
                id=record["id"],
                name=record["name"],
                tags=sorted(record.get("tags") or ()),
                active=record.get("is_active") is not False,
            )
        else:
            state.update(command=bare(str(record["command"])), name=record["title"])
        if any(each.spec.access is not None for each in all_desired if each.name == bare(str(record["command"]))):
            state["access"] = self._grants.state(record)
        return state

    def check(self, all_desired: Sequence[Desired[PromptSpec]], current: Current) -> Iterator[Problem]:
        """Yield commands that the server has twice, and options that its version lacks."""
        for number, desired in enumerate(all_desired):
            problems = self._problems(desired, self._by_command.get(desired.name, ()))
            yield from ((number, problem) for problem in problems)

    def _problems(self, desired: Desired[PromptSpec], records: Sequence[Record]) -> List[str]:
        found = []
        if len(records) > 1:
            both = " and ".join(f"{record['command']} (id {record['id']})" for record in records)
            found.append(f"the server has both {both}, which are the same command for users; delete one of them")
        if not desired.present:
            return found
        if not records:
            found += new_command_problems(desired.name)
        if not records and desired.spec.content is None:
            found.append("the prompt is not there yet, and to make it content is needed")
        features = self._client.features()
        if not records and desired.name in NOT_IN_A_PATH and not features.prompts_by_id:
            found.append(
                f"command is '{desired.name}', which the addresses of this server cannot hold before Open WebUI 0.8; "
                f"give another"
            )
        for name in LATER:
            found += features.lacking(name, "prompts_by_id") if getattr(desired.spec, name) is not None else []
        return found + (self._grants.problems(desired.spec.access) if desired.spec.access is not None else [])

    def _body(self, after: State, with_tags: bool = True) -> Dict[str, Any]:
        if not self._client.features().prompts_by_id:
            return {"command": f"/{after['command']}", "title": after["name"], "content": after["content"]}
        body = {name: after[name] for name in ("command", "name", "content")}
        return {**body, "tags": after["tags"]} if with_tags and "tags" in after else body

    def _toggle(self, step: Step[PromptSpec], now: Record) -> None:
        """Toggle whether a prompt is active unless it already is as wanted: the API cannot set it."""
        wanted = (step.after or {})["active"]
        if (now.get("is_active") is not False) != wanted:
            state = "on" if wanted else "off"
            posted(self._client, f"prompts/id/{now['id']}/toggle", f"switch the prompt {step.name} {state}", json={})
