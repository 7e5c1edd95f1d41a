# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one engine: read, check, compare, plan, apply, report.

A resource knows one kind of object; the engine knows what ``changed`` means. One
object, a thousand, and a settings singleton (a list of one that is never created)
take the same road, in check mode as well, so a check run's plan is the plan of the
run that follows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, Callable, Dict, Hashable, Mapping, Optional, Sequence

from .apply import apply, prove
from .entries import failure, refuse_wishes
from .errors import Failure
from .resource import HIDDEN, Present, Problem, Resource, Secret, State, Step, Wish, changes_of, shown

__all__ = [
    "HIDDEN",
    "Outcome",
    "Present",
    "Problem",
    "Resource",
    "Secret",
    "State",
    "Step",
    "Wish",
    "converge",
    "shown",
]


@dataclass(frozen=True)
class Outcome:
    """What a run did or, in check mode, would do."""

    kind: str
    steps: tuple[Step, ...]
    states: tuple[State, ...]
    kept: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    results: Mapping[str, Any] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """True exactly when there was something to do."""
        return bool(self.steps)

    def single(self) -> dict[str, Any]:
        """Return the result of a module for one object."""
        step = self.steps[0] if self.steps else None
        diff = {"before": _before(step), "after": _after(step)} if step else {"before": {}, "after": {}}
        state = self.states[0] if self.states else {}
        return {"changed": self.changed, "diff": diff, self.kind: state, **self.results, **self._warned()}

    def many(self, plural: str) -> dict[str, Any]:
        """Return the result of a module for a list, under the plural name."""
        return {
            "changed": self.changed,
            "diff": {
                "before": {step.name: _before(step) for step in self.steps},
                "after": {step.name: _after(step) for step in self.steps},
            },
            "plan": [step.summary() for step in self.steps],
            "kept": list(self.kept),
            plural: [state for state in self.states if state],
            **self.results,
            **self._warned(),
        }

    def _warned(self) -> dict[str, Any]:
        return {"warnings": list(self.warnings)} if self.warnings else {}


def converge(
    resource: Resource,
    wishes: Sequence[Wish],
    *,
    check_mode: bool,
    purge: bool = False,
    workers: int = 4,
    begin: Callable[[Sequence[Step]], None] = lambda steps: None,
) -> Outcome:
    """Bring the server to the wishes; with ``purge``, remove what nobody wished for.

    ``workers`` bounds the writes at work at once. ``begin`` is told the steps right before
    the first write, and not called where there is none.
    Raises Failure before any write for what can be known, else with the steps
    ``done``, ``failed`` and ``not_begun``.
    """
    keys = _keys(resource, wishes)
    present = resource.read(wishes)
    refuse_wishes(resource.noun or resource.kind, wishes, resource.check(wishes, present))
    steps = _plan(resource, wishes, present)
    kept: tuple[str, ...] = ()
    if purge:
        purged, kept = _purge(resource, present, set(keys))
        steps += purged
    order = _order(resource, steps)
    resource.review(steps)
    if steps and not check_mode:
        begin(steps)
        apply(resource, wishes, steps, order, workers)
        present = prove(resource, wishes, steps)
        states = [present.get(key, {}) for key in keys]
        steps = list(resource.settled(steps, present))
    else:
        steps = list(resource.settled(steps, None))
        foreseen = {step.key: step.after or {} for step in steps}
        states = [foreseen.get(key, present.get(key, {})) for key in keys]
    shown_states = tuple(shown(state) for state in states)
    warnings, results = tuple(resource.warnings()), dict(resource.results())
    return Outcome(resource.kind, tuple(steps), shown_states, kept, warnings, results)


def _keys(resource: Resource, wishes: Sequence[Wish]) -> list[Hashable]:
    seen: Dict[Hashable, str] = {}
    for wish in wishes:
        key = resource.key(wish)
        if key in seen:
            raise Failure(
                f"The {resource.kind} {wish.name} is listed twice (as {seen[key]} and as {wish.name}); "
                f"keep one of the entries."
            )
        seen[key] = wish.name
    return list(seen)


def _plan(resource: Resource, wishes: Sequence[Wish], present: Present) -> list[Step]:
    planned = (_step(resource, wish, present.get(resource.key(wish))) for wish in wishes)
    steps = [step for step in planned if step]
    refusals = [refusal for refusal in map(resource.refusal, steps) if refusal]
    if len(refusals) == 1:
        raise Failure(refusals[0])
    if refusals:
        kind = resource.noun or resource.kind
        words = f"Nothing was changed, because {len(refusals)} of {len(wishes)} {kind}s cannot be as wanted: "
        raise failure(words, [refusal.rstrip(".") for refusal in refusals])
    return steps


def _step(resource: Resource, wish: Wish, present: Optional[State]) -> Optional[Step]:
    key = resource.key(wish)
    if not wish.present:
        return None if present is None else Step("delete", key, wish.name, present, None, wish=wish)
    wanted = resource.wanted(wish, present)
    if present is None:
        return Step("create", key, wish.name, None, wanted, tuple(wanted), wish)
    changes = changes_of(resource, present, wanted)
    if not changes and not resource.unproven(wish):
        return None
    return Step("update", key, wish.name, present, {**present, **wanted}, changes, wish)


def _purge(resource: Resource, present: Present, wished: set[Hashable]) -> tuple[list[Step], tuple[str, ...]]:
    steps, kept = [], []
    for key, state in present.items():
        if key in wished:
            continue
        step = Step("delete", key, resource.title(key, state), state, None)
        if resource.refusal(step):
            kept.append(step.name)
        else:
            steps.append(step)
    return sorted(steps, key=lambda step: step.name), tuple(sorted(kept))


def _order(resource: Resource, steps: Sequence[Step]) -> TopologicalSorter[Hashable]:
    planned = {step.key for step in steps}
    order: TopologicalSorter[Hashable] = TopologicalSorter()
    for step in steps:
        order.add(step.key, *(key for key in resource.needs(step) if key in planned and key != step.key))
    try:
        order.prepare()
    except CycleError as error:
        names = {step.key: step.name for step in steps}
        circle = " -> ".join(names[key] for key in error.args[1])
        raise Failure(f"The {resource.kind}s need each other in a circle ({circle}); break it.") from error
    return order


def _before(step: Step) -> dict[str, Any]:
    if step.before is None:
        return {}
    if step.action == "delete":
        return dict(shown(step.before))
    return {name: shown(step.before[name]) for name in step.changes if name in step.before}


def _after(step: Step) -> dict[str, Any]:
    if step.after is None:
        return {}
    return {name: shown(step.after[name]) for name in step.changes}
