# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the steps of a plan, several at once, and prove that the server shows them.

A write whose answer was lost may have been done. So after such a failure the objects are read again: what is as wanted
counts as done, and what is not makes the run fail, with ``changed`` as the server shows it.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from graphlib import TopologicalSorter
from typing import Callable, Dict, Hashable, Iterable, List, Sequence, Tuple

from . import writes
from .errors import Failure, as_failure, is_unclear
from .resource import Current, Desired, Resource, Secret, State, Step, changes_of

Failed = List[Tuple[Step, Exception]]


def apply(
    resource: Resource,
    all_desired: Sequence[Desired],
    steps: Sequence[Step],
    order: TopologicalSorter[Hashable],
    workers: int,
) -> None:
    """Write all steps in their order; raise Failure with what was done and what was not."""
    by_key = {step.key: step for step in steps}
    done: list[Step] = []
    waiting: list[Step] = []
    changed = False
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        while order.is_active():
            finished, failed = _until_one_fails(resource, order, by_key, waiting, pool, max(1, workers))
            done += finished
            lost, changed = _judged_again(resource, all_desired, failed)
            for step in lost:
                order.done(step.key)
            done += lost
            failed = [(step, error) for step, error in failed if step not in lost]
            if failed:
                _fail(resource, steps, done, failed, changed)


def _until_one_fails(
    resource: Resource,
    order: TopologicalSorter[Hashable],
    by_key: Dict[Hashable, Step],
    waiting: List[Step],
    pool: ThreadPoolExecutor,
    workers: int,
) -> Tuple[List[Step], Failed]:
    """Write steps until all are done or one has failed, and those at work have ended; return both kinds."""
    writers: Dict[str, Callable[[Step], None]] = {
        "create": resource.create,
        "update": partial(_update, resource),
        "delete": resource.delete,
    }
    done: list[Step] = []
    failed: Failed = []
    running: dict[Future[None], Step] = {}
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


def _update(resource: Resource, step: Step) -> None:
    """Write an update over the object as it is now, so that an edit made since the plan is not lost."""
    now = resource.reread(step)
    resource.update(step if now is None else rebased(resource, step, now))


def rebased(resource: Resource, step: Step, now: State) -> Step:
    """Return a step whose other fields are as ``now``; raise Failure if somebody else changed what it writes."""
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
            f"this task ran. Look at that edit, then run the task again."
        )
    others = {name: value for name, value in now.items() if name not in step.changes}
    return replace(step, before={**before, **now}, after={**after, **others})


def _judged_again(resource: Resource, all_desired: Sequence[Desired], failed: Failed) -> Tuple[List[Step], bool]:
    """Return the steps that were done although their answers were lost, and whether any other has changed anything."""
    unclear = [step for step, error in failed if is_unclear(error)]
    if not unclear:
        return [], False
    try:
        now = resource.gather(all_desired)
    except Failure:
        return [], True
    done = [step for step in unclear if _is_done(resource, step, now)]
    lost = [step for step in unclear if step not in done]
    return done, any(resource.writes_unseen or _has_moved(resource, step, now) for step in lost)


def _is_done(resource: Resource, step: Step, now: Current) -> bool:
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


def _has_moved(resource: Resource, step: Step, now: Current) -> bool:
    state, before = now.get(step.key), step.before
    if before is None or state is None:
        return (before is None) != (state is None)
    known = {name: before[name] for name in step.changes if name in before}
    return _writes_secret(step) or bool(changes_of(resource, state, known)) or not known.keys() >= set(step.changes)


def _writes_secret(step: Step) -> bool:
    return any(isinstance((step.after or {}).get(name), Secret) for name in step.changes)


def _fail(
    resource: Resource,
    steps: Sequence[Step],
    done: Sequence[Step],
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


def _says_changed(failed: Tuple[Step, Exception]) -> bool:
    return bool(as_failure(failed[1]).details.get("changed"))


def prove(resource: Resource, all_desired: Sequence[Desired], steps: Sequence[Step]) -> Current:
    """Return what is there now; raise Failure where it is not as desired, or cannot be told."""
    done = {"changed": True, "done": [step.name for step in steps]}
    try:
        present = resource.gather(all_desired)
    except Failure as error:
        raise Failure(
            f"All was written, but could not be read again: {error.message}", **{**error.details, **done}
        ) from error
    try:
        _verify(resource, all_desired, steps, present)
    except Failure as error:
        raise Failure(error.message, **{**done, **error.details}) from error
    return present


def _verify(resource: Resource, all_desired: Iterable[Desired], steps: Iterable[Step], present: Current) -> None:
    lacking = {step.name: ["presence"] for step in steps if step.action == "delete" and step.key in present}
    for desired in all_desired:
        if not desired.present:
            continue
        now = present.get(resource.key(desired))
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
            f"The server accepted the change of the {resource.kind} {name}, but still shows another "
            f"{', '.join(fields)}; {resource.hint(fields)}."
        )
