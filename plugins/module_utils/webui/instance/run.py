# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a whole instance: every part is checked before the first write of any, then they are written in order."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from ...engine.errors import Failure
from ..api.client import Client
from ..api.outage import raise_outage
from .parts import Hooks, Part, Result, parts_of, refuse_all

NAMED = ("settings", "groups", "users", "knowledge")
"""The parts whose objects later parts need."""


def converge_instance(params: Mapping[str, Any], check_mode: bool, hooks: Hooks) -> Result:
    """Converge all parts of a task and return the result of the module.

    The first pass is a check run of each part, in which objects that earlier parts will make count as there. So a
    mistake in any part is reported before the first write of another. The second pass begins with the first part that
    has something to write, and plans each part again, from what the earlier ones wrote.
    """
    parts = parts_of(params, hooks)
    foreseen = {name: [made for part in parts if part.name == name for made in part.makes] for name in NAMED}
    reading = Client(params, read_only=True, foreseen=foreseen)
    checked = [_attempt(part, reading, check=True) for part in parts]
    refuse_all([found for found in checked if isinstance(found, Failure)])
    results = [found for found in checked if not isinstance(found, Failure)]
    first = next((number for number, result in enumerate(results) if result["changed"]), len(parts))
    if not check_mode and first < len(parts):
        results[first:] = _written(parts[first:], Client(params, read_only=False))
    return _joined(parts, results)


def _attempt(part: Part, client: Client, check: bool) -> Union[Result, Failure]:
    """Return the result of a part, or why it failed; in a check run, raise an outage, which ends it for all parts."""
    try:
        return part.converge(client, check)
    except Failure as failure:
        if check:
            raise_outage(failure)
        return failure


def _written(parts: Sequence[Part], client: Client) -> List[Result]:
    results: List[Result] = []
    for part in parts:
        result = _attempt(part, client, check=False)
        if isinstance(result, Failure):
            raise _interrupted(parts, results, result) from result
        results.append(result)
    return results


def _interrupted(parts: Sequence[Part], results: Sequence[Result], failure: Failure) -> Failure:
    """Return the Failure of the part after these results with what they did, and which parts were not begun."""
    number = len(results)
    done = [step for part, result in zip(parts, results) for step in _plan(part, result)]
    left = list(dict.fromkeys(part.name for part in parts[number + 1 :]))
    message = failure.message
    if left:
        message += f" Not begun: {', '.join(left)}."
    details: Dict[str, Any] = {
        **failure.details,
        "part": parts[number].name,
        "parts_done": list(dict.fromkeys(part.name for part in parts[:number])),
        "parts_not_begun": left,
    }
    if done:
        details["changed"] = True
    return Failure(message, plan=done, **details)


def _joined(parts: Sequence[Part], results: Sequence[Result]) -> Result:
    diff: Dict[str, Dict[str, Any]] = {"before": {}, "after": {}}
    kept: Dict[str, List[str]] = {}
    for part, result in zip(parts, results):
        if result["changed"]:
            for when in ("before", "after"):
                _add(diff[when], part.name, result["diff"][when])
        if result.get("kept"):
            kept[part.name] = result["kept"]
    return {
        "changed": any(result["changed"] for result in results),
        "diff": diff,
        "plan": [step for part, result in zip(parts, results) for step in _plan(part, result)],
        "kept": kept,
        "warnings": [warning for result in results for warning in result.get("warnings") or ()],
    }


def _add(parts: Dict[str, Any], name: str, value: Mapping[str, Any]) -> None:
    if name == "knowledge":
        parts.setdefault(name, []).append(value)
    else:
        parts[name] = value


def _plan(part: Part, result: Result) -> List[Dict[str, Any]]:
    """Return the steps of a part, each with its name."""
    steps: Optional[Sequence[Mapping[str, Any]]] = result.get("plan")
    if steps is None:
        steps = [_step(part, result)] if result["changed"] else []
    return [{"part": part.name, **step} for step in steps]


def _step(part: Part, result: Result) -> Dict[str, Any]:
    """Return the step of a part that is one object: a knowledge base with its files, or one that is always there."""
    before, after = ({**result["diff"][when]} for when in ("before", "after"))
    fields = sorted(after)
    action = "update"
    if part.name == "knowledge":
        # A change of files alone is an update of their base.
        before.pop("files", None)
        after.pop("files", None)
        if bool(before) != bool(after):
            action = "create" if after else "delete"
    named = result.get("knowledge") or before
    return {"action": action, "name": str(named.get("name") or part.name), "fields": fields}
