# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what the engine and the server are told of GPUs."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.ollama import devices
from ansible_collections.selfhosted.llm.plugins.plugin_utils.ollama.claims import Claim, claims
from ansible_collections.selfhosted.llm.plugins.plugin_utils.ollama.gpus import gpus_of

from .cards import GIB, card, server

GPUS = gpus_of({"gpus": [card(0), card(1, slices=2)]})


def claim(asked: Any, vendor: str = "nvidia") -> Claim:
    return claims([server("a", asked)], GPUS, vendor)[0]


@pytest.mark.parametrize(
    ("vendor", "host", "amd_cdi", "expected"),
    [
        ("nvidia", {"cdi": True}, False, True),
        ("nvidia", {}, True, False),
        ("amd", {"cdi": True}, False, False),
        ("amd", {}, True, True),
        ("none", {"cdi": True}, True, False),
    ],
)
def test_cdi_goes_before_the_hook(vendor: str, host: dict[str, Any], amd_cdi: bool, expected: bool) -> None:
    assert devices.by_cdi(vendor, host, amd_cdi) is expected


@pytest.mark.parametrize(
    ("asked", "request_"),
    [
        ("all", {"count": -1}),
        (2, {"count": 2}),
        (["0"], {"count": 0, "device_ids": ["0"]}),
        (["GPU-1"], {"count": 0, "device_ids": ["GPU-1"]}),
    ],
)
def test_the_hook_is_asked_by_a_count_or_by_ids(asked: Any, request_: dict[str, Any]) -> None:
    common = {"driver": "nvidia", "capabilities": [["gpu"]]}
    assert devices.device_requests(claim(asked), "nvidia", []) == [{**common, **request_}]


def test_amd_has_no_device_request_without_cdi() -> None:
    assert devices.device_requests(claim(["0"], "amd"), "amd", []) == []


@pytest.mark.parametrize(
    ("asked", "cdi", "names"),
    [
        ("all", [], ["nvidia.com/gpu=all"]),
        (["GPU-0"], [], ["nvidia.com/gpu=GPU-0"]),
        # The specification knows no UUIDs.
        (["GPU-0"], ["nvidia.com/gpu=5"], ["nvidia.com/gpu=5"]),
        (["nvidia.com/gpu=0"], ["nvidia.com/gpu=5"], ["nvidia.com/gpu=0"]),
        (1, ["nvidia.com/gpu=0", "nvidia.com/gpu=GPU-0"], ["nvidia.com/gpu=0"]),
    ],
)
def test_cdi_is_asked_by_names_that_the_specification_has(asked: Any, cdi: list[str], names: list[str]) -> None:
    gpus = gpus_of({"gpus": [card(0, cdi_names=cdi)]})
    (mine,) = claims([server("a", asked)], gpus, "nvidia")
    assert devices.cdi_names(mine, "nvidia", asked, gpus) == names


@pytest.mark.parametrize(
    ("asked", "vendor", "host", "by_cdi", "expected"),
    [
        ("all", "none", {}, False, {"NVIDIA_VISIBLE_DEVICES": "void"}),
        ("all", "nvidia", {}, True, {"NVIDIA_VISIBLE_DEVICES": "void"}),
        ("all", "nvidia", {}, False, {}),
        (["1", "0"], "amd", {}, False, {"ROCR_VISIBLE_DEVICES": "1,0"}),
        (["1", "0"], "amd", {}, True, {}),
        ("all", "nvidia", {"jetson": "36"}, False, {"JETSON_JETPACK": "6"}),
        ("all", "nvidia", {"jetson": "99"}, False, {}),
    ],
)
def test_the_server_finds_its_gpus_by_variables(
    asked: Any, vendor: str, host: dict[str, Any], by_cdi: bool, expected: dict[str, str]
) -> None:
    assert devices.environment(claim(asked, vendor), vendor, host, by_cdi) == expected


@pytest.mark.parametrize(
    ("asked", "vendor", "expected"),
    [
        ("all", "nvidia", "all"),
        ("all", "none", []),
        (["0"], "nvidia", [8 * GIB]),
        (["1"], "nvidia", [GIB]),
        (["1:0", "1:1"], "nvidia", [GIB]),
        (["7"], "nvidia", "all"),
    ],
)
def test_what_fits_is_judged_by_the_memory_of_the_gpus(asked: Any, vendor: str, expected: Any) -> None:
    assert devices.memory(claim(asked), vendor, GPUS) == expected


@pytest.mark.parametrize(
    ("asked", "uuids", "count"),
    [("all", [], 1), (["0"], ["GPU-0"], 1), (["0", "1"], ["GPU-0", "GPU-1"], 1), (["1:0"], ["MIG-10"], 1)],
)
def test_a_container_must_show_what_its_server_has(asked: Any, uuids: list[str], count: int) -> None:
    assert devices.proof(claim(asked), GPUS) == {"amd": False, "uuids": uuids, "count": count}
