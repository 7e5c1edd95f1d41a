# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test how the server's variables are judged."""

from __future__ import annotations

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.ollama.variables import VARIABLES, before


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("OLLAMA_VULKAN", ["1", "true", "F"], ["off", "yes", ""]),
        ("OLLAMA_MAX_QUEUE", ["0", "512"], ["-1", "8k"]),
        ("OLLAMA_KEEP_ALIVE", ["-1", "0", "30m", "1h30m", "1.5h"], ["soon", "1.5"]),
        ("OLLAMA_KV_CACHE_TYPE", ["f16", "q8_0"], ["q5_0"]),
        ("OLLAMA_DEBUG", ["0", "2", "true"], ["3", "on"]),
        ("OLLAMA_ORIGINS", ["https://a", "*", "https://a,http://*.b"], ["a.example.org", "https://a, https://b"]),
    ],
)
def test_a_value_fits_its_kind(name: str, good: list[str], bad: list[str]) -> None:
    fits = VARIABLES[name].kind.fits
    assert [value for value in good if not fits.match(value)] == []
    assert [value for value in bad if fits.match(value)] == []


@pytest.mark.parametrize(
    ("version", "other", "expected"),
    [("0.9.3", "0.12.11", True), ("0.12.11", "0.12.11", False), ("999", "0.30.0", False), ("0.30", "0.30.0", True)],
)
def test_versions_are_compared_by_their_numbers(version: str, other: str, expected: bool) -> None:
    assert before(version, other) is expected
