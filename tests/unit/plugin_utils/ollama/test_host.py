# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what keeps a server from its start on a host, and what is told."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.ollama.host import host_problems, notes, pulls

SERVER: dict[str, Any] = {
    "name": "ollama",
    "gpu": "auto",
    "version": "0.32.15",
    "told": {},
    "tuned": [],
    "environment": {},
    "number": "0.32.15",
}
ENGINE = {"engine": True}


def problems(vendor: str, host: dict[str, Any], its: dict[str, Any] | None = None, **more: Any) -> list[str]:
    options = {"amd_cdi": False, "adopt": False, "listed": False, "toolkit_comes": False, **more}
    gpu = {"vendor": vendor, "problems": []}
    return host_problems({**SERVER, **(its or {})}, gpu, host, hostname="gpu-1", **options)


@pytest.mark.parametrize(
    ("vendor", "host", "more", "words"),
    [
        ("nvidia", ENGINE, {}, "Docker on gpu-1 can give no NVIDIA GPU to a container"),
        ("nvidia", ENGINE, {"toolkit_comes": True}, ""),
        ("nvidia", {}, {}, ""),
        ("nvidia", {**ENGINE, "cdi": True}, {}, ""),
        ("nvidia", {"jetson": "38"}, {}, "is a Jetson of L4T R38"),
        ("nvidia", {"jetson": "38"}, {"its": {"told": {"JETSON_JETPACK": "7"}}}, ""),
        ("amd", {}, {"its": {"gpu": "amd"}}, "gpu-1 has no /dev/kfd"),
        ("amd", ENGINE, {"amd_cdi": True}, "knows no AMD GPU by CDI"),
        ("amd", ENGINE, {"amd_cdi": True, "toolkit_comes": True}, ""),
        ("amd", {}, {"its": {"version": "1@sha256:0a"}}, "pins a digest that is not of the rocm image"),
        ("none", {"containers": {"ollama": {"foreign": True}}}, {}, "or ollama_container_name to another name"),
        ("none", {"containers": {"ollama": {"foreign": True}}}, {"adopt": True}, ""),
    ],
)
def test_what_the_host_lacks_is_one_sentence(
    vendor: str, host: dict[str, Any], more: dict[str, Any], words: str
) -> None:
    found = problems(vendor, host, **more)
    assert len(found) == bool(words)
    assert words in "".join(found)


@pytest.mark.parametrize(
    ("host", "listed", "words"),
    [
        ({"ours": ["ollama", "b", "a"]}, True, "not in ollama_instances: b, a."),
        ({"ours": ["b"]}, False, ""),
        ({"systemd": False}, False, "Without systemd nobody watches over the GPU of ollama here."),
        ({}, False, ""),
    ],
)
def test_notes_stop_nothing(host: dict[str, Any], listed: bool, words: str) -> None:
    found = notes([SERVER], ["ollama"], host, listed=listed, watch=True)
    assert len(found) == bool(words)
    assert words in "".join(found)


def test_only_pulls_that_go_on_are_shown() -> None:
    assert pulls({"a": {"pulling": "1 of 2 GB"}, "b": {"pulling": ""}}) == ["container a: 1 of 2 GB"]
