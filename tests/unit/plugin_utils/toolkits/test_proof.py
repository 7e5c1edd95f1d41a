# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what a failed proof means."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.toolkits.proof import proof_cause, proof_words

CAUSES = [{"words": "Timed out", "cause": "it hangs"}, {"words": "image", "cause": "it is missing"}]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({}, ""),
        ({"msg": "no\nway"}, "no way"),
        ({"msg": "\x00\x1b[0m", "container": {"Output": "GPU"}}, "[0m GPU"),
        ({"container": None}, ""),
    ],
)
def test_words_are_printable(result: dict[str, Any], words: str) -> None:
    assert proof_words(result) == words


@pytest.mark.parametrize(
    ("said", "problems", "cause"),
    [
        ("Timed out: no image", ["It is off."], "it hangs"),
        ("garbage", ["It is off.", "It is hot."], "It is off; It is hot"),
        ("garbage", [], "look"),
    ],
)
def test_a_known_cause_goes_before_what_the_host_shows(said: str, problems: list[str], cause: str) -> None:
    assert proof_cause(said, CAUSES, problems, "look") == cause
