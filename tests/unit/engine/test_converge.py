# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine, against a shelf in memory: what it plans, does, says and never does."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Any, Collection, Iterator, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import (
    HIDDEN,
    Current,
    Desired,
    Outcome,
    Problem,
    Resource,
    Secret,
    State,
    Step,
    converge,
    shown,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure


class Shelf(Resource[Any]):
    """Objects by lower-case name; counts reads, writes and how many of them overlap."""

    kind = "crate"

    def __init__(self, crates: Mapping[str, State] | None = None, **quirks: Any) -> None:
        self.crates = {name.lower(): {"name": name, **state} for name, state in (crates or {}).items()}
        self.reads = 0
        self.checks = 0
        self.writes: list[tuple[str, str]] = []
        self.quirks = quirks
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()

    def gather(self, all_desired: Sequence[Desired[Any]]) -> dict[Hashable, State]:
        self.reads += 1
        return {key: dict(state) for key, state in self.crates.items()}

    def key(self, desired: Desired[Any]) -> str:
        return desired.name.lower()

    def desired_state(self, desired: Desired[Any], current: State | None) -> State:
        fields = dict(desired.spec)
        if current is not None and self.quirks.get("password_on_create"):
            fields.pop("password", None)
        return fields

    def check(self, all_desired: Sequence[Desired[Any]], current: Current) -> Iterator[Problem]:
        self.checks += 1
        for number, desired in enumerate(all_desired):
            if desired.name in self.quirks.get("invalid", ()):
                yield number, "it is too heavy"

    def veto(self, step: Step[Any]) -> str | None:
        if step.name in self.quirks.get("protected", ()) and step.action == "delete":
            return f"The crate {step.name} must stay."
        return None

    def needs(self, step: Step[Any]) -> Collection[str]:
        needed: Collection[str] = self.quirks.get("needs", {}).get(step.key, ())
        return needed

    def create(self, step: Step[Any]) -> None:
        self._write(step)
        assert step.after is not None
        if step.name not in self.quirks.get("lost", ()):
            self.crates[str(step.key)] = {"name": step.name, **_stored(step.after)}

    def update(self, step: Step[Any]) -> None:
        self._write(step)
        assert step.after is not None
        self.crates[str(step.key)].update(_stored({k: step.after[k] for k in step.changes}))
        self.crates[str(step.key)].update(self.quirks.get("forced", {}))

    def delete(self, step: Step[Any]) -> None:
        self._write(step)
        if step.name not in self.quirks.get("undeletable", ()):
            self.crates.pop(str(step.key))

    def _write(self, step: Step[Any]) -> None:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        barrier = self.quirks.get("barrier")
        if barrier:
            barrier.wait(5)
        error = self.quirks.get("errors", {}).get(step.name)
        with self._lock:
            self._at_once -= 1
            if error:
                raise error
            self.writes.append((step.action, step.name))


def _stored(state: State) -> dict[str, Any]:
    return {key: value for key, value in state.items() if not isinstance(value, Secret)}


def go(shelf: Shelf, *all_desired: Desired[Any], check: bool = False, **options: Any) -> Outcome:
    return converge(shelf, all_desired, check_mode=check, **options)


def test_as_wished_is_one_read_and_nothing_else() -> None:
    shelf = Shelf({"a": {"size": 1}})
    outcome = go(shelf, Desired[Any]("A", spec={"size": 1}))
    assert (outcome.changed, shelf.reads, shelf.writes) == (False, 1, [])
    assert outcome.single() == {
        "changed": False,
        "diff": {"before": {}, "after": {}},
        "crate": {"name": "a", "size": 1},
    }


