# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person copies from the documentation is what the module takes."""

from __future__ import annotations

from functools import lru_cache

import pytest
from house_checks import examples, layout, specs

GROUPS = layout.read_yaml(layout.ROOT / "meta" / "runtime.yml")["action_groups"]
spec_of = lru_cache(maxsize=None)(specs.of_module)


@pytest.mark.parametrize("module", layout.modules())
def test_every_example_is_a_task_that_the_module_takes(module: str) -> None:
    assert examples.problems(layout.documentation()[module]["examples"], spec_of, GROUPS) == []


@pytest.mark.parametrize("module", layout.modules())
def test_the_examples_show_the_module_itself(module: str) -> None:
    assert layout.PREFIX + module in examples.actions(layout.documentation()[module]["examples"])


SAMPLE = specs.Spec(
    {
        "name": {"required": True},
        "count": {"type": "int"},
        "state": {"choices": ["present", "absent"], "default": "present"},
        "size": {},
        "entries": {"type": "list", "elements": "dict", "options": {"size": {"type": "int", "required": True}}},
    },
    {"required_if": [("state", "absent", ["count"])], "mutually_exclusive": [("size", "count")]},
)
KNOWN = "selfhosted.llm.docker_daemon_config"


def task(options: str, more: str = "", action: str = KNOWN) -> str:
    return f"- name: A task\n  {action}: {options}\n{more}"


@pytest.mark.parametrize(
    "text",
    [
        task("{name: a}"),
        task("{name: '{{ a }}', count: '{{ b }}', state: '{{ c }}', entries: '{{ d }}'}"),
        task("{name: a, entries: [{size: 1}, {size: '{{ e }}'}]}", "  loop: [1]\n  register: told\n  no_log: true\n"),
        "- hosts: all\n  module_defaults: {group/selfhosted.llm.sample: {name: a}}\n  tasks:\n"
        "    - block:\n        - name: A task\n          " + KNOWN + ": {count: 1}\n",
        task("{name: sshd}", action="ansible.builtin.service"),
        task("{name: a}", action="community.docker.docker_network"),
    ],
)
def test_a_good_example_has_no_problems(text: str) -> None:
    assert examples.problems(text, lambda name: SAMPLE, {"sample": ["docker_daemon_config"]}) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (task("{}"), "missing required arguments: name"),
        (task("{name: a, colour: red}"), "colour"),
        (task("{name: a, count: many}"), "unable to convert to int"),
        (task("{name: a, state: latest}"), "value of state must be one of"),
        (task("{name: a, state: absent}"), "state is absent but all of the following are missing: count"),
        (task("{name: a, size: b, count: 1}"), "mutually exclusive"),
        (task("{name: a, entries: [{}]}"), "missing required arguments: size"),
        (task("{name: a, entries: [{size: 1, colour: red}]}"), "colour"),
        (task("{name: a}", "  regsiter: told\n"), "one action is needed"),
        (task("{name: a}", action="service"), "leads nowhere"),
        (task("{name: a}", action="ansible.builtin.servcie"), "leads nowhere"),
        (task("{name: a}", action="selfhosted.llm.ollama_modle"), "leads nowhere"),
        ("- selfhosted.llm.docker_daemon_config: {name: a}\n", "has no name"),
        ("name: a task that is no list\n", "no list"),
    ],
)
def test_a_bad_example_is_told(text: str, words: str) -> None:
    assert any(words in problem for problem in examples.problems(text, lambda name: SAMPLE, {}))
