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
from ..entries.masking import hidden_words
from ..settings.persistence import Document, refuse_forgotten
from .fields import KINDS, OLLAMA, Entry, rewritten, same, state_of, wanted_of
from .lists import ENABLED, URLS, Lists, applied, body, find, is_api, kind_of, parsed, said, saved
from .verify import lacking, refuse_unreachable

MOST_TRIES = 6
MOST_PAUSE_SECONDS = 1.0


class Connections(Resource[Any]):
    """Connections by kind and address, and the API of a kind itself: its switch, and the order of its connections.

    The server takes all connections of a kind in one call. So the first step of a kind writes all of them, on the
    lists as they are right then, and the other steps of the kind find themselves done. To be applied by one worker.
    """

    kind = "connection"

    def __init__(self, client: Client, verify: bool = False, purge: bool = False) -> None:
        self._client = client
        self._verify = verify
        self._purge = purge
        self._lists: Dict[str, Lists] = {}
        self._found: Dict[Hashable, Optional[int]] = {}
        self._ambiguous: Dict[Hashable, str] = {}
        self._all_desired: Sequence[Desired[Any]] = ()
        self._keys: List[Hashable] = []
        self._steps: Sequence[Step[Any]] = ()
        self._written: Set[str] = set()

    def gather(self, all_desired: Sequence[Desired[Any]]) -> Current:
        """Return the connections of the kinds that are desired."""
        self._all_desired = all_desired
        self._client.hide(*hidden_words([dict(desired.fields) for desired in all_desired]))
        kinds = [kind for kind in KINDS if any(desired.fields["kind"] == kind for desired in all_desired)]
        self._lists = {kind: read_lists(self._client, kind) for kind in kinds}
        self._found, self._ambiguous = self._places()
        present: Dict[Hashable, State] = {}
        for kind, lists in self._lists.items():
            known = {place: key for key, place in self._found.items() if kind_of(key) == kind}
            # What is not listed is of interest only where a purge may take it.
            others = bool(self._listed_of(kind))
            for place, entry in enumerate(lists.entries):
                if others or place in known:
                    present[known.get(place, lists.identities[place])] = state_of(kind, entry)
        for desired in all_desired:
            if not _is_one(desired):
                present[self.key(desired)] = self._api_state(desired.fields["kind"])
        self._keys = [*present, *map(self.key, all_desired)]
        return present

    def check(self, all_desired: Sequence[Desired[Any]], current: Current) -> Iterator[Problem]:
        """Yield what the server's version does not have, and connections that cannot be told apart."""
        for number, desired in enumerate(all_desired):
            if _is_one(desired):
                yield from ((number, problem) for problem in lacking(desired, self._client))
            if self.key(desired) in self._ambiguous:
                yield number, self._ambiguous[self.key(desired)]

    def key(self, desired: Desired[Any]) -> Hashable:
        """Return the kind and the address, with the prefix where one list has several of the address."""
        kind, url = desired.fields["kind"], desired.fields.get("base_url")
        if url is None:
            return (kind,)
        prefix = (desired.fields.get("prefix_id", ""),) if desired.fields["shared"] else ()
        return (kind, same_url(url), *prefix)

    def label(self, key: Hashable, state: State) -> str:
        """Return the kind, the address and the prefix, and a number where the server has several of these."""
        lists = self._lists[kind_of(key)]
        return next(name for known, name in zip(lists.identities, lists.names) if known == key)

    def desired_state(self, desired: Desired[Any], current: Optional[State]) -> State:
        """Return what was said of a connection, or of the API of a kind."""
        kind = desired.fields["kind"]
        if _is_one(desired):
            new = {name: desired.fields[name] for name in ("kind", "base_url")} if current is None else {}
            return {**new, **wanted_of(said(desired), current)}
        fields = said(desired)
        if "order" in fields:
            desired_places = {place for key, place in self._found.items() if kind_of(key) == kind}
            others = [name for place, name in enumerate(self._lists[kind].names) if place not in desired_places]
            fields["order"] = [*(each.name for each in fields["order"]), *(() if self._purge else others)]
        return fields

    def equal(self, name: str, current: Any, wanted: Any) -> bool:
        """Tell whether a field is as wanted. What is new comes last anyway, and what goes leaves the order alone."""
        if name != "order":
            return same(name, current, wanted)
        there, asked = set(current), set(wanted)
        left = [each for each in current if each in asked]
        return bool([*left, *(each for each in wanted if each not in there)] == wanted)

    def hint(self, fields: Collection[str]) -> str:
        """Return what may be the reason where the server shows other fields than were written."""
        return "something else may be changing the connections at the same time; run again when it is done"

    def needs(self, step: Step[Any]) -> Collection[Hashable]:
        """Let all of one kind be done before the other begins, so that what is told as not begun was not written."""
        return () if kind_of(step.key) == OLLAMA else [key for key in self._keys if kind_of(key) == OLLAMA]

    def precheck(self, steps: Sequence[Step[Any]]) -> None:
        """Refuse what the server would forget, and ask each back end that is about to be written where wanted."""
        self._steps = steps
        if steps:
            refuse_forgotten(self._client, [f"the connection {step.name}" for step in steps], self._are_ignored)
        if self._verify:
            refuse_unreachable(self._client, [self._about(step) for step in steps if _is_kept(step)])

    def create(self, step: Step[Any]) -> None:
        """Write all connections of the kind."""
        self._write(kind_of(step.key))

    update = delete = create

    def _write(self, kind: str) -> None:
        if kind in self._written:
            return
        steps = [step for step in self._steps if kind_of(step.key) == kind]
        with alone_on_host():
            for _number in range(MOST_TRIES):
                begun = time.monotonic()
                now = read_lists(self._client, kind)
                wanted = _applied(now, steps)
                if wanted == now:
                    self._written.add(kind)
                    return
                self._client.post(f"/{kind}/config/update", f"write the {kind} connections", json=body(wanted))
                # Who had read before this write, elsewhere, has written by then, and the next look tells.
                time.sleep(min(time.monotonic() - begun, MOST_PAUSE_SECONDS))
        raise Failure(
            f"The {kind} connections were written {MOST_TRIES} times, and each time the server showed others "
            f"afterwards; something else is changing them at the same time, so run again when it is done."
        )

    def _are_ignored(self, document: Document) -> bool:
        """Tell whether the server saved a kind as it is wanted, and has another one in force."""
        for kind in {kind_of(step.key) for step in self._steps}:
            now = read_lists(self._client, kind)
            wanted = _applied(now, [step for step in self._steps if kind_of(step.key) == kind])
            if now != wanted == saved(kind, document):
                return True
        return False

    def _about(self, step: Step[Any]) -> tuple[str, str, Entry]:
        desired = step.desired
        if desired is None:
            raise AssertionError(f"{step.action} {step.name} is of no entry")
        kind, place = desired.fields["kind"], self._found.get(step.key)
        entry = Entry(desired.fields["base_url"]) if place is None else self._lists[kind].entries[place]
        return step.name, kind, rewritten(kind, entry, said(desired))

    def _places(self) -> Tuple[Dict[Hashable, Optional[int]], Dict[Hashable, str]]:
        """Return where the connections that are desired are in their lists, and why some cannot be told."""
        entries = [desired for desired in self._all_desired if _is_one(desired)]
        places = {self.key(desired): _place_in(self._lists[desired.fields["kind"]], desired) for desired in entries}
        found = {key: place for key, place in places.items() if not isinstance(place, str)}
        return found, {key: place for key, place in places.items() if isinstance(place, str)}

    def _listed_of(self, kind: str) -> List[Desired[Any]]:
        return [
            desired
            for desired in self._all_desired
            if desired.present and desired.fields["kind"] == kind and _is_one(desired)
        ]

    def _api_state(self, kind: str) -> State:
        lists = self._lists[kind]
        known = {self._found.get(self.key(desired)): desired.name for desired in self._listed_of(kind)}
        order = [known.get(place, name) for place, name in enumerate(lists.names)]
        return {"kind": kind, "enabled": bool(lists.enabled), "order": order}