@pytest.mark.parametrize(
    ("crates", "desired", "action", "diff"),
    [
        ({}, Desired[Any]("a", spec={"size": 1}), "create", {"before": {}, "after": {"size": 1}}),
        (
            {"a": {"size": 1, "colour": "red"}},
            Desired[Any]("a", spec={"size": 2}),
            "update",
            {"before": {"size": 1}, "after": {"size": 2}},
        ),
        ({"a": {}}, Desired[Any]("a", spec={"size": 2}), "update", {"before": {}, "after": {"size": 2}}),
        (
            {"a": {"size": 1}},
            Desired[Any]("a", {}, present=False),
            "delete",
            {"before": {"name": "a", "size": 1}, "after": {}},
        ),
    ],
)
def test_check_run_foretells_the_run_and_the_second_run_is_empty(
    crates: dict[str, Any], desired: Desired[Any], action: str, diff: dict[str, Any]
) -> None:
    shelf = Shelf(crates)
    foretold = go(shelf, desired, check=True)
    assert shelf.writes == []
    done = go(shelf, desired)
    assert foretold.steps == done.steps
    assert foretold.single()["diff"] == done.single()["diff"] == diff
    assert shelf.writes == [(action, "a")]
    assert not go(shelf, desired).changed


def test_absent_and_not_there_is_nothing_to_do() -> None:
    outcome = go(Shelf(), Desired[Any]("a", {}, present=False))
    assert outcome.single() == {"changed": False, "diff": {"before": {}, "after": {}}, "crate": {}}


def test_a_run_without_wishes_does_nothing() -> None:
    outcome = go(Shelf({"a": {}}))
    assert outcome.many("crates") == {
        "changed": False, "diff": {"before": {}, "after": {}}, "plan": [], "kept": [], "crates": [],
    }  # fmt: skip
    assert outcome.single()["crate"] == {}


def test_a_list_tells_each_step_and_each_state() -> None:
    shelf = Shelf({"a": {"size": 1}, "b": {"size": 1}, "old": {}})
    result = go(
        shelf,
        Desired[Any]("a", spec={"size": 1}),
        Desired[Any]("b", spec={"size": 2}),
        Desired[Any]("c", {}),
        Desired[Any]("old", {}, present=False),
    ).many("crates")
    assert result["plan"] == [
        {"action": "update", "name": "b", "fields": ["size"]},
        {"action": "create", "name": "c", "fields": []},
        {"action": "delete", "name": "old", "fields": []},
    ]
    assert result["diff"]["after"] == {"b": {"size": 2}, "c": {}, "old": {}}
    assert result["crates"] == [{"name": "a", "size": 1}, {"name": "b", "size": 2}, {"name": "c"}]


def test_a_name_given_twice_is_refused_before_anything_is_read() -> None:
    shelf = Shelf()
    with pytest.raises(Failure, match=r"crate A is listed twice \(as a and as A\)"):
        go(shelf, Desired[Any]("a", {}), Desired[Any]("A", {}))
    assert shelf.reads == 0


def test_a_refused_wish_stops_the_run_before_any_write() -> None:
    shelf = Shelf({"a": {}, "b": {}}, protected=("b",))
    with pytest.raises(Failure, match="must stay"):
        go(shelf, Desired[Any]("a", {}, present=False), Desired[Any]("b", {}, present=False))
    assert shelf.writes == []


def test_purge_removes_the_unlisted_and_keeps_the_protected() -> None:
    shelf = Shelf({"z": {}, "b": {}, "keep": {}, "listed": {}}, protected=("keep",))
    outcome = go(shelf, Desired[Any]("listed", {}), purge=True)
    assert outcome.kept == ("keep",)
    assert [step.name for step in outcome.steps] == ["b", "z"]
    assert sorted(shelf.crates) == ["keep", "listed"]


def test_without_purge_the_unlisted_stay() -> None:
    shelf = Shelf({"other": {}})
    assert not go(shelf, Desired[Any]("other", {})).changed
    go(shelf, Desired[Any]("a", {}))
    assert "other" in shelf.crates


def test_a_secret_is_written_and_never_shown() -> None:
    shelf = Shelf()
    desired = Desired[Any]("a", spec={"password": Secret("hunter2"), "nested": {"keys": [Secret("hunter2")]}})
    shelf.quirks["password_on_create"] = True
    steps = go(shelf, desired, check=True)
    after = steps.steps[0].after
    assert after
    assert after["password"].reveal() == "hunter2"
    assert "hunter2" not in repr(steps) + str(steps.single()) + str(steps.many("crates"))
    assert steps.single()["diff"]["after"] == {"password": HIDDEN, "nested": {"keys": [HIDDEN]}}


