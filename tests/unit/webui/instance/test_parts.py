# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of an instance are read from the options of a task, all mistakes at once."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.instance.parts import (
    INSTANCE_OPTIONS,
    LISTS,
    PURGED,
    Hooks,
    parts_of,
)

HOOKS = Hooks(lambda warning: None, lambda secrets: None)


def params(**given: Any) -> dict[str, Any]:
    left = {name: option.get("default") for name, option in INSTANCE_OPTIONS.items()}
    assert given.keys() <= left.keys()
    return {**left, "token": "sk-x", **given}


def names(**given: Any) -> list[str]:
    return [part.name for part in parts_of(params(**given), HOOKS)]


def refusal(**given: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        parts_of(params(**given), HOOKS)
    return caught.value


ONE: dict[str, list[dict[str, Any]]] = {
    "groups": [{"name": "pupils", "members": ["a@b.c"]}],
    "users": [{"email": "a@b.c"}],
    "connections": [{"kind": "ollama", "base_url": "http://x:1"}],
    "knowledge": [{"name": "Rules"}, {"name": "Maps", "state": "absent"}],
    "tools": [{"id": "t", "content": "x"}],
    "functions": [{"id": "f", "content": "x"}],
    "skills": [{"id": "s", "content": "x"}],
    "prompts": [{"command": "p", "content": "x"}],
    "models": [{"id": "m"}],
}


def test_what_is_not_given_is_no_part() -> None:
    assert names() == []
    assert names(**{plural: [] for plural in LISTS}, settings={}, default_permissions={}) == []


def test_parts_come_in_the_order_in_which_one_needs_the_other() -> None:
    assert names(settings={"ui.x": 1}, default_permissions={"chat": {"delete": True}}, **ONE) == [
        "settings", "default_permissions", "groups", "users", "members", "connections", "knowledge", "knowledge",
        "tools", "functions", "skills", "prompts", "models",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"banners": []}, ["settings"]),
        ({"enable_openai": False}, ["connections"]),
        ({"hide_embedding_models": False}, ["models"]),
        ({"groups": [{"name": "pupils"}]}, ["groups"]),
        ({"groups": [{"name": "pupils", "members": []}]}, ["groups", "members"]),
        ({"groups": [{"name": "pupils", "members": ["a@b.c"], "state": "absent"}]}, ["groups"]),
        ({"users_csv_content": "Email\na@b.c\n"}, ["users"]),
    ],
)
def test_a_part_is_there_for_whatever_it_is_given_for(given: dict[str, Any], found: list[str]) -> None:
    assert names(**given) == found


def test_objects_that_others_name_are_those_that_will_be_there() -> None:
    made = {part.name: part.makes for part in parts_of(params(**{**ONE, "knowledge": ONE["knowledge"][:1]}), HOOKS)}
    assert (made["groups"], made["users"], made["knowledge"]) == (("pupils",), ("a@b.c",), ("Rules",))
    assert [part.makes for part in parts_of(params(knowledge=ONE["knowledge"][1:]), HOOKS)] == [()]


@pytest.mark.parametrize("plural", PURGED)
def test_a_purge_of_all_is_refused_before_any_call(plural: str) -> None:
    told = refusal(**{f"{plural}_purge": True})
    assert told.message.startswith(f"Refusing to purge: {plural} lists nothing")


def test_mistakes_of_all_parts_are_told_at_once() -> None:
    told = refusal(
        groups=[{"name": "a"}, {"name": "a"}],
        prompts=[{"command": "p", "tags": [""]}],
        models=[{"name": "without an id"}],
        users_csv="people.csv",
    )
    for words in ("listed twice", "tags has an empty item", "missing required arguments: id", "users_csv was not read"):
        assert words in told.message
    assert len(told.details["problems"]) == 4


def test_all_problems_of_all_knowledge_bases_are_reported_at_once() -> None:
    bases = [{"name": "Rules", "workers": 0}, {"name": " "}, {"name": "Maps"}, {"name": "Rules"}]
    problems = refusal(knowledge=bases).details["problems"]
    assert [problem.split(":")[0] for problem in problems] == ["Entry 1 (Rules)", "Entry 2 ( )", "Entry 4 (Rules)"]
    assert "workers is 0" in problems[0]
    assert "name is empty" in problems[1]
    assert "listed twice" in problems[2]
