# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test how the defaults of roles are read."""

from __future__ import annotations

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from house_checks import layout, role_options

from ansible_collections.selfhosted.llm.plugins.plugin_utils.role_defaults import option, role_default


@pytest.mark.parametrize("role", layout.roles())
def test_every_default_is_read_and_needs_no_templating(role: str) -> None:
    expected = role_options.defaults(role)
    assert {name: role_default(role, name) for name in expected} == expected
    assert "{{" not in yaml.safe_dump(expected)


def test_a_variable_of_the_host_overrides_the_default() -> None:
    assert option({"ollama_port": 1}, "ollama", "ollama_port") == 1
    assert option({"ollama_port": None}, "ollama", "ollama_port") is None
    assert option({}, "ollama", "ollama_port") == 11434


def test_a_default_that_is_changed_stays_as_it_is_for_others() -> None:
    role_default("ollama", "ollama_models").append("x")
    assert role_default("ollama", "ollama_models") == []


@pytest.mark.parametrize(
    ("role", "name", "words"),
    [
        ("ollama", "ollama_prot", "The role ollama has no default for ollama_prot"),
        ("olama", "ollama_port", "There is no role olama in selfhosted.llm"),
    ],
)
def test_an_unknown_name_is_an_error(role: str, name: str, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        role_default(role, name)
