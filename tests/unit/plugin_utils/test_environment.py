# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the variables of an environment."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.environment import has_secret, words


@pytest.mark.parametrize(
    ("environments", "expected"),
    [
        ([], False),
        ([None, {}], False),
        ([{"HTTPS_PROXY": "http://a:3128"}], False),
        ([{}, {"HTTPS_PROXY": "http://u:p@a:3128"}], True),
        ([{"api_Key": 1}], True),
        # What comes after a slash is no password.
        ([{"URL": "http://a/u@b"}], False),
    ],
)
def test_a_secret_is_known_by_its_name_or_its_address(environments: list[Any], expected: bool) -> None:
    assert has_secret(environments, "password|api_?key") is expected


def test_booleans_become_words() -> None:
    assert words({"A": True, "B": "False", "C": 1, "D": "yes"}) == {"A": "true", "B": "false", "C": "1", "D": "yes"}
