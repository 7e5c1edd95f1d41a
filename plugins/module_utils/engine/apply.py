# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the steps of a plan, several at once, and verify that the server shows them.

A write whose answer was lost may have been done. After such a failure the engine gathers again: a step whose object has
the desired state counts as done, any other fails the run, with ``changed`` as the server shows it.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from graphlib import TopologicalSorter
from typing import Any, Callable, Dict, Hashable, Iterable, List, Sequence, Tuple

from . import writes
from .errors import Failure, as_failure, is_unclear
from .resource import Current, Desired, Resource, Spec, State, Step, changes_of
from .secrets import Secret

Failed = List[Tuple[Step[Any], Exception]]


def apply(
    resource: Resource[Spec],
    all_desired: Sequence[Desired[Spec]],
    steps: Sequence[Step[Spec]],
    order: TopologicalSorter[Hashable],
    workers: int,
) -> None:
    """Write all steps in order; raise Failure with the steps that were done, failed and not begun."""
    by_key = {step.key: step for step in steps}
    done: list[Step[Spec]] = []
    waiting: list[Step[Spec]] = []
    changed = False
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        while order.is_active():
            finished, failed = _until_one_fails(resource, order, by_key, waiting, pool, max(1, workers))
            done += finished
            lost, changed = _after_lost_answers(resource, all_desired, failed)
            for step in lost:
                order.done(step.key)
            done += lost
            failed = [(step, error) for step, error in failed if step not in lost]
            if failed:
                _fail(resource, steps, done, failed, changed)


def _until_one_fails(
    resource: Resource[Spec],
    order: TopologicalSorter[Hashable],
    by_key: Dict[Hashable, Step[Spec]],
    waiting: List[Step[Spec]],
    pool: ThreadPoolExecutor,
    workers: int,
) -> Tuple[List[Step[Spec]], Failed]:
    """Write steps until all are done or one fails; wait for the running ones; return the done and the failed."""
    writers: Dict[str, Callable[[Step[Spec]], None]] = {
        "create": resource.create,
        "update": partial(_update, resource),
        "delete": resource.delete,
    }
    done: list[Step[Spec]] = []
    failed: Failed = []
    running: dict[Future[None], Step[Spec]] = {}
    while order.is_active() and not failed or running:
        waiting += [by_key[key] for key in order.get_ready()]
        while waiting and len(running) < workers and not failed:
            step = waiting.pop(0)
            running[pool.submit(writers[step.action], step)] = step
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            step = running.pop(future)
            error = future.exception()
            if isinstance(error, Exception):
                failed.append((step, error))
                continue
            done.append(step)
            order.done(step.key)
    return done, failed


def _update(resource: Resource[Spec], step: Step[Spec]) -> None:
    """Update the object as it is now, so that an edit made since the plan is not lost."""
    now = resource.reread(step)
    resource.update(step if now is None else rebased(resource, step, now))


def rebased(resource: Resource[Spec], step: Step[Spec], now: State) -> Step[Spec]:
    """Return the step over the fields in ``now``; raise Failure if somebody else changed a field that it writes."""
    before, after = step.before or {}, step.after or {}
    edited = [
        name
        for name in step.changes
        if name in now
        and not resource.equal(name, now[name], before.get(name))
        and not resource.equal(name, now[name], after[name])
    ]
    if edited:
        raise Failure(
            f"The {resource.kind} {step.name} was not updated: somebody else changed its {', '.join(edited)} while "
            f"this task ran. Check that edit, then run the task again."
        )
    others = {name: value for name, value in now.items() if name not in step.changes}
    return replace(step, before={**before, **now}, after={**after, **others})


def _after_lost_answers(
    resource: Resource[Spec], all_desired: Sequence[Desired[Spec]], failed: Failed
) -> Tuple[List[Step[Spec]], bool]:
    """Return the steps that were done although their answers were lost, and whether another step changed anything."""
    unclear = [step for step, error in failed if is_unclear(error)]
    if not unclear:
        return [], False
    try:
        now = resource.gather(all_desired)
    except Failure:
        return [], True
    done = [step for step in unclear if _is_done(resource, step, now)]
    undone = [step for step in unclear if step not in done]
    return done, any(resource.writes_unseen or _has_moved(resource, step, now) for step in undone)


def _is_done(resource: Resource[Spec], step: Step[Spec], now: Current) -> bool:
    state = now.get(step.key)
    if step.action == "delete" or step.desired is None:
        return state is None
    if state is None or (step.before is not None and _writes_secret(step)):
        # Nobody can read whether a secret was written over another.
        return False
    wanted = {
        name: value
        for name, value in resource.desired_state(step.desired, state).items()
        if not isinstance(value, Secret)
    }
    return not changes_of(resource, state, wanted)


def _has_moved(resource: Resource[Spec], step: Step[Spec], now: Current) -> bool:
    state, before = now.get(step.key), step.before
    if before is None or state is None:
        return (before is None) != (state is None)
    known = {name: before[name] for name in step.changes if name in before}
    return _writes_secret(step) or bool(changes_of(resource, state, known)) or not known.keys() >= set(step.changes)


def _writes_secret(step: Step[Any]) -> bool:
    return any(isinstance((step.after or {}).get(name), Secret) for name in step.changes)


def _fail(
    resource: Resource[Spec],
    steps: Sequence[Step[Spec]],
    done: Sequence[Step[Spec]],
    failed: Failed,
    changed: bool,
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
            # A step that fails halfway may have written a part.
            "changed": bool(done or changed or writes.any_accepted() or any(map(_says_changed, failed))),
            "done": [step.name for step in done],
            "failed_steps": [{**step.summary(), "msg": as_failure(error).message} for step, error in failed],
            "not_begun": not_begun,
        },
    ) from first


def _says_changed(failed: Tuple[Step[Any], Exception]) -> bool:
    return bool(as_failure(failed[1]).details.get("changed"))


def verify(resource: Resource[Spec], all_desired: Sequence[Desired[Spec]], steps: Sequence[Step[Spec]]) -> Current:
    """Return the current objects; raise Failure if they are not as desired or cannot be read."""
    done = {"changed": True, "done": [step.name for step in steps]}
    try:
        current = resource.gather(all_desired)
    except Failure as error:
        raise Failure(
            f"Everything was written, but verifying it failed: {error.message}", **{**error.details, **done}
        ) from error
    try:
        _require_desired_state(resource, all_desired, steps, current)
    except Failure as error:
        raise Failure(error.message, **{**done, **error.details}) from error
    return current


def _require_desired_state(
    resource: Resource[Spec], all_desired: Iterable[Desired[Spec]], steps: Iterable[Step[Spec]], current: Current
) -> None:
    lacking = {step.name: ["presence"] for step in steps if step.action == "delete" and step.key in current}
    for desired in all_desired:
        if not desired.present:
            continue
        now = current.get(resource.key(desired))
        if now is None:
            lacking[desired.name] = ["absence"]
            continue
        wanted = {k: v for k, v in resource.desired_state(desired, now).items() if not isinstance(v, Secret)}
        changes = changes_of(resource, now, wanted)
        if changes:
            lacking[desired.name] = list(changes)
    if lacking:
        name, fields = next(iter(lacking.items()))
        raise Failure(
            f"The server accepted the change of the {resource.kind} {name}, but still shows a different "
            f"{', '.join(fields)}; {resource.hint(fields)}."
        )
