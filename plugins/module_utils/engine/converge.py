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
from .entries import invalid_list, refuse_desired
from .errors import Failure
from .resource import HIDDEN, Current, Desired, Problem, Resource, Secret, State, Step, changes_of, shown

__all__ = [
    "HIDDEN",
    "Current",
    "Desired",
    "Outcome",
    "Problem",
    "Resource",
    "Secret",
    "State",
    "Step",
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
    all_desired: Sequence[Desired],
    *,
    check_mode: bool,
    purge: bool = False,
    workers: int = 4,
    begin: Callable[[Sequence[Step]], None] = lambda steps: None,
) -> Outcome:
    """Bring the server to the desired objects; with ``purge``, remove What is not listed.

    ``workers`` bounds the writes at work at once. ``begin`` is told the steps right before
    the first write, and not called where there is none.
    Raises Failure before any write for what can be known, else with the steps
    ``done``, ``failed`` and ``not_begun``.
    """
    keys = _keys(resource, all_desired)
    present = resource.gather(all_desired)
    refuse_desired(resource.noun or resource.kind, all_desired, resource.check(all_desired, present))
    steps = _plan(resource, all_desired, present)
    kept: tuple[str, ...] = ()
    if purge:
        purged, kept = _purge(resource, present, set(keys))
        steps += purged
    order = _order(resource, steps)
    resource.precheck(steps)
    if steps and not check_mode:
        begin(steps)
        apply(resource, all_desired, steps, order, workers)
        present = prove(resource, all_desired, steps)
        states = [present.get(key, {}) for key in keys]
        steps = list(resource.settled(steps, present))
    else:
        steps = list(resource.settled(steps, None))
        foreseen = {step.key: step.after or {} for step in steps}
        states = [foreseen.get(key, present.get(key, {})) for key in keys]
    shown_states = tuple(shown(state) for state in states)
    warnings, results = tuple(resource.warnings()), dict(resource.results())
    return Outcome(resource.kind, tuple(steps), shown_states, kept, warnings, results)


def _keys(resource: Resource, all_desired: Sequence[Desired]) -> list[Hashable]:
    seen: Dict[Hashable, str] = {}
    for desired in all_desired:
        key = resource.key(desired)
        if key in seen:
            raise Failure(
                f"The {resource.kind} {desired.name} is listed twice (as {seen[key]} and as {desired.name}); "
                f"keep one of the entries."
            )
        seen[key] = desired.name
    return list(seen)


def _plan(resource: Resource, all_desired: Sequence[Desired], present: Current) -> list[Step]:
    planned = (_step(resource, desired, present.get(resource.key(desired))) for desired in all_desired)
    steps = [step for step in planned if step]
    refusals = [refusal for refusal in map(resource.veto, steps) if refusal]
    if len(refusals) == 1:
        raise Failure(refusals[0])
    if refusals:
        kind = resource.noun or resource.kind
        raise invalid_list(kind, len(refusals), len(all_desired), [refusal.rstrip(".") for refusal in refusals])
    return steps


def _step(resource: Resource, desired: Desired, present: Optional[State]) -> Optional[Step]:
    key = resource.key(desired)
    if not desired.present:
        return None if present is None else Step("delete", key, desired.name, present, None, desired=desired)
    wanted = resource.desired_state(desired, present)
    if present is None:
        return Step("create", key, desired.name, None, wanted, tuple(wanted), desired)
    changes = changes_of(resource, present, wanted)
    if not changes and not resource.unproven(desired):
        return None
    return Step("update", key, desired.name, present, {**present, **wanted}, changes, desired)


def _purge(resource: Resource, present: Current, desired_names: set[Hashable]) -> tuple[list[Step], tuple[str, ...]]:
    steps, kept = [], []
    for key, state in present.items():
        if key in desired_names:
            continue
        step = Step("delete", key, resource.label(key, state), state, None)
        if resource.veto(step):
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
