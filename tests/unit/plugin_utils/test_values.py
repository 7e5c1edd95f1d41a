# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that values are read as Ansible's filters read them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.values import flag, is_list, number


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), ("Yes", True), ("1", True), (1, True), (0, False), ("no", False), ("", False), (None, False)],
)
def test_a_word_for_yes_is_true_and_any_other_is_not(value: Any, expected: bool) -> None:
    assert flag(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"), [(3, 3), ("3", 3), ("3.7", 3), ("x", 0), (None, 0), ([], 0), ("", 0), ("inf", 0)]
)
def test_what_is_no_number_is_zero(value: Any, expected: int) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(("value", "expected"), [([], True), ((), True), ("ab", False), ({}, False), (1, False)])
def test_a_text_is_no_list(value: Any, expected: bool) -> None:
    assert is_list(value) is expected
