# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections of Open WebUI to its back ends as a resource of the engine."""

from __future__ import annotations

import time
from typing import Any, Collection, Dict, Hashable, Iterable, Iterator, List, Optional, Sequence, Set, Tuple, Union

from ...engine.converge import Current, Desired, Outcome, Problem, Resource, State, Step, shown
from ...engine.errors import Failure
from ..api.client import Client
from ..api.messages import not_webui
from ..entries.backend_url import same_url
from ..entries.host_lock import alone_on_host
from ..entries.masking import secrets_in
from ..settings.persistence import Document, refuse_forgotten
from .fields import KINDS, OLLAMA, Entry, rewritten, same, state_of, wanted_of
from .lists import ENABLED, URLS, Lists, applied, body, find, kind_of, parsed, saved
from .spec import ApiSpec, ConnectionSpec, Spec
from .verify import Question, lacking, refuse_unreachable

MAX_WRITES = 6
MAX_PAUSE_SECONDS = 1.0


class Connections(Resource[Spec]):
    """Connections by kind and address, and the API of each kind: its switch, and the order of its connections.

    One call writes all connections of a kind. The first step of a kind writes the whole plan over the lists as they
    are at that moment, and the other steps of the kind have nothing left to do. Use one worker.
    """

    kind = "connection"

    def __init__(self, client: Client, verify: bool = False, purge: bool = False) -> None:
        self._client = client
        self._verify = verify
        self._purge = purge
        self._lists: Dict[str, Lists] = {}
        self._found: Dict[Hashable, Optional[int]] = {}
        self._ambiguous: Dict[Hashable, str] = {}
        self._all_desired: Sequence[Desired[Spec]] = ()
        self._keys: List[Hashable] = []
        self._steps: Sequence[Step[Spec]] = ()
        self._written: Set[str] = set()

    def gather(self, all_desired: Sequence[Desired[Spec]]) -> Current:
        """Return the connections of the desired kinds."""
        self._all_desired = all_desired
        self._client.hide(*secrets_in([spec.options() for spec, _present in _connections(all_desired)]))
        kinds = [kind for kind in KINDS if any(desired.spec.kind == kind for desired in all_desired)]
        self._lists = {kind: read_lists(self._client, kind) for kind in kinds}
        self._found, self._ambiguous = self._places()
        current: Dict[Hashable, State] = {}
        for kind, lists in self._lists.items():
            known = {place: key for key, place in self._found.items() if kind_of(key) == kind}
            # Only a purge needs the connections that the task does not list.
            others = bool(self._listed_of(kind))
            for place, entry in enumerate(lists.entries):
                if others or place in known:
                    current[known.get(place, lists.identities[place])] = state_of(kind, entry)
        for desired in all_desired:
            if isinstance(desired.spec, ApiSpec):
                current[self.key(desired)] = self._api_state(desired.spec.kind)
        self._keys = [*current, *map(self.key, all_desired)]
        return current

    def check(self, all_desired: Sequence[Desired[Spec]], current: Current) -> Iterator[Problem]:
        """Yield options that the server's version ignores, and ambiguous connections."""
        for number, desired in enumerate(all_desired):
            if isinstance(desired.spec, ConnectionSpec) and desired.present:
                yield from ((number, problem) for problem in lacking(desired.spec, self._client))
            if self.key(desired) in self._ambiguous:
                yield number, self._ambiguous[self.key(desired)]

    def key(self, desired: Desired[Spec]) -> Hashable:
        """Return the kind and the address, with the prefix if entries share them."""
        return _key(desired.spec)

    def label(self, key: Hashable, state: State) -> str:
        """Return the kind, the address and the prefix, and a number if the server has several of these."""
        lists = self._lists[kind_of(key)]
        return next(name for known, name in zip(lists.identities, lists.names) if known == key)

    def desired_state(self, desired: Desired[Spec], current: Optional[State]) -> State:
        """Return the options that the task sets for a connection, or for the API of a kind."""
        spec = desired.spec
        if isinstance(spec, ConnectionSpec):
            new = {"kind": spec.kind, "base_url": spec.base_url} if current is None else {}
            return {**new, **wanted_of(spec.options(), current)}
        state: Dict[str, Any] = {} if spec.enabled is None else {"enabled": spec.enabled}
        if spec.order is not None:
            listed = {place for key, place in self._found.items() if kind_of(key) == spec.kind}
            others = [name for place, name in enumerate(self._lists[spec.kind].names) if place not in listed]
            state["order"] = [*(each.name for each in spec.order), *(() if self._purge else others)]
        return state

    def equal(self, name: str, current: Any, wanted: Any) -> bool:
        """Tell whether a field has the desired value. New connections come last anyway; removals keep the order."""
        if name != "order":
            return same(name, current, wanted)
        known, asked = set(current), set(wanted)
        left = [each for each in current if each in asked]
        return bool([*left, *(each for each in wanted if each not in known)] == wanted)

    def hint(self, fields: Collection[str]) -> str:
        """Return the likely reason why the server shows other values than were written."""
        return "something else may be changing the connections at the same time; run again when it is done"

    def needs(self, step: Step[Spec]) -> Collection[Hashable]:
        """Finish one kind before the other begins, so that steps reported as not begun were not written."""
        return () if kind_of(step.key) == OLLAMA else [key for key in self._keys if kind_of(key) == OLLAMA]

    def precheck(self, steps: Sequence[Step[Spec]]) -> None:
        """Refuse changes that the server would forget; with ``verify``, let it call each back end of the plan."""
        self._steps = steps
        if steps:
            refuse_forgotten(self._client, [f"the connection {step.name}" for step in steps], self._are_ignored)
        if self._verify:
            written = [(step.name, step.desired.spec) for step in steps if step.desired and step.desired.present]
            questions = [self._question(name, spec) for name, spec in written if isinstance(spec, ConnectionSpec)]
            refuse_unreachable(self._client, questions)

    def create(self, step: Step[Spec]) -> None:
        """Write all connections of the kind."""
        self._write(kind_of(step.key))

    update = delete = create

    def _write(self, kind: str) -> None:
        if kind in self._written:
            return
        steps = [step for step in self._steps if kind_of(step.key) == kind]
        with alone_on_host():
            for _number in range(MAX_WRITES):
                begun = time.monotonic()
                now = read_lists(self._client, kind)
                wanted = _applied(now, steps)
                if wanted == now:
                    self._written.add(kind)
                    return
                self._client.post(f"/{kind}/config/update", f"write the {kind} connections", json=body(wanted))
                # By then, a client that read before this write has written; the next read shows it.
                time.sleep(min(time.monotonic() - begun, MAX_PAUSE_SECONDS))
        raise Failure(
            f"The {kind} connections were written {MAX_WRITES} times, and each time the server showed others "
            f"afterwards; something else is changing them at the same time. Run the task again when it is done."
        )

    def _are_ignored(self, document: Document) -> bool:
        """Tell whether the server saved the desired connections of a kind, but uses others."""
        for kind in {kind_of(step.key) for step in self._steps}:
            now = read_lists(self._client, kind)
            wanted = _applied(now, [step for step in self._steps if kind_of(step.key) == kind])
            if now != wanted == saved(kind, document):
                return True
        return False

    def _question(self, name: str, spec: ConnectionSpec) -> Question:
        place = self._found.get(_key(spec))
        entry = Entry(spec.base_url) if place is None else self._lists[spec.kind].entries[place]
        return name, spec.kind, rewritten(spec.kind, entry, spec.options())

    def _places(self) -> Tuple[Dict[Hashable, Optional[int]], Dict[Hashable, str]]:
        """Return the positions of the desired connections in their lists, and why some are ambiguous."""
        desired = _connections(self._all_desired)
        places = {_key(spec): _find(self._lists[spec.kind], spec, present) for spec, present in desired}
        found = {key: place for key, place in places.items() if not isinstance(place, str)}
        return found, {key: problem for key, problem in places.items() if isinstance(problem, str)}

    def _listed_of(self, kind: str) -> List[ConnectionSpec]:
        return [spec for spec, present in _connections(self._all_desired) if present and spec.kind == kind]

    def _api_state(self, kind: str) -> State:
        lists = self._lists[kind]
        known = {self._found.get(_key(spec)): spec.name for spec in self._listed_of(kind)}
        order = [known.get(place, name) for place, name in enumerate(lists.names)]
        return {"kind": kind, "enabled": bool(lists.enabled), "order": order}


