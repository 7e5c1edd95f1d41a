# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which object an id means, and what a new one may be."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import Desired, Step
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace.code_ids import (
    ambiguous,
    by_key,
    new_id_problems,
    unaddressable,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace.code_spec import CodeSpec


def rows(*ids: str) -> list[dict[str, str]]:
    return [{"id": each} for each in ids]


@pytest.mark.parametrize(
    ("stored", "written", "meant"),
    [
        (["a"], "A", "a"),
        (["A"], "a", "A"),
        (["A", "a"], "a", "a"),
        (["A", "a"], "A", "A"),
        (["A", "a"], "b", None),
    ],
)
def test_an_id_means_one_object(stored: list[str], written: str, meant: str | None) -> None:
    desired = Desired(written.lower(), spec=CodeSpec(written_id=written))
    known: dict[str, str] = {}
    records = by_key(rows(*stored), [desired], known)
    assert len(records) == len(stored)
    assert records.get(desired.name, {}).get("id") == meant
    assert ambiguous(desired, records, known) == []
    if meant and len(stored) > 1:
        # Once it is gone, the other one does not take its place.
        assert desired.name not in by_key(rows(*(each for each in stored if each != meant)), [desired], known)


def test_an_id_that_means_none_of_several_is_refused() -> None:
    desired = Desired("aa", spec=CodeSpec())
    records = by_key(rows("AA", "aA"), [desired], {})
    assert ambiguous(desired, records, {}) == ["the server has AA and aA; write the id exactly as one of them"]


@pytest.mark.parametrize("stored", ["a/b", ".", "..", "/"])
def test_an_id_that_no_path_can_hold_is_told(stored: str) -> None:
    for action, verb in (("delete", "deleted"), ("update", "updated")):
        told = unaddressable("tool", Step[Any](action, stored, stored, {"id": stored}, None))
        assert told is not None
        assert told.startswith(f"The tool {stored} cannot be {verb}: ")
    assert unaddressable("tool", Step[Any]("delete", "a%b?", "a%b?", {"id": "a%b?"}, None)) is None


@pytest.mark.parametrize(
    ("noun", "new_id", "taken"), [("tool", "ä_1", True), ("tool", "a-b", False), ("skill", "a-b", True)]
)
def test_the_form_of_a_new_id(noun: str, new_id: str, taken: bool) -> None:
    assert (not list(new_id_problems(noun, new_id))) == taken
