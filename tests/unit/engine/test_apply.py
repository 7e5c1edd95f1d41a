# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was written is told by a failure, and a write whose answer was lost is looked up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine import writes
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import Desired, Secret, State, Step
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure, is_unclear
from ansible_collections.selfhosted.llm.plugins.module_utils.http.session import HttpFailure
from unit.engine.test_converge import Shelf, go


def lost() -> Failure:
    """Return what a resource raises where the connection broke before the answer."""
    failure = Failure("Cannot write it.")
    failure.__cause__ = HttpFailure("POST", "http://h/x", "the server closed the connection", cut=True)
    return failure


class Lossy(Shelf):
    """Loses the answers to the writes of these names: `done` are done, `half` in part, and `undone` are not."""

    def _lossy(self, step: Step[Any], write: Callable[[Step[Any]], None]) -> None:
        if step.name in self.quirks.get("done", ()):
            write(step)
            raise lost()
        if step.name in self.quirks.get("half", ()):
            self.crates[str(step.key)] = {"name": step.name, "size": 7}
            raise lost()
        if step.name in self.quirks.get("undone", ()):
            raise lost()
        write(step)

    def create(self, step: Step[Any]) -> None:
        self._lossy(step, super().create)

    def update(self, step: Step[Any]) -> None:
        self._lossy(step, super().update)

    def delete(self, step: Step[Any]) -> None:
        self._lossy(step, super().delete)


def failed(shelf: Shelf, *all_desired: Desired[Any], **options: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        go(shelf, *all_desired, **options)
    return caught.value


WISHES = {
    "create": Desired[Any]("new", spec={"size": 1, "colour": "red"}),
    "update": Desired[Any]("old", spec={"size": 1}),
    "delete": Desired[Any]("old", {}, present=False),
}


@pytest.mark.parametrize("action", WISHES)
def test_a_write_whose_answer_was_lost_counts_as_done_where_the_server_shows_it(action: str) -> None:
    shelf = Lossy({"old": {"size": 5}}, done=["new", "old"])
    after = Desired[Any]("after", spec={"size": 2})
    outcome = go(shelf, WISHES[action], after, workers=1)
    assert outcome.changed
    assert shelf.crates["after"]["size"] == 2
    assert shelf.writes.count(("create", "after")) == 1


def test_a_purged_object_whose_answer_was_lost_is_gone() -> None:
    shelf = Lossy({"old": {"size": 5}, "kept": {}}, done=["old"])
    assert go(shelf, Desired[Any]("kept", {}), purge=True).changed


@pytest.mark.parametrize("action", WISHES)
def test_a_write_that_was_not_done_fails_without_a_change(action: str) -> None:
    failure = failed(Lossy({"old": {"size": 5}}, undone=["new", "old"]), WISHES[action])
    assert failure.details["changed"] is False


@pytest.mark.parametrize("action", ["create", "update"])
def test_a_write_that_was_done_in_part_fails_with_a_change(action: str) -> None:
    failure = failed(Lossy({"old": {"size": 5}}, half=["new", "old"]), WISHES[action])
    assert failure.details["changed"] is True


def test_whether_a_secret_was_written_cannot_be_looked_up() -> None:
    desired = Desired[Any]("old", spec={"password": Secret("hunter2")})
    failure = failed(Lossy({"old": {"size": 5}}, done=["old"]), desired)
    assert failure.details["changed"] is True
    assert go(Lossy(done=["new"]), Desired[Any]("new", spec={"size": 1, "password": Secret("hunter2")})).changed


def test_a_resource_may_write_what_it_does_not_show() -> None:
    class Silent(Lossy):
        writes_unseen = True

    assert failed(Silent(undone=["new"]), WISHES["create"]).details["changed"] is True


def test_a_field_that_was_not_there_before_may_have_been_written() -> None:
    failure = failed(Lossy({"old": {}}, undone=["old"]), Desired[Any]("old", spec={"size": 1}))
    assert failure.details["changed"] is True


def test_where_nothing_can_be_read_again_a_change_is_possible() -> None:
    class Gone(Lossy):
        def gather(self, all_desired: Sequence[Desired[Any]]) -> dict[Hashable, State]:
            if self.reads:
                raise Failure("Nobody is there.")
            return super().gather(all_desired)

    assert failed(Gone(undone=["new"]), WISHES["create"]).details["changed"] is True


def test_what_a_session_wrote_is_a_change_whatever_the_resource_says() -> None:
    class Halfway(Shelf):
        def create(self, step: Step[Any]) -> None:
            threading.Thread(target=writes.accepted).start()
            while not writes.any_accepted():
                pass
            raise Failure("The second call was refused.")

    assert failed(Halfway(), WISHES["create"]).details["changed"] is True
    writes.start()
    assert failed(Shelf(errors={"new": Failure("No.")}), WISHES["create"]).details["changed"] is False


@pytest.mark.parametrize(
    ("more", "unclear"),
    [({"cut": True}, True), ({"stalled": True}, True), ({"status": 502}, True), ({"repeated": True}, True),
     ({"status": 500}, False), ({"status": 404}, False), ({}, False)],
)  # fmt: skip
def test_only_a_lost_answer_leaves_open_what_was_done(more: dict[str, Any], unclear: bool) -> None:
    assert is_unclear(HttpFailure("POST", "http://h", "words", **more)) == unclear
    assert not is_unclear(KeyError("x"))


def test_a_cause_that_is_not_named_is_found_as_well() -> None:
    failure = Failure("In other words.")
    failure.__context__ = HttpFailure("POST", "http://h", "words", cut=True)
    failure.__suppress_context__ = True
    assert is_unclear(failure)


def test_errors_that_name_each_other_come_to_an_end() -> None:
    one, other = Failure("One."), Failure("Other.")
    one.__context__, other.__context__ = other, one
    assert not is_unclear(one)


class Edited(Shelf):
    """Somebody edits the crate between the plan and the update."""

    def __init__(self, edit: State, **quirks: Any) -> None:
        super().__init__({"old": {"size": 5, "colour": "red"}}, **quirks)
        self.edit = edit
        self.written: State | None = None

    def reread(self, step: Step[Any]) -> State:
        self.crates["old"].update(self.edit)
        return dict(self.crates["old"])

    def update(self, step: Step[Any]) -> None:
        self.written = dict(step.after or {})
        super().update(step)


def test_an_update_refuses_to_overwrite_an_edit_made_since_the_plan() -> None:
    shelf = Edited({"size": 9})
    failure = failed(shelf, WISHES["update"])
    assert failure.message.startswith("The crate old was not updated: somebody else changed its size while this task")
    assert failure.details["changed"] is False
    assert shelf.writes == []
    assert shelf.crates["old"]["size"] == 9


def test_an_update_takes_over_an_edit_of_other_fields() -> None:
    shelf = Edited({"colour": "blue"})
    assert go(shelf, WISHES["update"]).changed
    assert shelf.written == {"name": "old", "size": 1, "colour": "blue"}


def test_an_edit_to_what_is_wanted_is_no_conflict() -> None:
    assert go(Edited({"size": 1}), WISHES["update"]).changed
