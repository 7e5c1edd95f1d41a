# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one engine: read, compare, plan, apply, report.

A resource knows one kind of object; the engine knows what ``changed`` means. One
object, a thousand, and a settings singleton (a list of one that is never created)
take the same road, in check mode as well, so a check run's plan is the plan of the
run that follows.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, Callable, Collection, Dict, Hashable, Iterable, Mapping, Optional, Sequence

from .errors import Failure, as_failure
from .secret import HIDDEN, Secret, shown

__all__ = ("HIDDEN", "Outcome", "Present", "Resource", "Secret", "State", "Step", "Wish", "converge", "shown")

State = Mapping[str, Any]
Present = Mapping[Hashable, State]


@dataclass(frozen=True)
class Wish:
    """One object as a person wants it: its name as written, and what was said of it."""

    name: str
    present: bool = True
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One write of a plan. ``wish`` is None for an object that is purged."""

    action: str
    key: Hashable
    name: str
    before: Optional[State]
    after: Optional[State]
    changes: tuple[str, ...] = ()
    wish: Optional[Wish] = None

    def summary(self) -> dict[str, Any]:
        """Return the step as results show it."""
        return {"action": self.action, "name": self.name, "fields": list(self.changes)}


class Resource:
    """What the engine must know of one kind of object. Give an instance; override what applies."""

    kind = "object"
    """The singular noun of messages and results."""

    def read(self, wishes: Sequence[Wish]) -> Present:
        """Return the present objects by key, in as few calls as the server allows."""
        raise NotImplementedError

    def key(self, wish: Wish) -> Hashable:
        """Return the identity of a wished object, as the server compares names."""
        raise NotImplementedError

    def title(self, key: Hashable, state: State) -> str:
        """Return how messages and results name an object that nobody wished for; no two alike."""
        return str(state.get("name", key))

    def wanted(self, wish: Wish, present: Optional[State]) -> State:
        """Return only the fields that the person gave; ``present`` is None for a new object."""
        raise NotImplementedError

    def same(self, name: str, present: Any, wanted: Any) -> bool:
        """Tell whether a field already is as wanted. A secret never is: nobody can read it."""
        return bool(present == wanted)

    def unproven(self, wish: Wish) -> bool:
        """Tell whether an object that looks as wanted must be written again to find out whether it is."""
        return False

    def settled(self, steps: Sequence[Step], present: Optional[Present]) -> Sequence[Step]:
        """Return the steps that count as changes; ``present`` are the objects after them, None in check mode."""
        return steps

    def results(self) -> Mapping[str, Any]:
        """Return further keys of the module's result, once all is done."""
        return {}

    def refusal(self, step: Step) -> Optional[str]:
        """Return why a step must not be done (a sentence), or None."""
        return None

    def warnings(self) -> Sequence[str]:
        """Return what a person should know although nothing failed, once all is done."""
        return ()

    def doubt(self, fields: Collection[str]) -> str:
        """Return what may be the reason where the server shows other fields than were written."""
        return "something else may be changing it, or this version of the server ignores it"

    def review(self, steps: Sequence[Step]) -> None:
        """Look at the whole plan before the first write, in check mode too; raise Failure where it cannot be done."""

    def needs(self, step: Step) -> Collection[Hashable]:
        """Return the keys whose steps must be finished before this one begins."""
        return ()

    def create(self, step: Step) -> None:
        """Make the object ``step.after``."""
        raise NotImplementedError

    def update(self, step: Step) -> None:
        """Write ``step.changes`` of ``step.after`` over ``step.before``."""
        raise NotImplementedError

    def delete(self, step: Step) -> None:
        """Remove the object ``step.before``."""
        raise NotImplementedError


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
    steps = _plan(resource, wishes, present)
    kept: tuple[str, ...] = ()
    if purge:
        purged, kept = _purge(resource, present, set(keys))
        steps += purged
    order = _order(resource, steps)
    resource.review(steps)
    if steps and not check_mode:
        begin(steps)
        _apply(resource, steps, order, workers)
        present = _prove(resource, wishes, steps)
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
    steps = []
    for wish in wishes:
        step = _step(resource, wish, present.get(resource.key(wish)))
        if step is None:
            continue
        refusal = resource.refusal(step)
        if refusal:
            raise Failure(refusal)
        steps.append(step)
    return steps


