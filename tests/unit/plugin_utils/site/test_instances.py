# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test how the Ollama servers of a host are read from the inventory."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.site.instances import instance_options


@pytest.mark.parametrize(
    ("its", "ports"),
    [
        ({}, [11434]),
        ({"ollama_port": 1}, [1]),
        ({"ollama_instances": None}, [11434]),
        ({"ollama_instances": [{"port": 2}, {}], "ollama_port": 1}, [2, 1]),
        # The role refuses these later, in words.
        ({"ollama_instances": ["a"]}, [11434]),
    ],
)
def test_an_instance_goes_before_the_host_and_the_host_before_the_default(
    its: dict[str, Any], ports: list[int]
) -> None:
    assert instance_options(its, "port") == ports
