# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what a server has from its entry and what from the role."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.selfhosted.llm.plugins.plugin_utils.ollama.instances import (
    choosing,
    ollama_instances,
    volume_questions,
)

SHARED: dict[str, Any] = {"version": "0.32.15", "volume_read_only": False, "environment": {}, "gpu": "auto"}
TUNING = {"keep_alive": "", "flash_attention": "", "gpu_overhead": "", "origins": "", "noprune": ""}


def instance(entry: dict[str, Any], **shared: Any) -> dict[str, Any]:
    tuning = {name: shared.pop(name, value) for name, value in TUNING.items()}
    (found,) = ollama_instances([{"name": "a", **entry}], {**SHARED, **shared}, tuning, {"BASE": "1"})
    return found


def test_an_entry_goes_before_the_role() -> None:
    found = instance({"keep_alive": "5m", "gpu": "amd"}, keep_alive="30m")
    assert (found["gpu"], found["told"]["OLLAMA_KEEP_ALIVE"], found["says"]) == (
        "amd",
        "5m",
        ["name", "keep_alive", "gpu"],
    )


def test_an_entry_that_leaves_an_option_empty_has_the_role_s_and_leaves_a_variable_to_the_server() -> None:
    found = instance({"gpu": None, "volume": None, "keep_alive": None}, keep_alive="30m")
    assert (found["gpu"], found["volume"], found["port"]) == ("auto", "a", 0)
    assert found["told"] == {"BASE": "1"}


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("keep_alive", -1, "-1"),
        ("flash_attention", "off", "false"),
        ("flash_attention", "maybe", "maybe"),
        ("gpu_overhead", "2 GiB", "2147483648"),
        ("gpu_overhead", "512MB", "512MB"),
        ("origins", ["https://a", "*.b"], "https://a,*.b"),
    ],
)
def test_an_option_is_told_as_the_server_reads_it(option: str, value: Any, told: str) -> None:
    assert instance({option: value})["told"][f"OLLAMA_{option.upper()}"] == told


def test_environments_are_laid_over_each_other_and_booleans_are_words() -> None:
    found = instance({"environment": {"A": True, "B": "2"}}, environment={"A": 1, "C": False, "BASE": 3})
    assert found["told"] == {"BASE": "3", "A": "true", "C": "false", "B": "2"}
    assert found["environment"] == {"A": True, "C": False, "BASE": 3, "B": "2"}


def test_a_volume_that_is_only_read_is_not_tidied() -> None:
    assert instance({"volume_read_only": "yes"})["told"]["OLLAMA_NOPRUNE"] == "true"
    assert instance({"volume_read_only": "yes"})["volume_read_only"] is True


@pytest.mark.parametrize(("version", "number"), [("0.9.3-rocm", "0.9.3"), ("0.1@sha256:0a", "0.1"), ("nightly", "999")])
def test_a_version_that_is_no_number_is_new(version: str, number: str) -> None:
    assert instance({"version": version})["number"] == number


def test_only_the_first_is_first() -> None:
    found = ollama_instances([{"name": "a"}, {}], SHARED, TUNING, {})
    assert [(one["name"], one["first"]) for one in found] == [("a", True), ("", False)]


def test_an_environment_without_variables_is_an_error() -> None:
    with pytest.raises(AnsibleFilterError, match="ollama_environment holds no variables"):
        instance({"environment": ["A=1"]})


@pytest.mark.parametrize(
    ("listed", "option", "new_option"),
    [(True, "volume of a in ollama_instances", "its volume_new"), (False, "ollama_volume", "ollama_volume_new")],
)
def test_a_question_about_a_volume_names_its_options(listed: bool, option: str, new_option: str) -> None:
    its = {"name": "a", "volume": "v", "port": "1", "volume_new": "no", "volume_read_only": True}
    (asked,) = volume_questions([its], listed)
    assert (asked["option"], asked["new_option"], asked["port"], asked["new"]) == (option, new_option, 1, False)


def test_only_servers_that_download_choose() -> None:
    models = [{"name": "m", "choose": ["a"]}]
    servers = [
        {"name": "a", "volume_read_only": False, "models": models},
        {"name": "b", "volume_read_only": True, "models": models},
        {"name": "c", "volume_read_only": False, "models": [{"name": "m"}]},
    ]
    assert choosing(servers) == ["a"]
