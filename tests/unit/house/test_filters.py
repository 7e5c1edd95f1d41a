# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters are documented as they are called, and each of them is used."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from house_checks import layout

FOLDER = layout.ROOT / "plugins" / "filter"


def _filters() -> dict[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {}
    for path in sorted(FOLDER.glob("*.py")):
        module = importlib.import_module(f"ansible_collections.selfhosted.llm.plugins.filter.{path.stem}")
        theirs = module.FilterModule().filters()
        assert not set(theirs) & set(found)
        found |= theirs
    return found


FILTERS = _filters()


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_is_documented_with_the_parameters_that_it_takes(name: str) -> None:
    known = layout.read_yaml(FOLDER / f"{name}.yml")["DOCUMENTATION"]
    (_input, *given) = inspect.signature(FILTERS[name]).parameters.values()
    assert (known["name"], known["version_added"]) == (name, "0.1.0")
    assert list(known["options"]) == ["_input", *(one.name for one in given)]
    words = [word for word in known.get("positional", "").split(", ") if word]
    assert words == [one.name for one in given if one.kind is not one.KEYWORD_ONLY]
    required = {one.name for one in given if one.default is one.empty}
    assert {option for option, of in known["options"].items() if of.get("required")} == {"_input", *required}


def test_no_documentation_is_without_its_filter() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.yml")) == sorted(FILTERS)


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_is_used_by_a_role_or_a_playbook(name: str) -> None:
    places = (*(layout.ROOT / "roles").rglob("*.yml"), *(layout.ROOT / "playbooks").rglob("*.yml"))
    call = f"{layout.PREFIX}{name}"
    texts = [path.read_text(encoding="utf-8") for path in places]
    assert any(f"{call}(" in text or f"{call} " in text for text in texts)
