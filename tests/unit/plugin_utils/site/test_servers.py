# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test where Open WebUI finds the Ollama servers."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.site.servers import ollama_servers


@pytest.mark.parametrize(
    ("its", "url", "reached"),
    [
        ({}, "http://127.0.0.1:11434", False),
        ({"ollama_bind_address": "::1"}, "http://[::1]:11434", False),
        ({"ollama_bind_address": "10.0.0.2", "ollama_port": 80}, "http://10.0.0.2:80", True),
        ({"ollama_bind_address": "fd00::5"}, "http://[fd00::5]:11434", True),
        ({"ollama_bind_address": "0.0.0.0"}, "http://far:11434", True),
        ({"ollama_bind_address": "::", "ansible_host": "192.0.2.7"}, "http://192.0.2.7:11434", True),
        ({"ollama_url_for_others": "https://gpu.example.org"}, "https://gpu.example.org", True),
    ],
)
def test_a_server_on_another_host_is_reached_by_what_it_publishes(its: dict[str, Any], url: str, reached: bool) -> None:
    assert ollama_servers(["far"], {"far": its}, "near") == [
        {"host": "far", "near": False, "reached": reached, "url": url}
    ]


def test_servers_on_the_same_host_are_reached_by_their_names() -> None:
    its = {"ollama_instances": [{"name": "a", "port": 1}, {"name": "b", "port": 2}]}
    urls = [one["url"] for one in ollama_servers(["near"], {"near": its}, "near")]
    assert urls == ["http://ollama:11434", "http://b:11434"]
