# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the plan for all servers of a host."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.ollama.gpu_plan import auto_vendor, gpu_plan

from .cards import card, server

NVIDIA = {"nvidia": "580"}
TWO = {"gpus": [card(0), card(1)], "findings": []}


def plan(host: dict[str, Any] | None, facts: dict[str, Any], *servers: dict[str, Any]) -> dict[str, Any]:
    return gpu_plan(list(servers), host, facts, "gpu-1", amd_cdi=False)


@pytest.mark.parametrize(
    ("host", "vendor"), [({}, "none"), (NVIDIA, "nvidia"), ({"jetson": "36"}, "nvidia"), ({"kfd": True}, "amd")]
)
def test_auto_is_what_the_host_has(host: dict[str, Any], vendor: str) -> None:
    assert auto_vendor(host) == vendor


def test_only_what_asks_for_some_makes_the_host_tell_its_gpus() -> None:
    assert plan(None, {}, server("a", "all"), server("b", 1), server("c", ["0"]))["asking"] == ["b", "c"]


def test_a_server_without_a_gpu_has_nothing_to_prove() -> None:
    found = plan(NVIDIA, {}, server("b", "all"), server("a", "all"), server("c", "all", gpu="none"))
    assert (found["names"], sorted(found["proof"])) == (["a", "b"], ["a", "b"])
    assert plan(None, {}, server("a", "all"))["names"] == []


@pytest.mark.parametrize(
    ("host", "facts", "devices", "words"),
    [
        (NVIDIA, TWO, ["9"], "names 9, which gpu-1 does not have: it has 0 (Stand-in"),
        (NVIDIA, TWO, 3, "asks for 3 GPUs, and gpu-1 has 2 that no other instance has"),
        ({}, {"gpus": []}, 1, "is 1, and on gpu-1 no GPU is ready for it. Set ollama_gpu to none"),
        (
            NVIDIA,
            {"findings": [{"severity": "error", "message": "It hangs.", "fix": "Reboot."}]},
            1,
            "no GPU is ready for it. It hangs. Reboot.",
        ),
        # A Jetson has no nvidia-smi.
        (NVIDIA, {}, ["0"], ""),
        (NVIDIA, TWO, "all", ""),
    ],
)
def test_what_the_host_does_not_have_is_a_problem(
    host: dict[str, Any], facts: dict[str, Any], devices: Any, words: str
) -> None:
    problems = plan(host, facts, server("a", devices))["of"]["a"]["problems"]
    assert len(problems) == bool(words)
    assert words in "".join(problems)


def test_clashes_are_known_before_the_host_is() -> None:
    found = plan(None, {}, server("a", ["0"]), server("b", ["0"]))["of"]
    assert found["a"]["clashes"][0].startswith("GPU 0 is that of b too: give each instance gpu_devices of its own")


def test_of_two_with_one_name_the_first_counts() -> None:
    assert plan(NVIDIA, {}, server("a", "all"), server("a", "all", gpu="none"))["of"]["a"]["vendor"] == "nvidia"