def read_lists(client: Client, kind: str) -> Lists:
    """Return the connections of a kind as they are now."""
    what = f"read the {kind} connections"
    answer = client.get_mapping(f"/{kind}/config", what)
    if URLS[kind] not in answer and ENABLED[kind] not in answer:
        raise Failure(f"Cannot {what}: {not_webui(client.url)}.")
    return parsed(kind, answer)


def result_of(outcome: Outcome) -> Dict[str, Any]:
    """Return the result of a module for a list, with what is told of the APIs apart."""
    result = outcome.many("connections")
    states = result["connections"]
    result["connections"] = [state for state in states if "base_url" in state]
    result["enabled"] = {state["kind"]: state["enabled"] for state in states if "base_url" not in state}
    return result


def connection_states(client: Client, kinds: Iterable[str]) -> Dict[str, Any]:
    """Return all connections of some kinds in their order, and whether the server asks them."""
    lists = [read_lists(client, kind) for kind in kinds]
    return {
        "connections": [shown(state_of(each.kind, entry)) for each in lists for entry in each.entries],
        "enabled": {each.kind: bool(each.enabled) for each in lists},
    }


def _place_in(lists: Lists, desired: Desired[Any]) -> Union[int, str, None]:
    """Return where a connection is in its list, None where it is not there, or why that cannot be told."""
    try:
        return find(lists, desired)
    except Failure as failure:
        return failure.message


def _is_one(desired: Desired[Any]) -> bool:
    """Tell whether a desired object is for one connection, and not for the API of a kind."""
    return "base_url" in desired.fields


def _is_kept(step: Step[Any]) -> bool:
    return step.after is not None and not is_api(step.key)


def _applied(now: Lists, steps: Sequence[Step[Any]]) -> Lists:
    try:
        return applied(now, steps)
    except Failure as failure:
        raise Failure(
            f"Cannot write the {now.kind} connections, which changed meanwhile: {failure.message}."
        ) from failure