def test_a_secret_always_counts_as_a_change_and_is_not_verified() -> None:
    shelf = Shelf({"a": {"size": 1}})
    desired = Desired[Any]("a", spec={"size": 1, "password": Secret("x")})
    for _unused in range(2):
        outcome = go(shelf, desired)
        assert [step.changes for step in outcome.steps] == [("password",)]
        assert outcome.single()["diff"] == {"before": {}, "after": {"password": HIDDEN}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": (1, 2)}, {"a": [1, 2]}),
        (frozenset("ba"), ["a", "b"]),
        ([Secret("x"), None], [HIDDEN, None]),
        ("text", "text"),
    ],
)
def test_what_is_shown_is_plain_data(value: object, expected: dict[str, Any] | list[Any] | str) -> None:
    assert shown(value) == expected


def test_writes_run_side_by_side_up_to_the_bound() -> None:
    shelf = Shelf(barrier=threading.Barrier(3))
    go(shelf, *(Desired[Any](f"b{number}", {}) for number in range(6)), workers=3)
    assert shelf.most_at_once == 3


def test_one_worker_writes_in_the_order_of_the_list() -> None:
    shelf = Shelf()
    names = [f"b{number}" for number in range(9)]
    go(shelf, *(Desired[Any](name, {}) for name in names), workers=1)
    assert [name for dummy, name in shelf.writes] == names


def test_what_is_needed_is_finished_first() -> None:
    shelf = Shelf(needs={"a": ("b", "stranger", "a"), "b": ("c",)})
    go(shelf, Desired[Any]("a", {}), Desired[Any]("b", {}), Desired[Any]("c", {}), workers=3)
    assert [name for dummy, name in shelf.writes] == ["c", "b", "a"]


def test_a_circle_of_needs_is_refused_before_any_write() -> None:
    shelf = Shelf(needs={"a": ("b",), "b": ("a",)})
    with pytest.raises(Failure, match=r"depend on each other in a circle \((a -> b -> a|b -> a -> b)\)"):
        go(shelf, Desired[Any]("a", {}), Desired[Any]("b", {}))
    assert shelf.writes == []


def test_the_first_error_stops_new_steps_and_tells_the_rest() -> None:
    shelf = Shelf(errors={"b": Failure("The crate b is stuck.", status=500)})
    with pytest.raises(Failure) as caught:
        go(shelf, Desired[Any]("a", {}), Desired[Any]("b", {}), Desired[Any]("c", {}), Desired[Any]("d", {}), workers=1)
    assert caught.value.message == (
        "The crate b is stuck. Of 4 crates to change, 1 were done, 1 failed and 2 were not begun."
    )
    assert caught.value.details == {
        "changed": True,
        "status": 500,
        "done": ["a"],
        "failed_steps": [{"action": "create", "name": "b", "fields": [], "msg": "The crate b is stuck."}],
        "not_begun": ["c", "d"],
    }
    assert sorted(shelf.crates) == ["a"]


def test_a_single_failure_is_told_in_its_own_words_alone() -> None:
    with pytest.raises(Failure) as caught:
        go(Shelf(errors={"a": Failure("The crate a is stuck.")}), Desired[Any]("a", {}))
    assert caught.value.message == "The crate a is stuck."
    assert caught.value.details["changed"] is False


def test_a_part_that_was_written_is_a_change() -> None:
    errors = {"a": Failure("The crate a is half full.", changed=True)}
    with pytest.raises(Failure) as caught:
        go(Shelf(errors=errors), Desired[Any]("a", {}))
    assert (caught.value.details["changed"], caught.value.details["done"]) == (True, [])


def test_what_needs_a_failed_step_is_not_begun() -> None:
    shelf = Shelf(needs={"a": ("b",)}, errors={"b": Failure("no")})
    with pytest.raises(Failure) as caught:
        go(shelf, Desired[Any]("a", {}), Desired[Any]("b", {}), workers=2)
    assert caught.value.details["not_begun"] == ["a"]


def test_several_that_fail_at_once_are_all_told() -> None:
    errors = {"a": Failure("no a"), "b": Failure("no b")}
    shelf = Shelf(barrier=threading.Barrier(2), errors=errors)
    with pytest.raises(Failure) as caught:
        go(shelf, Desired[Any]("a", {}), Desired[Any]("b", {}), workers=2)
    assert {step["msg"] for step in caught.value.details["failed_steps"]} == {"no a", "no b"}


