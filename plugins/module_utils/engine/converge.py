# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one engine: gather, check, plan, precheck, apply, gather again, verify.

A resource knows one kind of object; the engine knows what ``changed`` means. One object, a thousand, and a settings
singleton (a list of one that is never created) follow the same steps. Check mode makes the
same plan as the run after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, Callable, Dict, Hashable, Mapping, Optional, Sequence

from .apply import apply, verify
from .entries import refuse_desired, vetoed
from .errors import Failure
from .resource import Current, Desired, Problem, Resource, Spec, State, Step, changes_of, shown
from .secrets import MASK, Secret

HIDDEN = MASK
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
    steps: tuple[Step[Any], ...]
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
    resource: Resource[Spec],
    all_desired: Sequence[Desired[Spec]],
    *,
    check_mode: bool,
    purge: bool = False,
    workers: int = 4,
    on_start: Callable[[Sequence[Step[Spec]]], None] = lambda steps: None,
) -> Outcome:
    """Bring the server to the desired state; with ``purge``, delete every object that is not listed.

    ``workers`` is the maximum number of concurrent writes. ``on_start`` is called with the steps right before the first
    write, and only if there is one.
    Raises Failure: before any write for every problem that can be known by then, later with the steps ``done``,
    ``failed_steps`` and ``not_begun``.
    """
    keys = _keys(resource, all_desired)
    current = resource.gather(all_desired)
    refuse_desired(resource.noun or resource.kind, all_desired, resource.check(all_desired, current))
    steps = _plan(resource, all_desired, current)
    kept: tuple[str, ...] = ()
    if purge:
        purged, kept = _purge(resource, current, set(keys))
        steps += purged
    order = _order(resource, steps)
    resource.precheck(steps)
    if steps and not check_mode:
        on_start(steps)
        apply(resource, all_desired, steps, order, workers)
        current = verify(resource, all_desired, steps)
        states = [current.get(key, {}) for key in keys]
        steps = list(resource.settled(steps, current))
    else:
        steps = list(resource.settled(steps, None))
        planned = {step.key: step.after or {} for step in steps}
        states = [planned.get(key, current.get(key, {})) for key in keys]
    shown_states = tuple(shown(state) for state in states)
    warnings, results = tuple(resource.warnings()), dict(resource.results())
    return Outcome(resource.kind, tuple(steps), shown_states, kept, warnings, results)


def _keys(resource: Resource[Spec], all_desired: Sequence[Desired[Spec]]) -> list[Hashable]:
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


def _plan(resource: Resource[Spec], all_desired: Sequence[Desired[Spec]], current: Current) -> list[Step[Spec]]:
    planned = (_step(resource, desired, current.get(resource.key(desired))) for desired in all_desired)
    steps = [step for step in planned if step]
    vetoes = [veto for veto in map(resource.veto, steps) if veto]
    if len(vetoes) == 1:
        raise Failure(vetoes[0])
    if vetoes:
        raise vetoed(resource.noun or resource.kind, len(all_desired), vetoes)
    return steps


def _step(resource: Resource[Spec], desired: Desired[Spec], current: Optional[State]) -> Optional[Step[Spec]]:
    key = resource.key(desired)
    if not desired.present:
        return None if current is None else Step("delete", key, desired.name, current, None, desired=desired)
    wanted = resource.desired_state(desired, current)
    if current is None:
        return Step("create", key, desired.name, None, wanted, tuple(wanted), desired)
    changes = changes_of(resource, current, wanted)
    if not changes and not resource.unproven(desired):
        return None
    return Step("update", key, desired.name, current, {**current, **wanted}, changes, desired)


def _purge(
    resource: Resource[Spec], current: Current, desired_keys: set[Hashable]
) -> tuple[list[Step[Spec]], tuple[str, ...]]:
    steps, kept = [], []
    for key, state in current.items():
        if key in desired_keys:
            continue
        step: Step[Spec] = Step("delete", key, resource.label(key, state), state, None)
        if resource.veto(step):
            kept.append(step.name)
        else:
            steps.append(step)
    return sorted(steps, key=lambda step: step.name), tuple(sorted(kept))


def _order(resource: Resource[Spec], steps: Sequence[Step[Spec]]) -> TopologicalSorter[Hashable]:
    planned = {step.key for step in steps}
    order: TopologicalSorter[Hashable] = TopologicalSorter()
    for step in steps:
        order.add(step.key, *(key for key in resource.needs(step) if key in planned and key != step.key))
    try:
        order.prepare()
    except CycleError as error:
        names = {step.key: step.name for step in steps}
        circle = " -> ".join(names[key] for key in error.args[1])
        raise Failure(
            f"The {resource.kind}s depend on each other in a circle ({circle}); remove one of these references."
        ) from error
    return order


def _before(step: Step[Any]) -> dict[str, Any]:
    if step.before is None:
        return {}
    if step.action == "delete":
        return dict(shown(step.before))
    return {name: shown(step.before[name]) for name in step.changes if name in step.before}


def _after(step: Step[Any]) -> dict[str, Any]:
    if step.after is None:
        return {}
    return {name: shown(step.after[name]) for name in step.changes}
