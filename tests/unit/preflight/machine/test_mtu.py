# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight names a containers' network through which answers do not fit. The engine is a double."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.docker.egress import network
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight.machine import mtu


class EngineDouble:
    def __init__(self, told: dict[str, Any] | None, users: list[str]) -> None:
        self.told, self.users = told, users

    def network(self, name: str) -> dict[str, Any] | None:
        return self.told

    def containers_on(self, name: str) -> list[str]:
        return self.users


BRIDGE = {"Name": "llm", "Driver": "bridge", "Options": {}}
NARROW = {**BRIDGE, "Options": {network.MTU_OPTION: "1400"}}
USERS = ["ollama", "open-webui"]


@pytest.mark.parametrize(
    ("told", "users", "uplink", "mtu_option", "is_named"),
    [
        (BRIDGE, USERS, 1420, "auto", True),
        (BRIDGE, USERS, 1500, "1380", True),
        (BRIDGE, USERS, 1500, "auto", False),
        (BRIDGE, USERS, 9000, "auto", False),
        (BRIDGE, USERS, None, "auto", False),
        (NARROW, USERS, 1420, "auto", False),
        (BRIDGE, [], 1420, "auto", False),
        (None, [], 1420, "auto", False),
        ({**BRIDGE, "Driver": "macvlan"}, USERS, 1420, "auto", False),
    ],
)
def test_a_network_in_use_with_a_large_mtu_is_a_finding(
    monkeypatch: pytest.MonkeyPatch,
    told: dict[str, Any] | None,
    users: list[str],
    uplink: int | None,
    mtu_option: str,
    is_named: bool,
) -> None:
    monkeypatch.setattr(network, "uplink_mtu", lambda: uplink)
    engine: Any = EngineDouble(told, users)
    found = list(mtu.findings(engine, "llm", mtu_option))
    assert [one.is_error for one in found] == [False] * is_named
    if is_named:
        assert "llm has an MTU of 1500 bytes" in found[0].message
        assert "docker rm --force ollama open-webui && docker network rm llm" in found[0].fix


def test_docker_is_not_asked_without_a_network() -> None:
    engine: Any = None
    assert list(mtu.findings(engine, "", "auto")) == []
