# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test who gets which GPU, and who claims one twice."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.ollama.claims import claims, clashes, readable, shown
from ansible_collections.selfhosted.llm.plugins.plugin_utils.ollama.gpus import gpus_of

from .cards import card, server

FOUR = gpus_of({"gpus": [card(number) for number in range(4)]})
SLICED = gpus_of({"gpus": [card(0), card(1, slices=2)]})


@pytest.mark.parametrize(
    "devices",
    ["all", 1, "2", ["0"], [1], ["0:1"], ["GPU-0a"], ["MIG-0a/1/2"], ["nvidia.com/gpu=0:1"], ["amd.com/gpu=0", "1"]],
)
def test_every_way_to_name_a_gpu_is_read(devices: Any) -> None:
    assert readable(devices)


@pytest.mark.parametrize(
    "devices", [0, "two", "0,1", [], "", ["all"], ["nvidia.com/gpu=all"], ["GPU 0"], [1.5], True, {}]
)
def test_what_names_no_gpu_is_not_read(devices: Any) -> None:
    assert not readable(devices)


def test_devices_are_shown_as_they_were_given() -> None:
    assert [shown(["0", 1]), shown("all"), shown(2)] == ['["0", 1]', '"all"', "2"]


@pytest.mark.parametrize(
    ("asked", "has"),
    [
        ([("a", "all")], {"a": ()}),
        ([("a", 2)], {"a": ("0", "1")}),
        # A count takes what lists leave, whatever their order.
        ([("a", 1), ("b", ["0"]), ("c", 2)], {"a": ("1",), "b": ("0",), "c": ("2", "3")}),
        ([("a", ["GPU-3", "nvidia.com/gpu=1"])], {"a": ("3", "1")}),
        ([("a", ["0", "GPU-0"])], {"a": ("0",)}),
    ],
)
def test_each_server_has_its_gpus(asked: list[tuple[str, Any]], has: dict[str, tuple[str, ...]]) -> None:
    found = claims([server(name, devices) for name, devices in asked], FOUR, "nvidia")
    assert {claim.name: claim.has for claim in found} == has


def test_a_shared_count_takes_what_others_share_and_not_what_they_have_alone() -> None:
    asked = [server("a", 1, gpu_shared=True), server("b", 1, gpu_shared="yes"), server("c", 1)]
    assert {claim.name: claim.has for claim in claims(asked, FOUR, "nvidia")} == {"c": ("0",), "a": ("1",), "b": ("1",)}


def test_a_server_on_the_processor_claims_nothing() -> None:
    assert claims([server("a", 1, gpu="none")], FOUR, "nvidia") == []


@pytest.mark.parametrize(
    ("devices", "unknown", "short"),
    [(["9", "0", "MIG-9"], ("9", "MIG-9"), 0), (5, (), 1), (4, (), 0), ("all", (), 0)],
)
def test_what_the_host_lacks_is_known(devices: Any, unknown: tuple[str, ...], short: int) -> None:
    (claim,) = claims([server("a", devices)], FOUR, "nvidia")
    assert (claim.unknown, claim.short) == (unknown, short)


def test_where_nothing_is_known_of_the_host_ids_and_counts_are_believed() -> None:
    first, second = claims([server("a", ["GPU-7"]), server("b", 2)], [], "nvidia")
    assert (first.has, first.unknown) == (("GPU-7",), ())
    assert (second.has, second.short) == (("0", "1"), 0)


@pytest.mark.parametrize(
    ("mine", "other", "clash"),
    [
        (["0"], ["0"], "GPU 0 is that of b too"),
        (["1"], ["1:0"], "GPU 1 is that of b too"),
        (["1:1"], ["GPU-1"], "GPU 1:1 is that of b too"),
        (["0"], "all", "GPU 0 is that of b too"),
        ("all", ["0"], "GPU 0 is that of b too"),
        (["1:0"], ["1:1"], ""),
        (["0"], ["1"], ""),
        ("all", "all", ""),
    ],
)
def test_two_that_claim_one_gpu_clash(mine: Any, other: Any, clash: str) -> None:
    found = claims([server("a", mine), server("b", other)], SLICED, "nvidia")
    told = clashes(next(claim for claim in found if claim.name == "a"), found)
    assert len(told) == bool(clash)
    assert "".join(told).startswith(clash)


def test_two_that_share_and_two_of_different_vendors_do_not_clash() -> None:
    both = claims([server("a", ["0"], gpu_shared=True), server("b", ["0"], gpu_shared=True)], FOUR, "nvidia")
    assert clashes(both[0], both) == []
    both = claims([server("a", ["0"], gpu="amd"), server("b", ["0"], gpu="nvidia")], FOUR, "nvidia")
    assert clashes(both[0], both) == []
