# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model's record as a state, and a desired object as a body."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.webui.entries.model_record import body_of, state_of
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.models.spec import (
    MODEL_OPTIONS,
    ModelSpec,
    desired_models,
)

RECORD = {
    "id": "m",
    "name": "M",
    "base_model_id": "b",
    "is_active": False,
    "params": {"system": "s", "temperature": 1, "model_controls": {"a": {}}},
    "meta": {
        "description": None,
        "profile_image_url": "/user.png",
        "voice_avatar": None,
        "tags": [{"name": "t"}, "u"],
        "knowledge": [
            {"type": "collection", "id": "k1", "name": "Old name"},
            {"type": "file", "id": "f1"},
            {"collection_name": "legacy"},
        ],
        "chat_variables_schema": {"x": 1},
        "by_hand": [1],
    },
}


def entry(**said: Any) -> dict[str, Any]:
    defaults = {name: option.get("default") for name, option in MODEL_OPTIONS.items()}
    return {**defaults, "id": "m", **said}


def test_a_record_is_shown_by_the_options() -> None:
    state = state_of(RECORD)
    assert state == {
        "id": "m",
        "name": "M",
        "base_model": "b",
        "description": "",
        "system": "s",
        "params": {"temperature": 1, "model_controls": {"a": {}}},
        "capabilities": {},
        "tags": ["t", "u"],
        "knowledge": ["Old name"],
        "tools": [],
        "filters": [],
        "actions": [],
        "skills": [],
        "suggestions": None,
        "hidden": False,
        "active": False,
        "profile_image_url": "/user.png",
        "meta": {"by_hand": [1]},
    }


def test_a_knowledge_base_that_is_gone_is_an_id_where_all_are_known() -> None:
    assert state_of(RECORD, {"k1": "New name"})["knowledge"] == ["New name"]
    assert state_of(RECORD, {"k2": "Old name"})["knowledge"] == ["k1"]


def test_a_record_of_nothing_is_shown_as_well() -> None:
    assert state_of({"id": "m", "name": "", "meta": None, "params": None})["active"] is True


def test_a_body_has_all_that_nobody_spoke_of() -> None:
    body = body_of(RECORD, "m", {"description": "d"}, [])
    assert body["name"] == "M"
    assert body["base_model_id"] == "b"
    assert body["is_active"] is False
    assert body["params"] == RECORD["params"]
    assert body["meta"] == {
        **{key: value for key, value in RECORD["meta"].items() if key != "chat_variables_schema"},  # type: ignore[attr-defined]
        "description": "d",
    }


def test_what_an_update_would_keep_is_taken_away_in_words() -> None:
    body = body_of(RECORD, "m", {"profile_image_url": "", "params": {"model_controls": None}, "system": ""}, [])
    assert body["meta"]["profile_image_url"] is None
    assert body["meta"]["voice_avatar"] is None
    assert "background_image_url" not in body["meta"]
    assert body["params"] == {"temperature": 1, "model_controls": {}}


def test_a_new_model_without_a_picture_says_so() -> None:
    assert body_of(None, "m", {"profile_image_url": ""}, [])["meta"] == {"profile_image_url": None}
    assert body_of(None, "m", {}, [])["meta"] == {}


def test_lists_that_the_server_must_not_find_null_are_left_out() -> None:
    record = {**RECORD, "meta": {"toolIds": ["a"], "filterIds": ["b"], "actionIds": ["c"], "knowledge": []}}
    body = body_of(record, "m", {"tools": [], "filters": [], "actions": [], "knowledge": []}, [])
    assert body["meta"] == {}


def test_knowledge_keeps_what_the_server_was_told_of_a_base() -> None:
    bases: list[dict[str, Any]] = [
        {"id": "k1", "name": "New", "description": "", "files": []},
        {"id": "k2", "name": "Two", "user_id": "u"},
    ]
    found = body_of(RECORD, "m", {"knowledge": ["New", "Two"]}, bases)["meta"]["knowledge"]
    assert found == [
        {"type": "file", "id": "f1"},
        {"collection_name": "legacy"},
        {"type": "collection", "id": "k1", "name": "Old name"},
        {"type": "collection", "id": "k2", "name": "Two", "description": None},
    ]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["When?"], ["When?"]),
        ([{"content": "When?", "title": ["", ""]}], ["When?"]),
        ([{"content": "When?", "title": None}], ["When?"]),
        ([{"content": "c", "title": ["a", ""]}], [{"content": "c", "title": ["a", ""]}]),
        ([], []),
    ],
)
def test_a_suggestion_comes_back_as_it_went(given: Any, shown: Any) -> None:
    (desired,) = desired_models([entry(suggestions=given)])
    body = body_of(None, "m", desired.spec.options(), [])
    assert state_of({**body, "id": "m"})["suggestions"] == desired.spec.suggestions == shown


def test_a_spec_has_the_options_of_the_task_and_sorted_sets() -> None:
    (desired,) = desired_models([entry(tags=[" b", "a", "b "], tools=["z", "y"], base_model="", active=False)])
    assert desired.name == "m"
    assert desired.spec == ModelSpec(base_model="", tags=["a", "b"], tools=["y", "z"], active=False, grant_base=False)
