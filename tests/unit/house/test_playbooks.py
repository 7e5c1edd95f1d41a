# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each example inventory and each playbook is one that Ansible takes."""

from __future__ import annotations

from typing import Any

import pytest
from house_checks import example_inventories, layout

PLAYBOOKS, INVENTORIES = example_inventories.playbooks(), example_inventories.inventories()


@pytest.mark.parametrize("name", INVENTORIES)
def test_an_example_inventory_names_what_the_roles_take(name: str) -> None:
    inventory = example_inventories.listed(layout.ROOT / "inventories" / name)
    assert example_inventories.problems(inventory, example_inventories.known_options(), layout.roles()) == []


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_playbook_passes_the_syntax_check_with_every_inventory(playbook: str) -> None:
    with_inventories = [f"--inventory={layout.ROOT / 'inventories' / name}" for name in INVENTORIES]
    done = layout.tool(
        "ansible-playbook", "--syntax-check", *with_inventories, str(layout.ROOT / "playbooks" / playbook)
    )
    assert done.returncode == 0, done.stdout + done.stderr


OPTIONS: dict[str, Any] = {"ollama_port": {"type": "int"}, "ollama_models": {"type": "list", "elements": "dict"}}


def inventory(**variables: Any) -> dict[str, Any]:
    groups = {name: {"hosts": ["one"]} for name in example_inventories.GROUPS}
    return {**groups, "_meta": {"hostvars": {"one": variables}}}


def test_a_good_inventory_has_no_problems() -> None:
    given = inventory(ollama_port=11434, ollama_models=[{"name": "a"}], ansible_user="root", my_own="thing")
    assert example_inventories.problems(given, OPTIONS, ["ollama"]) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (inventory(ollama_prot=11434), "ollama_prot is a variable of no role"),
        (inventory(ollama_port="many"), "unable to convert to int"),
        (inventory(ollama_models=["a"]), "ollama_models"),
        ({**inventory(), "ollama_hosts": {}}, "ollama_hosts has no hosts"),
    ],
)
def test_a_bad_inventory_is_told(given: dict[str, Any], words: str) -> None:
    assert any(words in problem for problem in example_inventories.problems(given, OPTIONS, ["ollama"]))
