# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types that the engine shares with a kind of object: Desired, Step and Resource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Collection, Generic, Hashable, Iterable, Mapping, Optional, Sequence, Tuple, TypeVar

from .secrets import MASK, Secret

Spec = TypeVar("Spec")
"""What a person may say of one kind of object: a frozen dataclass."""
State = Mapping[str, Any]
Current = Mapping[Hashable, State]
Problem = Tuple[int, str]
"""The number of a desired object in its list, from 0, and what is wrong with it."""


@dataclass(frozen=True)
class Desired(Generic[Spec]):
    """One object as a person wants it: its name as written, and its ``spec``.

    ``place`` is its entry in messages about a list: ``entry 3 (teachers)``; empty for the one object of a task.
    """

    name: str
    spec: Spec
    present: bool = True
    place: str = ""


@dataclass(frozen=True)
class Step(Generic[Spec]):
    """One write of a plan. ``desired`` is None for an object that is purged."""

    action: str
    key: Hashable
    name: str
    before: Optional[State]
    after: Optional[State]
    changes: tuple[str, ...] = ()
    desired: Optional[Desired[Spec]] = None

    def summary(self) -> dict[str, Any]:
        """Return the step as results show it."""
        return {"action": self.action, "name": self.name, "fields": list(self.changes)}


class Resource(Generic[Spec]):
    """One kind of object, for the engine. Pass an instance; override what applies."""

    kind = "object"
    """The singular noun in messages and results."""
    noun = ""
    """The noun in messages about desired objects, if not ``kind``."""
    writes_unseen = False
    """Whether a step writes what no state shows: then a write whose answer was lost counts as a change."""

    def gather(self, all_desired: Sequence[Desired[Spec]]) -> Current:
        """Return the current objects by key, in as few calls as the server allows. Do not judge them."""
        raise NotImplementedError

    def check(self, all_desired: Sequence[Desired[Spec]], current: Current) -> Iterable[Problem]:
        """Yield every problem of the desired objects that only the server can know.

        Called once, after the first ``gather`` and before any write. All problems become one Failure.
        """
        return ()

    def key(self, desired: Desired[Spec]) -> Hashable:
        """Return the identity of a desired object, as the server compares names."""
        raise NotImplementedError

    def label(self, key: Hashable, state: State) -> str:
        """Return how messages and results name an object that is not listed; no two alike."""
        return str(state.get("name", key))

    def desired_state(self, desired: Desired[Spec], current: Optional[State]) -> State:
        """Return only the fields that the person gave; ``current`` is None for a new object."""
        raise NotImplementedError

    def equal(self, name: str, current: Any, wanted: Any) -> bool:
        """Tell whether a field already has the desired value. A secret never has: nobody can read it."""
        return bool(current == wanted)

    def unproven(self, desired: Desired[Spec]) -> bool:
        """Tell whether an object that shows the desired state must still be written to find out whether it has it."""
        return False

    def settled(self, steps: Sequence[Step[Spec]], current: Optional[Current]) -> Sequence[Step[Spec]]:
        """Return the steps that count as changes; ``current`` are the objects after them, None in check mode."""
        return steps

    def results(self) -> Mapping[str, Any]:
        """Return further keys of the module's result, once all is done."""
        return {}

    def veto(self, step: Step[Spec]) -> Optional[str]:
        """Return why a step must not be done (a sentence), or None."""
        return None

    def warnings(self) -> Sequence[str]:
        """Return the warnings of a run that did not fail."""
        return ()

    def hint(self, fields: Collection[str]) -> str:
        """Return the likely reason why the server shows other values in ``fields`` than were written."""
        return "something else may be changing it, or this version of the server ignores it"

    def precheck(self, steps: Sequence[Step[Spec]]) -> None:
        """Check the whole plan before the first write, in check mode too; raise Failure if it cannot be done."""

    def needs(self, step: Step[Spec]) -> Collection[Hashable]:
        """Return the keys of the steps that must finish before this one starts."""
        return ()

    def reread(self, step: Step[Spec]) -> Optional[State]:
        """Return the object's fields as they are right before an update that replaces all of them.

        ``step.before`` may be minutes old by then. Return None if the update writes only ``step.changes``, so that
        nobody's edit is lost, or if it reads the object again itself.
        """
        return None

    def create(self, step: Step[Spec]) -> None:
        """Make the object ``step.after``."""
        raise NotImplementedError

    def update(self, step: Step[Spec]) -> None:
        """Write ``step.changes`` of ``step.after`` over ``step.before``."""
        raise NotImplementedError

    def delete(self, step: Step[Spec]) -> None:
        """Remove the object ``step.before``."""
        raise NotImplementedError


def shown(value: Any) -> Any:
    """Return a copy for a result or a diff, with secrets masked."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, Mapping):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(shown(item) for item in value)
    return value


def changes_of(resource: Resource[Any], current: State, wanted: State) -> tuple[str, ...]:
    """Return the fields that differ from the desired state; a secret always does."""
    return tuple(
        name
        for name, value in wanted.items()
        if isinstance(value, Secret) or not resource.equal(name, current.get(name), value)
    )
