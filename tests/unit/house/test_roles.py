# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role takes the variables that it documents, with the defaults that it documents."""

from __future__ import annotations

import re
from typing import Any

import pytest
from house_checks import layout, option_table, restated, role_options


@pytest.mark.parametrize("role", layout.roles())
def test_the_argument_specs_and_the_defaults_say_the_same(role: str) -> None:
    assert role_options.problems(role, role_options.options(role), role_options.defaults(role)) == []


@pytest.mark.parametrize("role", layout.roles())
def test_the_readme_shows_the_options_as_they_are(role: str) -> None:
    text = option_table.readme(role).read_text(encoding="utf-8")
    up_to_date = text == option_table.replaced(text, option_table.table(role))
    assert up_to_date, "run `make docs`"


@pytest.mark.parametrize("role", layout.roles())
def test_every_entry_point_is_described_and_has_its_tasks(role: str) -> None:
    for name, point in role_options.entry_points(role).items():
        assert point.get("short_description")
        assert point.get("version_added") == "0.1.0"
        assert (layout.ROOT / "roles" / role / "tasks" / f"{name}.yml").is_file()


DECLARED: dict[str, Any] = {
    "web_port": {"type": "int", "default": 80, "description": "The port."},
    "web_password": {"type": "str", "required": True, "description": "No default."},
    "web_names": {"type": "list", "elements": "str", "default": [], "description": "Names."},
}
GIVEN: dict[str, Any] = {"web_port": 80, "web_names": []}


def test_equal_options_and_defaults_have_no_problems() -> None:
    assert role_options.problems("web", DECLARED, GIVEN) == []


@pytest.mark.parametrize(
    ("declared", "given", "words"),
    [
        ({}, {"web_port": 81}, "81 in the defaults and 80 in the argument specs"),
        ({}, {"web_color": "red"}, "web_color is in the defaults and not in the argument specs"),
        ({"web_size": {"type": "int", "default": 1, "description": "Size."}}, {}, "web_size has a default"),
        ({}, {"web_password": "secret"}, "web_password is required and has a default"),
        (
            {"web_size": {"type": "int", "description": "Size."}},
            {"web_size": 1},
            "which the argument specs do not tell",
        ),
        ({"web_size": {"type": "int", "default": "1", "description": "."}}, {"web_size": "1"}, "which is no int"),
        (
            {"web_on": {"type": "bool", "default": 1, "description": "."}},
            {"web_on": True},
            "True in the defaults and 1",
        ),
        ({"web_on": {"type": "int", "default": True, "description": "."}}, {"web_on": True}, "which is no int"),
        ({"web_mode": {"default": "a", "description": "."}}, {"web_mode": "a"}, "web_mode has no type"),
        ({"web_mode": {"type": "str", "default": "a"}}, {"web_mode": "a"}, "web_mode has no description"),
        ({"web_m": {"type": "str", "choices": ["a"], "default": "b", "description": "."}}, {"web_m": "b"}, "one of"),
        ({"port": {"type": "int", "default": 1, "description": "."}}, {"port": 1}, "does not bear the role's name"),
    ],
)
def test_each_difference_is_told(declared: dict[str, Any], given: dict[str, Any], words: str) -> None:
    found = role_options.problems("web", {**DECLARED, **declared}, {**GIVEN, **given})
    assert any(words in problem for problem in found), found


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("V(auto) or C(a | b)", "`auto` or `a \\| b`"),
        (
            "M(selfhosted.llm.ollama_model), see L(here,https://llm.selfhosted.example)",
            "`selfhosted.llm.ollama_model`, see [here](https://llm.selfhosted.example)",
        ),
        ("two\n  lines", "two lines"),
    ],
)
def test_markup_becomes_markdown(text: str, shown: str) -> None:
    assert option_table.cell(text) == shown


def test_a_changed_option_changes_the_readme() -> None:
    text = f"# A role\n\n{option_table.BEGIN}\nold\n{option_table.END}\nmore\n"
    assert option_table.replaced(text, "new") == text.replace("old", "new")
    with pytest.raises(ValueError, match="needs the lines"):
        option_table.replaced("# A role", "new")


@pytest.mark.parametrize("role", layout.roles())
def test_an_argument_spec_holds_no_template(role: str) -> None:
    """Ansible evaluates the whole of it, descriptions too, before a role's first task."""
    text = (layout.ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    assert not re.findall(r"\{\{|\{%|\{#", text)


DEFAULTS: dict[str, Any] = {
    name: value for role in layout.roles() for name, value in role_options.defaults(role).items()
}


def _files(*places: str) -> list[str]:
    found = [path.relative_to(layout.ROOT).as_posix() for place in places for path in layout.ROOT.glob(place)]
    return sorted(found)


@pytest.mark.parametrize("path", _files("playbooks/*.yml", "playbooks/vars/*.yml"))
def test_a_playbook_repeats_no_default(path: str) -> None:
    assert restated.problems((layout.ROOT / path).read_text(encoding="utf-8"), DEFAULTS) == []


@pytest.mark.parametrize("path", _files("roles/*/handlers/*.yml", "roles/*/tasks/*.yml", "roles/*/vars/**/*.yml"))
def test_a_role_repeats_no_default_as_a_fallback(path: str) -> None:
    assert list(restated.fallbacks((layout.ROOT / path).read_text(encoding="utf-8"), DEFAULTS)) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('port: "{{ its.web_port | default(80) }}"', "web_port | default(80) repeats"),
        ("title: \"{{ web_title | default('Chat', true) }}\"", "web_title | default('Chat') repeats"),
        ("url: http://ollama:11434/api", "11434 is the default of web_back_end_port"),
        ("image: web/web:1.2.3", "1.2.3 is the default of web_version"),
    ],
)
def test_a_repeated_default_is_reported(text: str, words: str) -> None:
    (problem,) = restated.problems(
        text, {**GIVEN, "web_title": "Chat", "web_version": "1.2.3", "web_back_end_port": 11434}
    )
    assert words in problem


@pytest.mark.parametrize(
    "text",
    [
        'port: "{{ web_port | default(8080) }}"',
        "{{ web_names | default([]) }}",
        "# The port is 11434",
        "port: 114341",
        "other | default(80)",
    ],
)
def test_another_value_is_no_repeated_default(text: str) -> None:
    assert restated.problems(text, {**GIVEN, "web_back_end_port": 11434}) == []
