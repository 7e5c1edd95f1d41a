# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that look as wanted, and of which only a write tells whether they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Mapping, Optional, Sequence

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import (
    Current,
    Desired,
    Resource,
    State,
    Step,
    converge,
)


class Sealed(Resource[Any]):
    """Crates that are sealed: their label is seen, and what is in them only by packing them again."""

    kind = "crate"

    def __init__(self, packed: Mapping[str, str]) -> None:
        self.packed = dict(packed)
        self.writes: list[str] = []

    def gather(self, all_desired: Sequence[Desired[Any]]) -> Mapping[Any, State]:
        return {name: {"label": "toys", "seal": content} for name, content in self.packed.items()}

    def key(self, desired: Desired[Any]) -> str:
        return desired.name

    def desired_state(self, desired: Desired[Any], current: Optional[State]) -> State:
        return {"label": desired.spec["label"]}

    def unproven(self, desired: Desired[Any]) -> bool:
        return not self.writes and bool(desired.spec.get("sealed"))

    def settled(self, steps: Sequence[Step[Any]], current: Optional[Current]) -> Sequence[Step[Any]]:
        found = []
        for step in steps:
            before, now = step.before or {}, (current or {}).get(step.key, {})
            if step.changes:
                found.append(step)
            elif current is not None and before["seal"] != now["seal"]:
                found.append(replace(step, changes=("seal",), after=now))
        return found

    def results(self) -> Mapping[str, Any]:
        return {"packed": len(self.writes)}

    def update(self, step: Step[Any]) -> None:
        self.writes.append(step.name)
        assert step.desired is not None
        self.packed[step.name] = step.desired.spec["content"]


def desired(content: str, **more: Any) -> Desired[Any]:
    return Desired("a", spec={"label": "toys", "content": content, "sealed": True, **more})


def test_a_check_run_writes_nothing_and_reports_no_change() -> None:
    crates = Sealed({"a": "bears"})
    outcome = converge(crates, [desired("dolls")], check_mode=True)
    assert (outcome.changed, outcome.steps, crates.writes) == (False, (), [])
    assert outcome.states == ({"label": "toys", "seal": "bears"},)
    assert outcome.many("crates")["packed"] == outcome.single()["packed"] == 0


@pytest.mark.parametrize(("content", "changed"), [("bears", False), ("dolls", True)])
def test_a_run_writes_and_reports_only_what_changed(content: str, changed: bool) -> None:
    crates = Sealed({"a": "bears"})
    outcome = converge(crates, [desired(content)], check_mode=False)
    assert (outcome.changed, crates.writes) == (changed, ["a"])
    told = outcome.many("crates")
    assert told["packed"] == 1
    assert told["diff"]["after"] == ({"a": {"seal": "dolls"}} if changed else {})
    assert converge(crates, [desired(content)], check_mode=False).steps == ()


def test_what_is_known_is_not_written_again() -> None:
    crates = Sealed({"a": "bears"})
    assert not converge(crates, [desired("dolls", sealed=False)], check_mode=False).changed
    assert crates.writes == []
