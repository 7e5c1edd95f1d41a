# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test which containers an inventory asks for."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.selfhosted.llm.plugins.plugin_utils.site.declared import declared_containers


@pytest.mark.parametrize(
    ("its", "expected"),
    [
        (
            {"ollama_container_name": "o", "ollama_volume": "v", "ollama_version": "1@sha256:0a", "llm_egress": "open"},
            [("o", "ollama/ollama@sha256:0a", 11434, "v", "open")],
        ),
        (
            {"ollama_instances": [{"name": "a", "port": "1"}, {"name": "b", "port": 2, "volume": "a", "version": 3}]},
            [("a", "ollama/ollama:0.32.15", 1, "a", "closed"), ("b", "ollama/ollama:3", 2, "a", "closed")],
        ),
    ],
)
def test_each_instance_is_a_container(its: dict[str, Any], expected: list[tuple[Any, ...]]) -> None:
    found = declared_containers(its, "ollama")
    assert [(one["name"], one["image"], one["port"], one["volume"], one["egress"]) for one in found] == expected


def test_open_webui_is_one_container() -> None:
    (found,) = declared_containers({"open_webui_port": "80", "llm_network": "n"}, "open-webui")
    assert (found["kind"], found["port"], found["network"]) == ("open-webui", 80, "n")


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(AnsibleFilterError, match="kind is 'x': give ollama or open-webui"):
        declared_containers({}, "x")
