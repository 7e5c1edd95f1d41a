# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A trial of the export: the module of each kind must accept all of it, and find nothing to do.

Servers contain what no module would write: a role that does not exist, an empty name, two groups with one name. Instead
of a list of such cases the export makes a check run of the module itself, and leaves out what fails.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ...engine.converge import Desired, Outcome, converge
from ...engine.entries import legible, shortened
from ...engine.errors import Failure
from ..api.client import Client
from ..api.outage import raise_outage
from ..instance.kinds import Kind

MAX_NAME_LENGTH = 80
_ENTRY = re.compile(r"^Entry 1 \(.*?\): ", re.DOTALL)
Entry = Dict[str, Any]
Refused = Tuple[int, str]
"""The index of an entry in its list, and why it is refused."""


class Trial:
    """Check runs of one module. ``warnings`` gets what is left out, and why."""

    def __init__(self, kind: Kind, client: Client, warnings: List[str]) -> None:
        self._kind = kind
        self._client = client
        self._warnings = warnings
        self._validator = ArgumentSpecValidator(dict(kind.options))

    def passed(self, entries: Sequence[Entry]) -> List[Entry]:
        """Return the entries without what their module would refuse or change."""
        left = self._apart([kept for kept in (self._without_bad(entry, self._desired) for entry in entries) if kept])
        for place, reason in reversed(self._refused(left)):
            kept = self._without_bad(left[place], self._check, reason)
            left[place : place + 1] = [kept] if kept else []
        return self._unchanged(left)

    def _desired(self, *entries: Entry) -> List[Desired[Any]]:
        """Return the desired state of some entries; raise a Failure as the module itself would."""
        given = []
        for entry in entries:
            result = self._validator.validate(entry)
            if result.error_messages:
                raise Failure("; ".join(result.error_messages))
            given.append(result.validated_parameters)
        return self._kind.all_desired(given)

    def _check(self, *entries: Entry) -> List[Outcome]:
        """Make the check run of the module."""
        all_desired = self._desired(*entries)
        resource = self._kind.resource(self._client, {})
        lists = [[desired] for desired in all_desired] if self._kind.single else [all_desired] if all_desired else []
        return [converge(resource, each, check_mode=True) for each in lists]

    def _apart(self, entries: Sequence[Entry]) -> List[Entry]:
        """Leave out entries that are one object for their module, such as the prompts `sum` and `/sum`."""
        if _failure_of(lambda: self._desired(*entries)) is None:
            return list(entries)
        keys = [self._kind.resource(self._client, {}).key(self._desired(entry)[0]) for entry in entries]
        for key, entry in zip(keys, entries):
            if keys.count(key) > 1:
                self._warn(entry, "", "another one on the server has this name")
        return [entry for key, entry in zip(keys, entries) if keys.count(key) == 1]

    def _refused(self, entries: Sequence[Entry], first: int = 0) -> List[Refused]:
        """Return the entries that a check run refuses, found by bisection."""
        try:
            self._check(*entries)
        except Failure as failure:
            raise_outage(failure)
            if len(entries) == 1:
                return [(first, reason_of(failure))]
            half = len(entries) // 2
            return self._refused(entries[:half], first) + self._refused(entries[half:], first + half)
        return []

    def _unchanged(self, entries: List[Entry]) -> List[Entry]:
        """Leave out what a check run would change."""
        left = list(entries)
        try:
            steps = [step for outcome in self._check(*left) for step in outcome.steps]
        except Failure as failure:
            raise_outage(failure)
            # The module accepts each alone, but not all together.
            self._warnings.append(left_out(f"every {self._kind.noun}", reason_of(failure)))
            return []
        for step in steps:
            place = next((place for place, entry in enumerate(left) if self._is_of(entry, step.desired)), None)
            if place is None:
                continue
            kept = {name: value for name, value in left[place].items() if name not in step.changes}
            identity = {name for name in self._kind.identity if name in left[place]}
            named = step.action == "update" and identity <= {*kept} and kept != left[place]
            self._warn(left[place], ", ".join(step.changes) if named else "", "writing it would be a change")
            left[place : place + 1] = [kept] if named else []
        return self._unchanged(left) if steps and left != list(entries) else left

    def _is_of(self, entry: Entry, desired: Optional[Desired[Any]]) -> bool:
        return desired is not None and self._desired(entry)[0].name == desired.name

    def _without_bad(
        self, entry: Entry, attempt: Callable[[Entry], Any], reason: Optional[str] = None
    ) -> Optional[Entry]:
        """Return an entry without its invalid fields; None if the entry itself is invalid."""
        reason = reason or _failure_of(lambda: attempt(entry))
        if reason is None:
            return entry
        kept = {name: entry[name] for name in self._kind.identity if name in entry}
        bare = _failure_of(lambda: attempt(kept))
        if bare is not None:
            self._warn(entry, "", bare)
            return None
        for name in [name for name in entry if name not in kept]:
            longer = {**kept, name: entry[name]}
            reason = _failure_of(lambda longer=longer: attempt(longer))  # type: ignore[misc]
            if reason is None:
                kept = longer
            else:
                self._warn(entry, name, reason)
        return {name: kept[name] for name in entry if name in kept}

    def _warn(self, entry: Entry, field: str, reason: str) -> None:
        name = legible(str(entry.get(self._kind.label, "")), MAX_NAME_LENGTH)
        whose = f"the {field} of the {self._kind.noun} {name}" if field else f"the {self._kind.noun} {name}"
        self._warnings.append(left_out(whose, reason))


def left_out(what: str, reason: str) -> str:
    """Return the warning about something that is left out."""
    return f"Left out: {what} ({shortened(reason).rstrip('.')})."


def reason_of(failure: Failure) -> str:
    """Return why a module refuses one entry, without the part of the message about the list."""
    told = [_ENTRY.sub("", str(problem)).rstrip(".") for problem in failure.details.get("problems") or ()]
    return "; ".join(told) or failure.message


def _failure_of(attempt: Callable[[], Any]) -> Optional[str]:
    try:
        attempt()
    except Failure as failure:
        raise_outage(failure)
        return reason_of(failure)
    return None