def read_lists(client: Client, kind: str) -> Lists:
    """Return the current connections of a kind."""
    what = f"read the {kind} connections"
    answer = client.get_mapping(f"/{kind}/config", what)
    if URLS[kind] not in answer and ENABLED[kind] not in answer:
        raise Failure(f"Cannot {what}: {not_webui(client.url)}.")
    return parsed(kind, answer)


def result_of(outcome: Outcome) -> Dict[str, Any]:
    """Return the result of a module for a list, with the switches of the APIs apart."""
    result = outcome.many("connections")
    states = result["connections"]
    result["connections"] = [state for state in states if "base_url" in state]
    result["enabled"] = {state["kind"]: state["enabled"] for state in states if "base_url" not in state}
    return result


def connection_states(client: Client, kinds: Iterable[str]) -> Dict[str, Any]:
    """Return all connections of some kinds in their order, and whether the server uses the kinds."""
    lists = [read_lists(client, kind) for kind in kinds]
    return {
        "connections": [shown(state_of(each.kind, entry)) for each in lists for entry in each.entries],
        "enabled": {each.kind: bool(each.enabled) for each in lists},
    }


def _connections(all_desired: Sequence[Desired[Spec]]) -> Iterator[Tuple[ConnectionSpec, bool]]:
    """Yield the desired connections, without the APIs, and whether they are to be present."""
    for desired in all_desired:
        if isinstance(desired.spec, ConnectionSpec):
            yield desired.spec, desired.present


def _find(lists: Lists, spec: ConnectionSpec, present: bool) -> Union[int, str, None]:
    """Return the position of a connection in its list, None if it is missing, or why it is ambiguous."""
    try:
        return find(lists, spec, present)
    except Failure as failure:
        return failure.message


def _key(spec: Spec) -> Hashable:
    if isinstance(spec, ApiSpec):
        return (spec.kind,)
    prefix = (spec.prefix_id or "",) if spec.shared else ()
    return (spec.kind, same_url(spec.base_url), *prefix)


def _applied(now: Lists, steps: Sequence[Step[Spec]]) -> Lists:
    try:
        return applied(now, steps)
    except Failure as failure:
        raise Failure(
            f"Cannot write the {now.kind} connections, which changed meanwhile: {failure.message}."
        ) from failure
