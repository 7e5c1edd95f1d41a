# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Free values: merged, compared and checked, and bad entries told at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.webui.entries import values

ATOMS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", 0.5])
JSON = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner))
MAPPINGS = st.dictionaries(st.sampled_from("abc"), JSON)


@pytest.mark.parametrize(
    ("current", "given_", "result"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({"a": 1, "b": 2}, {"a": 3}, {"a": 3, "b": 2}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": {"e": 1}}}, {"a": {"c": 2, "d": {"e": 1}}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": "text"}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": "text"}, {"a": "text"}),
        (None, {"a": {"b": None}}, {"a": {}}),
    ],
)
def test_only_what_is_given_is_laid_over(current: Any, given_: Any, result: Any) -> None:
    assert values.merged(current, given_) == result


@given(current=MAPPINGS, given_=MAPPINGS)
def test_what_is_laid_over_twice_is_as_once_and_changes_neither(current: Any, given_: Any) -> None:
    before = (repr(current), repr(given_))
    once = values.merged(current, given_)
    assert values.alike(values.merged(once, given_), once)
    assert (repr(current), repr(given_)) == before
    assert {key: once.get(key) for key in current if key not in given_} == {
        key: value for key, value in current.items() if key not in given_
    }


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"a": None}, {}),
        ({"a": {"b": None}}, {}),
        ({"a": [{"b": None, "c": 1}]}, {"a": [{"c": 1}]}),
        (1, 1.0),
        ((1, 2), [1, 2]),
        (None, None),
    ],
)
def test_what_says_the_same_is_alike(left: Any, right: Any) -> None:
    assert values.alike(left, right)
    assert values.alike(right, left)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, True),
        (0, False),
        ({"a": 1}, {"a": True}),
        ([1], [True]),
        ("1", 1),
        ([], None),
        ("", None),
        ([None], []),
        ({"a": []}, {}),
        ({"a": 1}, {"a": 1, "b": 1}),
        ([1, 2], [2, 1]),
    ],
)
def test_what_says_another_thing_is_not(left: Any, right: Any) -> None:
    assert not values.alike(left, right)
    assert not values.alike(right, left)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a\0b", "o holds a NUL"),
        ({"a": ["x", "\udfff"]}, "o.a[1] holds a NUL or half a surrogate"),
        ({"\0": 1}, "a key of o holds a NUL"),
        ({"a": float("nan")}, "o.a is nan, which JSON cannot represent; set a number"),
        ([float("-inf")], "o[0] is -inf"),
        (2**64, "o is 18446744073709551616"),
        (-(2**63) - 1, "o is -9223372036854775809"),
    ],
)
def test_what_cannot_be_kept_is_told_by_its_place(value: Any, words: str) -> None:
    (problem,) = values.problems(value, "o")
    assert problem.startswith(words)


@pytest.mark.parametrize("value", ["😀\u202e\x01\r\n", 2**64 - 1, -(2**63), True, None, 1e308, {"a": [{}]}])
def test_what_can_be_kept_has_no_problem(value: Any) -> None:
    assert list(values.problems(value, "o")) == []
