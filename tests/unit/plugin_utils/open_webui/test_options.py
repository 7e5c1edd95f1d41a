# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what is refused of the options of Open WebUI."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.open_webui.options import option_problems

GOOD: dict[str, Any] = {
    "admin_email": "admin@example.org",
    "admin_password": "enough",
    "api_key_file": "",
    "api_key_email": "automation@localhost",
    "has_secret_key": False,
    "secret_key": "",
    "version": "0.12.4",
    "bind_address": "127.0.0.1",
    "ollama_urls": ["http://ollama:11434"],
    "environment": {},
}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"api_key_file": "~/key"},
        {"has_secret_key": True, "secret_key": "k" * 32},
        {"bind_address": "::"},
        {"ollama_urls": []},
    ],
)
def test_good_options_have_no_problems(given: dict[str, Any]) -> None:
    assert option_problems({**GOOD, **given}, "chat") == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"admin_email": None}, "open_webui_admin_email is not set for chat"),
        ({"admin_email": "admin"}, "open_webui_admin_email is not an e-mail address for chat"),
        ({"admin_password": None}, "open_webui_admin_password is not set for chat: take it from a vault"),
        ({"admin_password": "ä" * 37}, "open_webui_admin_password has more than 72 bytes"),
        ({"api_key_file": "key"}, "open_webui_api_key_file is 'key', and relative to what is not clear"),
        ({"api_key_file": "/k", "api_key_email": "Admin@example.org"}, "open_webui_api_key_email is the first admin's"),
        ({"has_secret_key": True, "secret_key": "short"}, "open_webui_secret_key has fewer than 32 characters"),
        ({"version": "main-slim"}, "open_webui_version is 'main-slim', which does not pin anything"),
        ({"bind_address": "chat"}, "open_webui_bind_address is 'chat', but Docker publishes on IP addresses only"),
        ({"ollama_urls": ["a", "http://b;c"]}, "open_webui_ollama_urls has 'a', 'http://b;c': each must be a URL"),
        ({"environment": {"PORT": 1, "A": 2}}, "open_webui_environment must not set PORT, since"),
    ],
)
def test_a_mistake_is_one_sentence(given: dict[str, Any], words: str) -> None:
    (problem,) = option_problems({**GOOD, **given}, "chat")
    assert problem.startswith(words)
