# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers' network: its interface and its MTU. The engine is a double; a host of the bed has the real one."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.docker.egress import network
from ansible_collections.selfhosted.llm.plugins.module_utils.docker.egress.rules import own_bridge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure


class EngineDouble:
    """An engine with one network and some containers on it."""

    def __init__(self, told: dict[str, Any] | None = None, users: list[str] | None = None) -> None:
        self.told = told
        self.users = users or []
        self.written: list[dict[str, Any]] = []

    def network(self, name: str) -> dict[str, Any] | None:
        return self.told

    def containers(self, **filters: Any) -> list[Any]:
        assert filters == {"network": ["llm"]}
        return [{"Names": [f"/{name}"]} for name in self.users]

    def remove_network(self, name: str) -> str:
        if self.users:
            return "network has active endpoints"
        self.told = None
        return ""

    def create_network(self, desired: dict[str, Any]) -> str:
        self.written.append(desired)
        self.told = told(desired["Options"], **{key: desired[key] for key in desired.keys() & {"IPAM", "Labels"}})
        return ""


def told(options: dict[str, str], **more: Any) -> dict[str, Any]:
    plain = {"EnableIPv6": False, "Internal": False, "Attachable": False, "IPAM": {}, "Labels": {}}
    return {"Name": "llm", "Id": "0123456789abcdef", "Driver": "bridge", "Options": options, **plain, **more}


@pytest.fixture
def ensure(monkeypatch: pytest.MonkeyPatch) -> Any:
    def ensured(engine: EngineDouble, uplink: int | None = 1500, mtu: str = "auto", **more: Any) -> dict[str, Any]:
        monkeypatch.setattr(network, "uplink_mtu", lambda: uplink)
        monkeypatch.setattr(network, "Engine", lambda *_words: engine)
        return network.ensure("llm", mtu, more.pop("labels", {}), check_mode=more.pop("check_mode", False))

    return ensured


FIXED = {network.BRIDGE_OPTION: "br-llm"}


@pytest.mark.parametrize(
    ("uplink", "mtu", "expected"),
    [
        (1500, "auto", None),
        (9000, "auto", None),  # only smaller ones lose answers
        (None, "auto", None),  # no way out, nothing to fit
        (1420, "auto", "1420"),
        (1450, "auto", "1450"),
        (1280, "auto", "1280"),
        (1200, "auto", "1200"),
        (1500, "1380", "1380"),
        (1420, "1500", None),
    ],
)
def test_a_new_network_fits_through_the_way_out(
    ensure: Any, uplink: int | None, mtu: str, expected: str | None
) -> None:
    engine = EngineDouble()
    result = ensure(engine, uplink, mtu, labels={"mine": "yes"})
    (desired,) = engine.written
    assert result["changed"]
    assert desired["Options"] == {**FIXED, **({network.MTU_OPTION: expected} if expected else {})}
    assert desired["Labels"] == {"org.selfhosted.llm.role": "network", "mine": "yes"}
    again = ensure(engine, uplink, mtu)
    assert (again["changed"], len(engine.written)) == (False, 1)


def test_a_check_run_writes_nothing(ensure: Any) -> None:
    engine = EngineDouble()
    assert ensure(engine, check_mode=True)["changed"]
    assert engine.written == []


def test_a_network_that_nobody_uses_is_created_again_with_what_it_had(ensure: Any) -> None:
    ipam = {"Driver": "default", "Config": [{"Subnet": "10.9.0.0/24"}]}
    engine = EngineDouble(told({"com.docker.network.bridge.enable_icc": "true"}, IPAM=ipam, Labels={"theirs": "1"}))
    assert ensure(engine, 1420)["changed"]
    (desired,) = engine.written
    assert (desired["IPAM"], desired["Labels"]) == (ipam, {"theirs": "1"})
    assert desired["Options"] == {
        "com.docker.network.bridge.enable_icc": "true",
        **FIXED,
        network.MTU_OPTION: "1420",
    }


def test_a_network_in_use_stays_and_a_warning_tells_what_to_do(ensure: Any) -> None:
    engine = EngineDouble(told({}), ["open-webui", "ollama"])
    result = ensure(engine, 1420)
    assert not result["changed"]
    assert engine.written == []
    (warning,) = result["warnings"]
    assert "MTU of 1500 bytes and this host's way out takes 1420" in warning
    assert "docker rm --force ollama open-webui && docker network rm llm" in warning
    assert "(volumes stay)" in warning


@pytest.mark.parametrize("options", [{network.MTU_OPTION: "1400"}, {**FIXED, network.MTU_OPTION: "1400"}, {}])
def test_a_network_that_fits_is_left_alone(ensure: Any, options: dict[str, str]) -> None:
    engine = EngineDouble(told(options), ["ollama"])
    result = ensure(engine, 1500)
    assert (result["changed"], result.get("warnings")) == (False, None)


def test_a_network_of_another_driver_is_somebody_else_s(ensure: Any) -> None:
    engine = EngineDouble({**told({}), "Driver": "macvlan"})
    assert not ensure(engine, 1420)["changed"]


@pytest.mark.parametrize("mtu", ["", "575", "65536", "-1", "1500 ", "large", "1420.5"])
def test_an_mtu_that_no_link_has_is_refused(ensure: Any, mtu: str) -> None:
    with pytest.raises(Failure, match=r"Invalid mtu '.*': give auto, or a number from 576 to 65535"):
        ensure(EngineDouble(), mtu=mtu)


def test_the_kernel_tells_the_mtu_of_a_route() -> None:
    """Loopback is a way that every machine has."""
    somewhere = (network.SOMEWHERE[0][0], "127.0.0.1", *network.SOMEWHERE[0][2:])
    assert network._mtu_to(somewhere) == 65535


@pytest.mark.parametrize("name", ["llm", "twelve-signs", "thirteen-sign", "a" * 63])
def test_the_interface_follows_from_the_network_s_name(name: str) -> None:
    assert own_bridge(name) == (f"br-{name}" if len(name) <= 12 else own_bridge(name))
    assert re.fullmatch(r"br-[a-z0-9-]{1,12}", own_bridge(name))
    assert own_bridge(name) != own_bridge(f"{name}x")
