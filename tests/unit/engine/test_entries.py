# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries are judged together, and one message names all that is wrong with them."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Tuple

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import Desired
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.entries import (
    read_entries,
    refuse_desired,
    refuse_to_purge_all,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure


def all_desired(*entries: Mapping[str, Any], listed: bool = True, **more: Any) -> List[Desired[Any]]:
    def problems(entry: Mapping[str, Any]) -> Iterator[str]:
        yield from entry.get("wrong", ())

    return read_entries(
        "thing",
        entries,
        listed=listed,
        key=lambda entry: entry["name"].lower(),
        label=lambda entry: str(entry["name"]),
        problems=problems,
        desired=lambda entry: Desired[Any](entry["name"], spec={"size": entry.get("size")}),
        **more,
    )


def refusal(*entries: Mapping[str, Any], **more: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        all_desired(*entries, **more)
    return caught.value


def test_good_entries_are_desired_objects_that_know_their_place() -> None:
    first, second = all_desired({"name": "a", "size": 1}, {"name": "b"})
    assert (first.name, first.spec, first.place) == ("a", {"size": 1}, "entry 1 (a)")
    assert second.place == "entry 2 (b)"
    (single,) = all_desired({"name": "a"}, listed=False)
    assert single.place == ""
    assert all_desired() == []


def test_what_an_entry_takes_from_a_file_counts() -> None:
    def fill(entry: Mapping[str, Any]) -> Tuple[Dict[str, Any], List[str]]:
        return {**entry, "size": 7}, entry.get("unreadable", [])

    assert [desired.spec["size"] for desired in all_desired({"name": "a"}, fill=fill)] == [7]
    told = refusal({"name": "a", "unreadable": ["src is gone"], "wrong": ["size is odd"]}, fill=fill)
    assert told.message.endswith("entry 1 (a): src is gone; entry 1 (a): size is odd.")


def test_an_entry_that_means_the_same_object_as_an_earlier_one_is_told() -> None:
    told = refusal({"name": "a"}, {"name": "b"}, {"name": "A"})
    assert told.message == (
        "Nothing was changed: 1 of 3 things is invalid: entry 3 (A): it is listed twice (entry 1 is the same thing)."
    )
    assert "(entry 1 has its port)" in refusal({"name": "a"}, {"name": "A"}, duplicate="has its port").message


def test_problems_of_a_list_are_told_at_once() -> None:
    long = "x" * 100
    told = refusal(
        {"name": "good"}, {"name": long, "wrong": ["a is bad; mend it", "b is bad."]}, {"name": "other", "wrong": ["c"]}
    )
    name = "x" * 80 + "..."
    assert told.message == (
        f"Nothing was changed: 2 of 3 things are invalid: entry 2 ({name}): a is bad; mend it; "
        f"entry 2 ({name}): b is bad.; entry 3 (other): c."
    )
    assert told.details["problems"] == [
        f"Entry 2 ({name}): a is bad; mend it.",
        f"Entry 2 ({name}): b is bad.",
        "Entry 3 (other): c.",
    ]


def test_problems_of_one_object_are_told_by_its_name() -> None:
    assert refusal({"name": "x", "wrong": ["a", "b"]}, listed=False).message == "Invalid thing x: a; b."


def test_what_somebody_wrote_makes_no_message_long() -> None:
    entries = [
        {"name": "\0" * 10**5 + str(number), "wrong": [f"a is {'x' * 10**6!r}; mend it"]} for number in range(300)
    ]
    told = refusal(*entries)
    assert len(told.message) < 1000
    assert told.message.endswith(" more (see problems).")
    assert told.message.isprintable()
    assert len(told.details["problems"]) == 300


def test_what_only_the_server_can_tell_is_told_by_the_same_places() -> None:
    desired = all_desired({"name": "a"}, {"name": "b"}, {"name": "c"})
    refuse_desired("thing", desired, [])
    with pytest.raises(Failure) as caught:
        refuse_desired(
            "thing", [*desired, Desired[Any]("of nobody", {})], [(2, "it is gone"), (0, "no"), (2, "and odd")]
        )
    assert caught.value.message == (
        "Nothing was changed: 2 of 3 things are invalid: "
        "entry 1 (a): no; entry 3 (c): it is gone; entry 3 (c): and odd."
    )
    with pytest.raises(Failure, match=r"^Invalid thing a: no\.$"):
        refuse_desired("thing", [Desired[Any]("a", {})], [(0, "no")])


def test_a_purge_needs_something_that_stays() -> None:
    refuse_to_purge_all([Desired[Any]("a", {}), Desired[Any]("b", {}, present=False)], "things")
    for left in ([], [Desired[Any]("b", {}, present=False)]):
        with pytest.raises(Failure, match=r"^Refusing to purge: things lists nothing .*; list those to keep\.$"):
            refuse_to_purge_all(left, "things")
