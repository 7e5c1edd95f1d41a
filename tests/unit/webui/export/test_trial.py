# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module would refuse or change is left out of an export, and nothing else is."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pytest
from doubles.webui import Webui
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import Desired, Resource, State
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.http.session import HttpFailure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.export.trial import Trial
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.instance.kinds import Kind

OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "size": {"type": "str", "choices": ["small", "large"]},
    "word": {"type": "str"},
    "state": {"type": "str", "choices": ["present"], "default": "present"},
}


class Things(Resource[Any]):
    """Things of which the server refuses some words, and shows some sizes otherwise than they are written."""

    kind = "thing"

    def gather(self, all_desired: Sequence[Desired[Any]]) -> dict[Hashable, State]:
        bad = [desired.name for desired in all_desired if desired.spec.get("word") == "refused"]
        if any(desired.spec.get("word") == "outage" for desired in all_desired):
            raise Failure("The server is gone.") from HttpFailure("GET", "http://x", "nothing listens there")
        if sum(desired.spec.get("word") == "alone" for desired in all_desired) > 1:
            raise Failure("Two want to be alone.")
        if bad:
            raise Failure("Nothing.", problems=[f"Entry 1 ({bad[0]}): word is refused."])
        return {
            desired.name: {"size": "small", "word": desired.spec.get("word")}
            for desired in all_desired
            if desired.name != "gone"
        }

    def key(self, desired: Desired[Any]) -> str:
        return desired.name

    def desired_state(self, desired: Desired[Any], current: State | None) -> State:
        return dict(desired.spec)


def all_desired(entries: Sequence[Mapping[str, Any]]) -> list[Desired[Any]]:
    found = []
    for entry in entries:
        if entry["name"] == "bad":
            raise Failure("Invalid thing bad.")
        if sum(each["name"] == entry["name"] for each in entries) > 1:
            raise Failure("It is listed twice.")
        found.append(Desired[Any](entry["name"], spec={k: v for k, v in entry.items() if v and k in ("size", "word")}))
    return found


def passed(*entries: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    warnings: list[str] = []
    kind = Kind("thing", "name", ("name",), OPTIONS, all_desired, lambda client, switches: Things())
    return Trial(kind, Webui().client(), warnings).passed(list(entries)), warnings


def test_what_is_taken_and_unchanged_is_told_without_a_warning() -> None:
    entries = [{"name": "a", "size": "small", "word": "x"}, {"name": "b"}]
    assert passed(*entries) == (entries, [])
    assert passed() == ([], [])


def test_a_field_that_the_module_or_the_server_refuses_is_left_out() -> None:
    found, warnings = passed(
        {"name": "a", "size": "huge", "word": "x"}, {"name": "b", "word": "refused", "size": "small"}
    )
    assert found == [{"name": "a", "word": "x"}, {"name": "b", "size": "small"}]
    assert warnings == [
        "Left out: the size of the thing a (value of size must be one of: small, large, got: huge).",
        "Left out: the word of the thing b (word is refused).",
    ]


def test_a_field_that_would_be_written_is_left_out() -> None:
    found, warnings = passed({"name": "a", "size": "large", "word": "x"})
    assert found == [{"name": "a", "word": "x"}]
    assert warnings == ["Left out: the size of the thing a (writing it would be a change)."]


def test_an_object_that_no_module_can_mean_is_left_out() -> None:
    found, warnings = passed(
        {"name": "bad"}, {"name": "twice", "word": "x"}, {"name": "twice"}, {"name": "gone"}, {"name": "a"}
    )
    assert found == [{"name": "a"}]
    assert [words.split(" (")[0] for words in warnings] == [
        "Left out: the thing bad", "Left out: the thing twice", "Left out: the thing twice", "Left out: the thing gone"
    ]  # fmt: skip


def test_what_is_refused_together_alone_is_left_out_as_a_whole() -> None:
    found, warnings = passed({"name": "a", "word": "alone"}, {"name": "b", "word": "alone"})
    assert found == []
    assert warnings == ["Left out: every thing (Two want to be alone)."]


def test_a_server_that_does_not_answer_is_no_reason_to_leave_something_out() -> None:
    with pytest.raises(Failure, match="The server is gone"):
        passed({"name": "a", "word": "x"}, {"name": "b", "word": "outage"})


@given(
    st.lists(
        st.fixed_dictionaries(
            {"name": st.sampled_from([*"abcdef", "bad", "gone"])},
            optional={
                "size": st.sampled_from(["small", "large", "huge"]), "word": st.sampled_from(["x", "refused"])
            },
        ),
        max_size=8,
    )
)  # fmt: skip
def test_what_is_left_passes_and_all_else_is_warned_of(entries: list[dict[str, Any]]) -> None:
    found, warnings = passed(*entries)
    assert passed(*found) == (found, [])
    lost = sum(len(entry) for entry in entries) - sum(len(entry) for entry in found)
    assert bool(lost) is bool(warnings)