def test_a_bug_is_told_with_what_was_done_besides() -> None:
    shelf = Shelf(errors={"b": ZeroDivisionError("by zero")}, needs={"b": ("a",), "c": ("b",)})
    with pytest.raises(Failure, match="Internal error") as caught:
        go(shelf, Desired[Any]("a", {}), Desired[Any]("b", {}), Desired[Any]("c", {}))
    details = caught.value.details
    assert (details["changed"], details["done"], details["not_begun"]) == (True, ["a"], ["c"])
    assert "ZeroDivisionError" in details["failed_steps"][0]["msg"]


@pytest.mark.parametrize(
    ("shelf", "desired", "word"),
    [
        (Shelf({"a": {"size": 1}}, forced={"size": 7}), Desired[Any]("a", spec={"size": 2}), "size"),
        (Shelf(lost=("a",)), Desired[Any]("a", {}), "absence"),
        (Shelf({"a": {}}, undeletable=("a",)), Desired[Any]("a", {}, present=False), "presence"),
    ],
)
def test_a_server_that_ignores_a_write_is_found_out(shelf: Shelf, desired: Desired[Any], word: str) -> None:
    with pytest.raises(
        Failure, match=f"accepted the change of the crate a, but still shows a different {word}"
    ) as caught:
        go(shelf, desired)
    assert caught.value.details["changed"] is True


def test_an_object_that_purge_cannot_remove_is_found_out() -> None:
    with pytest.raises(Failure, match="crate old"):
        go(Shelf({"old": {}}, undeletable=("old",)), Desired[Any]("a", {}), purge=True)


def test_a_server_lost_after_the_writes_is_told_with_what_was_done() -> None:
    class Lost(Shelf):
        def gather(self, all_desired: Sequence[Desired[Any]]) -> dict[Hashable, State]:
            if self.writes:
                raise Failure("The shelf is gone.")
            return super().gather(all_desired)

    with pytest.raises(
        Failure, match=r"Everything was written, but verifying it failed: The shelf is gone\."
    ) as caught:
        go(Lost(), Desired[Any]("a", {}))
    assert caught.value.details == {"changed": True, "done": ["a"]}


def test_what_a_resource_must_say_itself() -> None:
    resource, desired = Resource[Any](), Desired[Any]("a", {})
    step = Step[Any]("create", "a", "a", None, {})
    calls = (
        lambda: resource.gather([desired]),
        lambda: resource.key(desired),
        lambda: resource.desired_state(desired, None),
        lambda: resource.create(step),
        lambda: resource.update(step),
        lambda: resource.delete(step),
    )
    for call in calls:
        with pytest.raises(NotImplementedError):
            call()
    assert resource.equal("x", 1, 1)
    assert resource.veto(step) is None
    assert resource.needs(step) == ()


NAMES = st.sampled_from("abcdef")
SIZES = st.dictionaries(st.sampled_from(("size", "colour")), st.integers(0, 2))


@given(
    crates=st.dictionaries(NAMES, SIZES),
    all_desired=st.dictionaries(NAMES, st.tuples(st.booleans(), SIZES)),
    purge=st.booleans(),
    workers=st.integers(1, 4),
)
def test_converging_does_what_was_wished_once(
    crates: dict[str, State], all_desired: dict[str, tuple[bool, State]], purge: bool, workers: int
) -> None:
    shelf = Shelf(crates)
    listed = [Desired[Any](name, fields, present) for name, (present, fields) in all_desired.items()]
    foretold = go(shelf, *listed, check=True, purge=purge)
    assert shelf.writes == []
    done = go(shelf, *listed, purge=purge, workers=workers)
    assert (foretold.steps, foretold.changed) == (done.steps, done.changed)
    assert shelf.reads == (3 if done.changed else 2)
    assert len(shelf.writes) == len(done.steps)
    for name, (present, fields) in all_desired.items():
        assert (name in shelf.crates) is present
        assert not present or fields.items() <= shelf.crates[name].items()
    for name in set(crates) - set(all_desired):
        assert (name in shelf.crates) is not purge
    assert not go(shelf, *listed, purge=purge).changed


