# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the options a log and `invocation` may show."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.invocation import (
    MASK,
    NOT_LOGGED,
    logged,
    secrets_of,
    shown,
    unchecked_values,
)

SPEC = {
    "url": {"type": "str"},
    "name": {"type": "str", "aliases": ["title"]},
    "names": {"type": "list", "elements": "str"},
    "tags": {"type": "list", "elements": "str"},
    "count": {"type": "int"},
    "state": {"choices": ["present", "absent"]},
    "content": {"type": "str"},
    "settings": {"type": "dict"},
    "token": {"type": "str", "no_log": True},
    "csv_content": {"type": "str", "no_log": True},
    "users": {"type": "list", "elements": "dict", "options": {"name": {}, "password": {"no_log": True}}},
    "access": {"type": "dict", "options": {"public": {"type": "bool"}}},
}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"url": "http://u:planted-7@h/?k=v"}, {"url": "http://u:********@h/?********"}),
        ({"title": "lab", "count": 3, "state": "present"}, {"title": "lab", "count": 3, "state": "present"}),
        ({"names": ["a"], "tags": ["a", {"b": "c"}]}, {"names": [MASK], "tags": ["a", {"b": MASK}]}),
        ({"count": {"a": "b"}, "name": ["a", ["b"]]}, {"count": {"a": MASK}, "name": ["a", ["b"]]}),
        ({"content": "code", "settings": {"a": [1, True]}}, {"content": MASK, "settings": {"a": [MASK, True]}}),
        ({"token": "x", "csv_content": ""}, {"token": MASK, "csv_content": ""}),
        ({"users": [{"name": "a", "password": "b"}, "c"]}, {"users": [{"name": "a", "password": MASK}, MASK]}),
        ({"users": "c", "access": {"public": True, "x": "y"}}, {"users": MASK, "access": {"public": True, "x": MASK}}),
        ({"unknown": {"a": "b"}, "settings": None}, {"unknown": {"a": MASK}, "settings": None}),
        ({"tags": ["a"] * 51}, {"tags": "51 entries"}),
    ],
)
def test_options_are_shown_without_what_may_be_a_secret(given: dict[str, Any], told: dict[str, Any]) -> None:
    assert shown(SPEC, given) == told


def test_a_log_has_the_plain_options_only() -> None:
    given = {"name": "lab", "count": 1, "settings": {}, "users": [], "token": "x", "unknown": 1, "content": None}
    assert logged(SPEC, given) == {
        "name": "lab", "count": 1, "settings": NOT_LOGGED, "users": NOT_LOGGED, "token": NOT_LOGGED,
        "unknown": NOT_LOGGED, "content": None,
    }  # fmt: skip


def test_secrets_are_found_in_all_options() -> None:
    given = {
        "url": "http://u:one-1@h/",
        "tags": ["https://h/?sig=two-2"],
        "content": "x = 'sk-three-3three-3three-3'",
        "settings": {"api_key": "four-4"},
        "token": '{"a": "five-5"}',
        "csv_content": "name,password\na,six-6\n",
        "users": [{"name": "a", "password": "seven-7"}, "TOKEN=eight-8", None],
        "access": {"public": True},
        "count": 5,
        "name": None,
        "unknown": "nine-9",
    }
    found = " ".join(secrets_of(SPEC, given))
    assert [n for n in ("one-1", "two-2", "three-3", "four-4", "five-5", "seven-7", "eight-8") if n not in found] == []
    assert "six-6" not in found
    assert "nine-9" not in found


def test_an_error_about_options_may_repeat_any_value_that_is_not_shown() -> None:
    given = {
        "name": "plain",
        "settings": ["one", {"a": "two"}],
        "users": [{"name": "plain", "password": "three", "unknown": "four"}],
        "access": "five",
        "unknown": 6,
    }
    found = set(unchecked_values(SPEC, given))
    assert found == {"one", "two", "{'a': 'two'}", "three", "four", "five", "6"}
