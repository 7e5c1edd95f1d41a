# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what the modules of Open WebUI are handed."""

from __future__ import annotations

from ansible_collections.selfhosted.llm.plugins.plugin_utils.open_webui.entries import all_connections


def test_ollama_servers_come_first_and_none_twice() -> None:
    own = [{"kind": "ollama", "base_url": "http://b", "key": "k"}, {"kind": "openai", "base_url": "http://c"}]
    assert all_connections(own, ["http://b", "http://a", "http://a"]) == [
        {"kind": "ollama", "base_url": "http://a"},
        *own,
    ]