def test_on_start_gets_the_steps_once_right_before_the_first_write() -> None:
    told: list[tuple[list[str], int]] = []
    shelf = Shelf({"a": {}, "b": {}})

    def on_start(steps: Sequence[Step[Any]]) -> None:
        told.append(([step.name for step in steps], len(shelf.writes)))

    gone, new = Desired[Any]("a", {}, present=False), Desired[Any]("c", {})
    for _again in range(2):
        go(shelf, gone, new, check=True, on_start=on_start)
    assert told == []
    go(shelf, gone, new, on_start=on_start)
    go(shelf, gone, new, on_start=on_start)
    assert told == [(["a", "c"], 0)]


@pytest.mark.parametrize("check", [True, False])
def test_a_plan_is_reviewed_whole_before_the_first_write(check: bool) -> None:
    class Small(Shelf):
        def precheck(self, steps: Sequence[Step[Any]]) -> None:
            if len(steps) > 1:
                raise Failure(f"There is no room for {len(steps)} crates.")

    shelf = Small()
    with pytest.raises(Failure, match="no room for 2 crates"):
        go(shelf, Desired[Any]("a", {}), Desired[Any]("b", {}), check=check)
    assert shelf.writes == []
    assert go(shelf, Desired[Any]("a", {}), check=check).changed


def test_what_a_person_should_know_is_told_with_the_result() -> None:
    class Wary(Shelf):
        def warnings(self) -> Sequence[str]:
            return [f"{len(self.crates)} crates are old."]

    outcome = go(Wary({"a": {}}), Desired[Any]("a", {}))
    assert outcome.single()["warnings"] == ["1 crates are old."]
    assert outcome.many("crates")["warnings"] == ["1 crates are old."]


def test_a_resource_may_know_why_a_server_shows_something_else() -> None:
    class Wary(Shelf):
        def hint(self, fields: Collection[str]) -> str:
            return f"it rounds the {' and the '.join(fields)}"

    with pytest.raises(Failure, match="still shows a different size; it rounds the size") as caught:
        go(Wary({"a": {"size": 1}}, forced={"size": 3}), Desired[Any]("a", spec={"size": 2}))
    assert caught.value.details["done"] == ["a"]


def test_what_was_done_is_told_where_it_cannot_be_compared_again() -> None:
    class Forgetful(Shelf):
        def desired_state(self, desired: Desired[Any], current: State | None) -> State:
            if self.reads > 1:
                raise Failure("The price of a crate is unknown.")
            return super().desired_state(desired, current)

    with pytest.raises(Failure, match="The price of a crate is unknown") as caught:
        go(Forgetful(), Desired[Any]("a", {}))
    assert (caught.value.details["changed"], caught.value.details["done"]) == (True, ["a"])


def test_all_that_is_wrong_is_told_before_the_first_write() -> None:
    shelf = Shelf({"a": {}}, invalid=("b", "d"))
    all_desired = [
        Desired[Any](name, spec={"size": 1}, place=f"entry {number} ({name})") for number, name in enumerate("abcd", 1)
    ]
    with pytest.raises(Failure) as caught:
        converge(shelf, all_desired, check_mode=False)
    assert caught.value.message == (
        "Nothing was changed: 2 of 4 crates are invalid: entry 2 (b): it is too heavy; entry 4 (d): it is too heavy."
    )
    assert shelf.writes == []


def test_what_is_desired_is_judged_once_however_often_it_is_read() -> None:
    shelf = Shelf()
    go(shelf, Desired[Any]("a", spec={"size": 1}))
    assert (shelf.reads, shelf.checks) == (2, 1)


def test_all_steps_that_must_not_be_done_are_told() -> None:
    shelf = Shelf({"a": {}, "b": {}, "c": {}}, protected=("a", "b"))
    with pytest.raises(Failure) as caught:
        go(shelf, Desired[Any]("a", {}, False), Desired[Any]("b", {}, False), Desired[Any]("c", {}, False))
    assert caught.value.message == (
        "Nothing was changed: 2 of 3 crates cannot be changed: The crate a must stay; The crate b must stay."
    )
    assert caught.value.details["problems"] == ["The crate a must stay.", "The crate b must stay."]
    assert shelf.writes == []
