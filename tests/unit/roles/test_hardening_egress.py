# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles say of the way out: mistakes that are told, when it is opened, and where Open WebUI was told to go."""

from __future__ import annotations

from typing import Any

import pytest
from role_variables import ollama
from test_hardening import looked_at, webui


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, ""),
        ({"llm_egress": "open"}, ""),
        ({"llm_egress": "mirror", "llm_egress_allowed": ["10.0.0.5"]}, ""),
        ({"llm_egress": "shut"}, "llm_egress is 'shut': give closed, mirror or open."),
        ({"llm_egress": "mirror"}, "llm_egress is mirror, and llm_egress_allowed names none"),
        ({"llm_egress_allowed": ["10.0.0.5"]}, "llm_egress is closed: set it to mirror, or empty the list."),
    ],
)
def test_a_mistake_is_told_by_both_roles(given: dict[str, Any], words: str) -> None:
    for role in (ollama("__ollama_egress_problems", **given), webui("__open_webui_problems", **PASSWORD, **given)):
        assert (len(role), words in "".join(role)) == (bool(words), True)


PASSWORD = {"open_webui_admin_password": "enough"}


@pytest.mark.parametrize(
    ("egress", "check", "opens"),
    [("closed", False, True), ("closed", True, False), ("open", False, False), ("mirror", False, False)],
)
def test_the_way_is_opened_only_where_it_is_closed(egress: str, check: bool, opens: bool) -> None:
    assert ollama("__ollama_opens", llm_egress=egress, ansible_check_mode=check) is opens


@pytest.mark.parametrize(
    ("results", "changing"),
    [([], False), ([{"changed": False}, {"skipped": True}], False), ([{"changed": False}, {"changed": True}], True)],
)
def test_the_way_is_opened_only_where_something_changes(results: list[dict[str, Any]], changing: bool) -> None:
    assert ollama("__ollama_changing", __ollama_listed={"results": results}) is changing


@pytest.mark.parametrize(
    ("has", "missing"),
    [({"requests": True, "nft": True}, []), ({"requests": False, "nft": False}, ["python3-requests", "nftables"])],
)
def test_what_is_missing_is_installed(has: dict[str, bool], missing: list[str]) -> None:
    assert ollama("__ollama_missing_packages", has) == missing
    assert webui("__open_webui_missing_packages", __open_webui_looked=looked_at(missing=missing)) == missing
    without = [package for package in missing if package != "nftables"]
    assert ollama("__ollama_missing_packages", has, llm_egress="open") == without


@pytest.mark.parametrize(
    ("given", "urls"),
    [
        ({}, []),
        ({"open_webui_ollama_urls": ["http://10.0.0.7:11434/x"]}, ["http://10.0.0.7:11434"]),
        (
            {"open_webui_connections": [{"kind": "openai", "base_url": "https://api.example.com/v1", "key": "sk"}]},
            ["https://api.example.com"],
        ),
        (
            {"open_webui_environment": {"DATABASE_URL": "postgresql://me:pass@db.example.org/x"}},
            ["postgresql://db.example.org"],
        ),
        ({"open_webui_environment": {"HTTPS_PROXY": "http://10.0.0.1:3128"}}, ["http://10.0.0.1:3128"]),
        (
            {"open_webui_environment": {"OPENAI_API_BASE_URLS": "https://a.example.com/v1;https://b.example.com"}},
            ["https://a.example.com", "https://b.example.com"],
        ),
        (
            {"open_webui_settings": {"rag.tika_server_url": "http://tika.example.org:9998"}},
            ["http://tika.example.org:9998"],
        ),
        (
            {"open_webui_settings": {"rag": {"web": {"search": {"searxng_query_url": "http://10.0.0.3/s?q=<query>"}}}}},
            ["http://10.0.0.3"],
        ),
        (
            {
                "open_webui_environment": {
                    "CHROMA_HTTP_PORT": 8000,
                    "LDAP_SERVER_HOST": "10.0.0.8",
                    "CHROMA_HTTP_HOST": "10.0.0.9",
                }
            },
            ["tcp://10.0.0.8:389", "tcp://10.0.0.9:8000"],
        ),
        ({"open_webui_settings": {"ldap.server.host": "10.0.0.8", "ldap.server.port": 636}}, ["tcp://10.0.0.8:636"]),
        ({"open_webui_settings": {"ldap": {"server": {"port": 636, "host": "10.0.0.8"}}}}, ["tcp://10.0.0.8:636"]),
        # A name without its port, and where the server itself listens.
        ({"open_webui_environment": {"PGHOST": "10.0.0.8", "HOST": "0.0.0.0", "PORT": "8080", "DB_HOST": "a"}}, []),
        # Its own addresses, and what is no address.
        (
            {
                "open_webui_environment": {
                    "WEBUI_URL": "https://chat.example.org",
                    "OPENID_REDIRECT_URI": "https://chat.example.org/x",
                }
            },
            [],
        ),
        ({"open_webui_settings": {"webui.url": "https://chat.example.org", "ui.watermark": "https://example.org"}}, []),
    ],
)
def test_where_open_webui_was_told_to_go_is_reached(given: dict[str, Any], urls: list[str]) -> None:
    found = webui("__open_webui_urls", **given)
    assert [url for url in found if url != "http://ollama:11434"] == urls