def _step(resource: Resource, wish: Wish, present: Optional[State]) -> Optional[Step]:
    key = resource.key(wish)
    if not wish.present:
        return None if present is None else Step("delete", key, wish.name, present, None, wish=wish)
    wanted = resource.wanted(wish, present)
    if present is None:
        return Step("create", key, wish.name, None, wanted, tuple(wanted), wish)
    changes = _changes(resource, present, wanted)
    if not changes and not resource.unproven(wish):
        return None
    return Step("update", key, wish.name, present, {**present, **wanted}, changes, wish)


def _changes(resource: Resource, present: State, wanted: State) -> tuple[str, ...]:
    return tuple(
        name
        for name, value in wanted.items()
        if isinstance(value, Secret) or not resource.same(name, present.get(name), value)
    )


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


def _apply(
    resource: Resource,
    steps: Sequence[Step],
    order: TopologicalSorter[Hashable],
    workers: int,
) -> None:
    by_key = {step.key: step for step in steps}
    writes = {"create": resource.create, "update": resource.update, "delete": resource.delete}
    done: list[Step] = []
    failed: list[tuple[Step, Exception]] = []
    waiting: list[Step] = []
    running: dict[Future[None], Step] = {}
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        while order.is_active() and not failed or running:
            waiting += [by_key[key] for key in order.get_ready()]
            while waiting and len(running) < max(1, workers) and not failed:
                step = waiting.pop(0)
                running[pool.submit(writes[step.action], step)] = step
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                step = running.pop(future)
                error = future.exception()
                if isinstance(error, Exception):
                    failed.append((step, error))
                    continue
                done.append(step)
                order.done(step.key)
    if failed:
        _fail(resource, steps, done, failed)


def _fail(
    resource: Resource,
    steps: Sequence[Step],
    done: Sequence[Step],
    failed: Sequence[tuple[Step, Exception]],
) -> None:
    first = as_failure(failed[0][1])
    touched = {step.key for step in done} | {step.key for step, dummy in failed}
    not_begun = [step.name for step in steps if step.key not in touched]
    message = first.message
    if len(steps) > 1:
        message += (
            f" Of {len(steps)} {resource.kind}s to change, {len(done)} were done, "
            f"{len(failed)} failed and {len(not_begun)} were not begun."
        )
    raise Failure(
        message,
        **{
            **first.details,
            # A step that fails halfway may have written a part, and says so.
            "changed": bool(done) or any(as_failure(error).details.get("changed") for _step, error in failed),
            "done": [step.name for step in done],
            "failed_steps": [{**step.summary(), "msg": as_failure(error).message} for step, error in failed],
            "not_begun": not_begun,
        },
    ) from first


def _prove(resource: Resource, wishes: Sequence[Wish], steps: Sequence[Step]) -> Present:
    """Return what is there now; raise Failure where it is not as wished, or cannot be told."""
    done = {"changed": True, "done": [step.name for step in steps]}
    try:
        present = resource.read(wishes)
    except Failure as error:
        raise Failure(
            f"All was written, but could not be read again: {error.message}", **{**error.details, **done}
        ) from error
    try:
        _verify(resource, wishes, steps, present)
    except Failure as error:
        raise Failure(error.message, **{**done, **error.details}) from error
    return present


def _verify(resource: Resource, wishes: Iterable[Wish], steps: Iterable[Step], present: Present) -> None:
    lacking = {step.name: ["presence"] for step in steps if step.action == "delete" and step.key in present}
    for wish in wishes:
        if not wish.present:
            continue
        now = present.get(resource.key(wish))
        if now is None:
            lacking[wish.name] = ["absence"]
            continue
        wanted = {k: v for k, v in resource.wanted(wish, now).items() if not isinstance(v, Secret)}
        changes = _changes(resource, now, wanted)
        if changes:
            lacking[wish.name] = list(changes)
    if lacking:
        name, fields = next(iter(lacking.items()))
        raise Failure(
            f"The server accepted the change of the {resource.kind} {name}, but still shows another "
            f"{', '.join(fields)}; {resource.doubt(fields)}."
        )


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
