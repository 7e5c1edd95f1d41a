# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tools and functions have in common as resources of the engine: code that the server runs, and its valves."""

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
# All that the server tells of what it does not take, when it is new: mostly code that does not load.
SILENT = "Error creating"

Record = Mapping[str, Any]
Hide = Callable[[List[str]], None]


def nobody(_words: List[str]) -> None:
    """Hear of secrets, where nobody else wants to."""


class Plugins(Resource[CodeSpec]):
    """Objects by id. Give what a kind has besides by the hooks."""

    path = ""
    """The kind's part of the API."""
    whole = ""
    """The call that lists all of the kind with their code."""

    def __init__(self, client: Client, hide: Hide = nobody) -> None:
        """Take the client; ``hide`` is told each secret of a valve, so that no output shows it."""
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
        """Yield ids that mean two objects, new ids that the server does not take, and what the code does not have."""
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
        """Return what was said; free mappings with the keys that were not, which stay."""
        before = current or {}
        said: Dict[str, Any] = {**desired.spec.options(), "id": before.get("id", desired.name)}
        if "content" in said:
            said["content"] = as_stored(said["content"])
        if "meta" in said:
            said["meta"] = values.merged(before.get("meta"), said["meta"])
        if "valves" in said:
            whole = valves.merged(revealed(before.get("valves") or {}), said["valves"])
            said["valves"] = self._veiled(whole, self._specs.get(desired.name), said.get("content"))
        return {"name": desired.name, **said} if current is None else said

    def equal(self, name: str, current: Any, wanted: Any) -> bool:
        """Compare valves with what is hidden in them, and all else without regard to what is empty."""
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
        """Make the object, and take it back where its valves cannot be set."""
        what, key = f"create the {self.kind} {step.name}", str(step.key)
        after = step.after or {}
        made = self._post(f"{self.path}/create", what, {**self._body(after), **self.in_create(after)})
        if after.get("valves"):
            try:
                self._valves.write(what, key, _given(step), {}, self._valves.spec(key))
            except Failure:
                with suppress(Failure):
                    self.delete(step)
                raise
        self.finish(step, made)

    def update(self, step: Step[CodeSpec]) -> None:
        """Write what differs: code and words by one call, and by calls of their own what else there is."""
        what, key = f"update the {self.kind} {step.name}", str(step.key)
        after, made = step.after or {}, None
        more = self.in_update(step)
        if more or set(step.changes) & set(WRITTEN):
            made = self._post(f"{self._at(key)}/update", what, {**self._body(after), **self.kept(key), **more})
        if "valves" in step.changes:
            stored_id = self._id(key)
            spec = self._valves.spec(stored_id) if "content" in step.changes else self._specs.get(key)
            self._valves.write(what, stored_id, _given(step), self._valves.stored(stored_id), spec)
        self.finish(step, made)

    def delete(self, step: Step[CodeSpec]) -> None:
        """Remove the object with its valves and versions."""
        self._client.delete(f"{self._at(str(step.key))}/delete", f"delete the {self.kind} {step.name}")

    def more_state(self, record: Record) -> Dict[str, Any]:
        """Return what a state of this kind has besides."""
        return {}

    def access_of(self, record: Record) -> Dict[str, Any]:
        """Return the access of an object, for those whose access is asked for."""
        return {}

    def more_problems(self, desired: Desired[CodeSpec]) -> List[str]:
        """Return what else is wrong with a desired object."""
        return []

    def in_create(self, after: State) -> Dict[str, Any]:
        """Return what the body of a new object has besides."""
        return {}

    def in_update(self, step: Step[CodeSpec]) -> Dict[str, Any]:
        """Return what the body of an update must say besides what is in every body; none where that need not be."""
        return {}

    def kept(self, key: str) -> Dict[str, Any]:
        """Return what an update would lose unless its body repeats it."""
        return {}

    def finish(self, step: Step[CodeSpec], now: Optional[Record]) -> None:
        """Write what has calls of its own; ``now`` is the object as the last write left it, where one was made."""

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
            found["valves"] = self._veiled(stored or {}, spec, record.get("content"))
        return found

    def _spec(self, desired: Desired[CodeSpec]) -> Spec:
        """Return the schema of the code that is there, which may not load any more and be about to be replaced."""
        try:
            return self._valves.spec(self._id(desired.name))
        except Failure:
            if as_stored(desired.spec.content or "") in ("", self._records[desired.name].get("content")):
                raise
            return None

    def _veiled(self, whole: Mapping[str, Any], spec: Spec, code: Optional[str]) -> Dict[str, Any]:
        """Return valves as results show them; without a schema, all texts of code that may ask for a password."""
        state = valves.shown(whole, spec, everything=spec is None and "password" in str(code))
        words = [word for word in secrets_in(state) if word]
        self._client.hide(*words)
        self._hide(words)
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
        words = failure.message.rstrip(".")
        raise Failure(f"{words}; the server's log tells why.", **failure.details) from None


def _given(step: Step[CodeSpec]) -> Mapping[str, Any]:
    return (step.desired.spec.valves if step.desired else None) or {}
