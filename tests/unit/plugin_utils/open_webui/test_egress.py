# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test which addresses are read from variables, settings and connections."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.open_webui.egress import egress_addresses


@pytest.mark.parametrize(
    ("environment", "settings", "addresses"),
    [
        ({}, {}, []),
        ({"DATABASE_URL": "postgresql://me:pass@db.example.org:5432/x"}, {}, ["postgresql://db.example.org:5432"]),
        ({"OPENAI_API_BASE_URLS": "https://b/v1;https://a"}, {}, ["https://a", "https://b"]),
        ({"A_URL": "https://A.example.org", "B_URL": "https://a.example.org/x"}, {}, ["https://A.example.org"]),
        ({}, {"rag": {"web": {"searxng_query_url": "http://10.0.0.3/s?q=<query>"}}}, ["http://10.0.0.3"]),
        ({"CHROMA_HTTP_HOST": "10.0.0.9", "CHROMA_HTTP_PORT": 8000}, {}, ["tcp://10.0.0.9:8000"]),
        ({"LDAP_SERVER_HOST": "10.0.0.8"}, {}, ["tcp://10.0.0.8:389"]),
        ({}, {"ldap": {"server": {"host": "10.0.0.8", "port": 636}}}, ["tcp://10.0.0.8:636"]),
        # A name without its port, the server's own address, and what is no address.
        ({"PGHOST": "a", "DB_HOST": "b"}, {}, []),
        ({"WEBUI_URL": "https://chat", "OPENID_REDIRECT_URI": "https://chat/x"}, {"webui.url": "https://chat"}, []),
        ({"X_URL": "no address"}, {"ui.watermark": "https://a"}, []),
    ],
)
def test_what_is_an_address_by_its_name_is_read(
    environment: dict[str, Any], settings: dict[str, Any], addresses: list[str]
) -> None:
    assert egress_addresses(environment, settings, []) == addresses


def test_connections_are_addresses() -> None:
    connections = [{"base_url": "https://api.example.com/v1"}, {"kind": "openai"}]
    assert egress_addresses({}, {}, connections) == ["https://api.example.com"]
