# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what is refused before anything is known of the host."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.ollama.options import option_problems

GOOD: dict[str, Any] = {
    "name": "ollama",
    "says": ["name"],
    "port": 11434,
    "bind_address": "127.0.0.1",
    "volume": "ollama",
    "volume_read_only": False,
    "models": [],
    "version": "0.32.15",
    "gpu": "auto",
    "gpu_devices": "all",
    "environment": {},
    "tuned": [],
    "told": {},
    "number": "0.32.15",
}
OTHER = {**GOOD, "name": "other", "port": 1, "volume": "other"}


def problems(its: dict[str, Any], *others: dict[str, Any], listed: bool = False) -> list[str]:
    server = {**GOOD, **its}
    return option_problems([server, *others], server["name"], [], listed=listed, known=["name", "port", "models"])


def test_good_options_have_no_problems() -> None:
    assert problems({}, OTHER) == []


@pytest.mark.parametrize(
    ("its", "others", "words"),
    [
        ({"name": "a b"}, [], "'a b' is no name for a container"),
        ({}, [{**OTHER, "name": "ollama"}], "ollama_instances has two of the name ollama"),
        ({"says": ["prot", "name"]}, [], "prot is no option of an instance: it may have models, name, port."),
        ({"port": "x"}, [], "port is 'x': give each instance a port"),
        ({"port": "1"}, [OTHER], "port 1 is that of other too"),
        ({"port": 1, "bind_address": "::"}, [OTHER], "port 1 is that of other too"),
        ({"volume": "other"}, [OTHER], "volume other is that of other too"),
        ({"volume": "other", "volume_read_only": True}, [OTHER], "put the writer first"),
        ({"volume_read_only": True, "says": ["models"], "models": [{}]}, [], "a volume that it only reads"),
        ({"version": "latest"}, [], "ollama_version is 'latest', which does not pin anything"),
        ({"bind_address": "gpu-1"}, [], "ollama_bind_address is 'gpu-1', but Docker publishes on IP addresses only"),
        ({"gpu": "intel"}, [], "ollama_gpu is 'intel': give auto, nvidia, amd or none."),
        ({"gpu_devices": []}, [], "ollama_gpu_devices is []: give all"),
        (
            {"tuned": ["OLLAMA_DEBUG"], "environment": {"OLLAMA_DEBUG": 1}},
            [],
            "ollama_debug and OLLAMA_DEBUG in ollama_environment say the same thing",
        ),
        ({"told": {"OLLAMA_KV_CACHE_TYPE": "q8_0"}, "number": "0.9.3"}, [], "ignores without flash attention"),
        ({"environment": {"OLLAMA_MODELS": "/m"}}, [], "must not set OLLAMA_HOST or OLLAMA_MODELS"),
        ({"told": {"OLLAMA_DEBUG": "on"}}, [], "OLLAMA_DEBUG is 'on', which must be 0, 1"),
    ],
)
def test_a_mistake_is_one_sentence(its: dict[str, Any], others: list[dict[str, Any]], words: str) -> None:
    (problem,) = problems(its, *others)
    assert words in problem


def test_the_same_port_on_two_addresses_is_taken() -> None:
    assert problems({"port": 1, "bind_address": "10.0.0.2"}, OTHER) == []


def test_a_sentence_names_the_instance() -> None:
    (named,) = problems({"gpu": "x"}, listed=True)
    assert named.startswith("Of ollama_instances, ollama: ollama_gpu is 'x'")
    assert problems({"name": ""}, listed=True)[0].startswith(
        "Of ollama_instances, the one without a name: '' is no name"
    )
