# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what a server would misread, ignore or not know."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.ollama import tuning


def server(told: dict[str, str], number: str = "0.32.15", **more: Any) -> dict[str, Any]:
    return {"name": "a", "told": told, "tuned": [], "environment": told, "number": number, **more}


def test_a_value_that_is_misread_is_named_as_it_was_given() -> None:
    (option,) = tuning.misread(server({"OLLAMA_KEEP_ALIVE": "soon"}, tuned=["OLLAMA_KEEP_ALIVE"]))
    assert option.startswith("ollama_keep_alive is 'soon', which must be seconds or a duration")
    (variable,) = tuning.misread(server({"OLLAMA_VULKAN": "off", "HTTPS_PROXY": "x"}))
    assert variable.startswith("ollama_environment: OLLAMA_VULKAN is 'off', which must be true or false")


@pytest.mark.parametrize(
    ("told", "number", "ignored"),
    [
        ({}, "0.9.3", ""),
        ({"OLLAMA_KV_CACHE_TYPE": "q8_0"}, "0.12.4", ""),
        ({"OLLAMA_KV_CACHE_TYPE": "q8_0"}, "0.12.3", "q8_0"),
        ({"OLLAMA_KV_CACHE_TYPE": "q4_0", "OLLAMA_FLASH_ATTENTION": "1"}, "0.9.3", ""),
        ({"OLLAMA_KV_CACHE_TYPE": "q4_0", "OLLAMA_FLASH_ATTENTION": "F"}, "0.32.15", "q4_0"),
        ({"OLLAMA_KV_CACHE_TYPE": "f16", "OLLAMA_FLASH_ATTENTION": "0"}, "0.32.15", ""),
    ],
)
def test_a_quantised_cache_needs_flash_attention(told: dict[str, str], number: str, ignored: str) -> None:
    assert tuning.ignored_cache(server(told, number)) == ignored


@pytest.mark.parametrize(
    ("name", "number", "words"),
    [
        ("OLLAMA_NEW_ENGINE", "0.32.15", "reads it before 0.30.0 only"),
        ("OLLAMA_VULKAN", "0.9.3", "reads it from 0.12.11 only"),
        ("OLLAMA_NEW_ESTIMATES", "0.9.3", "reads it from 0.11.5 and before 0.11.11 only"),
        ("OLLAMA_VULKAN", "0.12.11", ""),
        ("HTTPS_PROXY", "0.9.3", ""),
    ],
)
def test_what_a_version_does_not_read_is_told(name: str, number: str, words: str) -> None:
    found = tuning.idle([server({name: "1"}, number)])
    assert len(found) == bool(words)
    assert words in "".join(found)


def test_what_is_said_twice_is_found() -> None:
    assert tuning.said_twice(server({"B": "1"}, tuned=["A", "B"])) == ["B"]
