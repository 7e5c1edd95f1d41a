# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The common part of tools and functions as resources of the engine: code that the server runs, and its valves."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Callable, Dict, Hashable, Iterator, List, Mapping, Optional, Sequence
from urllib.parse import quote

from ...engine.converge import Current, Desired, Problem, Resource, State, Step
from ...engine.errors import Failure
from ..api.client import Client, posted
from ..entries import values
from ..entries.code import as_stored
from ..entries.masking import revealed, secrets_in
from . import valves
from .code_ids import ambiguous, by_key, new_id_problems, unaddressable
from .code_spec import OF_THE_CODE, CodeSpec
from .valves import Spec, Valves

WRITTEN = ("name", "content", "description", "meta")
"""What the call that updates an object takes; it replaces all of them."""
# The whole answer of the server if it rejects a new object: mostly the code does not load.
SILENT = "Error creating"

Record = Mapping[str, Any]
Hide = Callable[[List[str]], None]


def ignore_secrets(_secrets: List[str]) -> None:
    """Do nothing with secrets, for callers whose output shows none."""


class Plugins(Resource[CodeSpec]):
    """Objects by id. Override the hooks for what a kind also has."""

    path = ""
    """The kind's part of the API."""
    whole = ""
    """The call that lists all of the kind with their code."""

    def __init__(self, client: Client, hide: Hide = ignore_secrets) -> None:
        """Take the client; ``hide`` is called with each secret of a valve, so that no output shows it."""
        self._client = client
        self._hide = hide
        self._valves = Valves(client, self.path)
        self._records: Dict[str, Record] = {}
        self._known_ids: Dict[str, str] = {}
        self._specs: Dict[str, Spec] = {}

    def gather(self, all_desired: Sequence[Desired[CodeSpec]]) -> Current:
        """Return all objects of the kind."""
        rows = self._client.get_list(self.whole, f"read the {self.path}")
        self._records = by_key(rows, all_desired, self._known_ids)
        states: Dict[Hashable, Dict[str, Any]] = {key: self._state(row) for key, row in self._records.items()}
        for desired in all_desired:
            if desired.present and desired.name in states:
                states[desired.name].update(self._asked_for(desired))
        return states

    def check(self, all_desired: Sequence[Desired[CodeSpec]], current: Current) -> Iterator[Problem]:
        """Yield ambiguous ids, new ids that the server rejects, and valves that the code does not have."""
        for number, desired in enumerate(all_desired):
            found = list(ambiguous(desired, self._records, self._known_ids))
            found += self._problems(desired, current.get(desired.name)) if desired.present else []
            yield from ((number, problem) for problem in found)

    def key(self, desired: Desired[CodeSpec]) -> Hashable:
        """Return the id in lower case, as the server stores it, which the desired object bears as its name."""
        return desired.name

    def label(self, key: Hashable, state: State) -> str:
        """Return the id, because two objects may bear one name."""
        return str(state["id"])

    def desired_state(self, desired: Desired[CodeSpec], current: Optional[State]) -> State:
        """Return the options that the task sets; keys of mappings that it does not set keep their values."""
        before = current or {}
        wanted: Dict[str, Any] = {**desired.spec.options(), "id": before.get("id", desired.name)}
        if "content" in wanted:
            wanted["content"] = as_stored(wanted["content"])
        if "meta" in wanted:
            wanted["meta"] = values.merged(before.get("meta"), wanted["meta"])
        if "valves" in wanted:
            whole = valves.merged(revealed(before.get("valves") or {}), wanted["valves"])
            wanted["valves"] = self._masked(whole, self._specs.get(desired.name), wanted.get("content"))
        return {"name": desired.name, **wanted} if current is None else wanted

    def equal(self, name: str, current: Any, wanted: Any) -> bool:
        """Compare valves with their secrets revealed, and everything else without empty values."""
        return valves.same(current, wanted) if name == "valves" else values.alike(current, wanted)

    def reread(self, step: Step[CodeSpec]) -> Optional[State]:
        """Return an object as it is now. Valves and switches are read again where they are written."""
        if not set(step.changes) & {*WRITTEN, "access"}:
            return None
        key = str(step.key)
        record = self._client.get_mapping(self._at(key), f"update the {self.kind} {step.name}")
        self._records[key] = record
        return {**self._state(record), **(self.access_of(record) if "access" in step.changes else {})}

    def veto(self, step: Step[CodeSpec]) -> Optional[str]:
        """Return why the API cannot reach an object."""
        return unaddressable(self.kind, step)

    def create(self, step: Step[CodeSpec]) -> None:
        """Create the object; delete it again if its valves cannot be set."""
        what, key = f"create the {self.kind} {step.name}", str(step.key)
        after = step.after or {}
        made = self._post(f"{self.path}/create", what, {**self._body(after), **self.in_create(after)})
        if after.get("valves"):
            try:
                self._valves.write(what, key, _desired_valves(step), {}, self._valves.spec(key))
            except Failure:
                with suppress(Failure):
                    self.delete(step)
                raise
        self.finish(step, made)

    def update(self, step: Step[CodeSpec]) -> None:
        """Write the changes: code, name and description in one call, everything else in calls of its own."""
        what, key = f"update the {self.kind} {step.name}", str(step.key)
        after, made = step.after or {}, None
        more = self.in_update(step)
        if more or set(step.changes) & set(WRITTEN):
            made = self._post(f"{self._at(key)}/update", what, {**self._body(after), **self.kept(key), **more})
        if "valves" in step.changes:
            stored_id = self._id(key)
            spec = self._valves.spec(stored_id) if "content" in step.changes else self._specs.get(key)
            self._valves.write(what, stored_id, _desired_valves(step), self._valves.stored(stored_id), spec)
        self.finish(step, made)

    def delete(self, step: Step[CodeSpec]) -> None:
        """Remove the object with its valves and versions."""
        self._client.delete(f"{self._at(str(step.key))}/delete", f"delete the {self.kind} {step.name}")

    def more_state(self, record: Record) -> Dict[str, Any]:
        """Return what else a state of this kind has."""
        return {}

    def access_of(self, record: Record) -> Dict[str, Any]:
        """Return the access of an object, for those whose access is asked for."""
        return {}

    def more_problems(self, desired: Desired[CodeSpec]) -> List[str]:
        """Return what else is wrong with a desired object."""
        return []

    def in_create(self, after: State) -> Dict[str, Any]:
        """Return what else the body of a new object has."""
        return {}

    def in_update(self, step: Step[CodeSpec]) -> Dict[str, Any]:
        """Return what this update must add to the common body; empty if it needs nothing."""
        return {}

    def kept(self, key: str) -> Dict[str, Any]:
        """Return the current values that an update loses unless its body repeats them."""
        return {}

    def finish(self, step: Step[CodeSpec], now: Optional[Record]) -> None:
        """Write what has calls of its own; ``now`` is the object after the last write, or None without one."""

    def _state(self, record: Record) -> Dict[str, Any]:
        meta = record.get("meta") or {}
        return {
            "id": str(record["id"]),
            "name": record["name"],
            "content": record.get("content") or "",
            "description": meta.get("description") or "",
            "meta": {key: value for key, value in meta.items() if key not in ("description", *OF_THE_CODE)},
            **self.more_state(record),
        }

    def _asked_for(self, desired: Desired[CodeSpec]) -> Dict[str, Any]:
        record = self._records[desired.name]
        found = self.access_of(record) if desired.spec.access is not None else {}
        if desired.spec.valves is not None:
            spec = self._specs[desired.name] = self._spec(desired)
            stored = record["valves"] if "valves" in record else self._valves.stored(self._id(desired.name))
            found["valves"] = self._masked(stored or {}, spec, record.get("content"))
        return found

    def _spec(self, desired: Desired[CodeSpec]) -> Spec:
        """Return the schema of the current code; None if it does not load but is about to be replaced."""
        try:
            return self._valves.spec(self._id(desired.name))
        except Failure:
            if as_stored(desired.spec.content or "") in ("", self._records[desired.name].get("content")):
                raise
            return None

    def _masked(self, whole: Mapping[str, Any], spec: Spec, code: Optional[str]) -> Dict[str, Any]:
        """Return valves with secrets masked; without a schema, mask all of code that mentions a password."""
        state = valves.shown(whole, spec, everything=spec is None and "password" in str(code))
        secrets = [secret for secret in secrets_in(state) if secret]
        self._client.hide(*secrets)
        self._hide(secrets)
        return state

    def _problems(self, desired: Desired[CodeSpec], current: Optional[State]) -> List[str]:
        found = [] if current else list(new_id_problems(self.kind, desired.name))
        found += self.more_problems(desired)
        if current is None and desired.spec.content is None:
            found.append(f"the {self.kind} is not there yet, and to make it content or src is needed")
        if current is not None and desired.spec.valves is not None:
            wanted = self.desired_state(desired, current)
            # Other code may have other valves, and only when it is there the server tells.
            if wanted.get("content", current["content"]) == current["content"]:
                whole = revealed(wanted["valves"])
                found += valves.problems(desired.spec.valves, whole, self._specs[desired.name])
        return found

    def _body(self, after: State) -> Dict[str, Any]:
        meta = {**(after.get("meta") or {}), "description": after.get("description") or None}
        return {"id": after["id"], "name": after["name"], "content": after["content"], "meta": meta}

    def _id(self, key: str) -> str:
        return str(self._records[key]["id"]) if key in self._records else key

    def _at(self, key: str) -> str:
        return f"{self.path}/id/{quote(self._id(key), safe='')}"

    def _post(self, path: str, what: str, body: Mapping[str, Any]) -> Record:
        return posted_code(self._client, path, what, body)


def posted_code(client: Client, path: str, what: str, body: Mapping[str, Any]) -> Record:
    """POST a body with code and return the object that the server made of it."""
    try:
        return posted(client, path, what, json=body)
    except Failure as failure:
        if SILENT not in failure.message:
            raise
        message = failure.message.rstrip(".")
        raise Failure(f"{message}; the server's log tells why.", **failure.details) from None


def _desired_valves(step: Step[CodeSpec]) -> Mapping[str, Any]:
    return (step.desired.spec.valves if step.desired else None) or {}
