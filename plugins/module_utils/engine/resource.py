# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine and a kind of object know of each other: a desired object, a step, and the resource that does it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Collection, Hashable, Iterable, Mapping, Optional, Sequence, Tuple

State = Mapping[str, Any]
Current = Mapping[Hashable, State]
Problem = Tuple[int, str]
"""The number of a desired object in its list, from 0, and what is wrong with it."""

HIDDEN = "********"


class Secret:
    """A value that is written and never shown, whoever prints what holds it."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself, for the request that writes it."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN


@dataclass(frozen=True)
class Desired:
    """One object as a person wants it: its name as written, and what was said of it.

    ``place`` is where messages say that it stands, if it is an entry of a list: ``entry 3 (teachers)``.
    """

    name: str
    present: bool = True
    fields: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""


@dataclass(frozen=True)
class Step:
    """One write of a plan. ``desired object`` is None for an object that is purged."""

    action: str
    key: Hashable
    name: str
    before: Optional[State]
    after: Optional[State]
    changes: tuple[str, ...] = ()
    desired: Optional[Desired] = None

    def summary(self) -> dict[str, Any]:
        """Return the step as results show it."""
        return {"action": self.action, "name": self.name, "fields": list(self.changes)}


class Resource:
    """What the engine must know of one kind of object. Give an instance; override what applies."""

    kind = "object"
    """The singular noun of messages and results."""
    noun = ""
    """What messages about desired objects call one, if not ``kind``."""
    writes_unseen = False
    """Whether a step writes what no state shows. Then nobody can tell whether a write with a lost answer was done."""

    def gather(self, all_desired: Sequence[Desired]) -> Current:
        """Return the present objects by key, in as few calls as the server allows. Do not judge them."""
        raise NotImplementedError

    def check(self, all_desired: Sequence[Desired], present: Current) -> Iterable[Problem]:
        """Yield all that only the server can tell is wrong with desired objects.

        Called once, after the first ``read`` and before any write; what is wrong is refused in one Failure.
        """
        return ()

    def key(self, desired: Desired) -> Hashable:
        """Return the identity of a desired object, as the server compares names."""
        raise NotImplementedError

    def label(self, key: Hashable, state: State) -> str:
        """Return how messages and results name an object that is not listed; no two alike."""
        return str(state.get("name", key))

    def desired_state(self, desired: Desired, present: Optional[State]) -> State:
        """Return only the fields that the person gave; ``present`` is None for a new object."""
        raise NotImplementedError

    def equal(self, name: str, present: Any, wanted: Any) -> bool:
        """Tell whether a field already is as wanted. A secret never is: nobody can read it."""
        return bool(present == wanted)

    def unproven(self, desired: Desired) -> bool:
        """Tell whether an object that looks as wanted must be written again to find out whether it is."""
        return False

    def settled(self, steps: Sequence[Step], present: Optional[Current]) -> Sequence[Step]:
        """Return the steps that count as changes; ``present`` are the objects after them, None in check mode."""
        return steps

    def results(self) -> Mapping[str, Any]:
        """Return further keys of the module's result, once all is done."""
        return {}

    def veto(self, step: Step) -> Optional[str]:
        """Return why a step must not be done (a sentence), or None."""
        return None

    def warnings(self) -> Sequence[str]:
        """Return what a person should know although nothing failed, once all is done."""
        return ()

    def hint(self, fields: Collection[str]) -> str:
        """Return what may be the reason where the server shows other fields than were written."""
        return "something else may be changing it, or this version of the server ignores it"

    def precheck(self, steps: Sequence[Step]) -> None:
        """Look at the whole plan before the first write, in check mode too; raise Failure where it cannot be done."""

    def needs(self, step: Step) -> Collection[Hashable]:
        """Return the keys whose steps must be finished before this one begins."""
        return ()

    def reread(self, step: Step) -> Optional[State]:
        """Return the fields of the object as the server shows it right before an update that replaces them all.

        ``step.before`` may be minutes old by then. None where the update writes only what ``step.changes`` names and
        nobody's edit can be lost, or where it reads again by itself.
        """
        return None

    def create(self, step: Step) -> None:
        """Make the object ``step.after``."""
        raise NotImplementedError

    def update(self, step: Step) -> None:
        """Write ``step.changes`` of ``step.after`` over ``step.before``."""
        raise NotImplementedError

    def delete(self, step: Step) -> None:
        """Remove the object ``step.before``."""
        raise NotImplementedError


def shown(value: Any) -> Any:
    """Return a copy fit for a result or a diff: secrets are masked."""
    if isinstance(value, Secret):
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(shown(item) for item in value)
    return value


def changes_of(resource: Resource, present: State, wanted: State) -> tuple[str, ...]:
    """Return the fields that are not as wanted; a secret never is."""
    return tuple(
        name
        for name, value in wanted.items()
        if isinstance(value, Secret) or not resource.equal(name, present.get(name), value)
    )
