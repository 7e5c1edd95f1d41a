# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test where a container is reached and published."""

from __future__ import annotations

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.addresses import local_url, published_port


@pytest.mark.parametrize(
    ("address", "url", "published"),
    [
        ("127.0.0.1", "http://127.0.0.1:1", "127.0.0.1:1:2"),
        ("0.0.0.0", "http://127.0.0.1:1", "0.0.0.0:1:2"),
        ("::", "http://127.0.0.1:1", "[::]:1:2"),
        ("fd00::5", "http://[fd00::5]:1", "[fd00::5]:1:2"),
    ],
)
def test_a_wildcard_is_reached_by_loopback_and_ipv6_has_brackets(address: str, url: str, published: str) -> None:
    assert local_url(address, 1) == url
    assert published_port(address, "1", 2) == published
