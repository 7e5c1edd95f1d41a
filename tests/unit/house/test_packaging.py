# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tools read of the collection agrees: galaxy.yml, requirements.yml and the files for ansible-builder."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest
from house_checks import layout

EE = "meta/execution-environment.yml"
# One line of a bindep file: a package and, in brackets, the platforms that have it.
BINDEP = re.compile(r"[a-z0-9][a-z0-9+.-]* \[platform:[a-z0-9-]+\]")
PYTHON = re.compile(r"[a-z0-9][a-z0-9._-]*([<>=!~]=?[0-9.]+)?")


def lines(path: str) -> list[str]:
    text = (layout.ROOT / path).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_the_collections_that_a_user_needs_are_those_of_galaxy_yml() -> None:
    listed = layout.read_yaml(layout.ROOT / "requirements.yml")["collections"]
    needed = layout.read_yaml(layout.ROOT / "galaxy.yml")["dependencies"]
    assert {one["name"]: one["version"] for one in listed} == needed


def test_the_execution_environment_names_files_of_the_collection() -> None:
    """A collection may only name files, by a path relative to it (ansible-builder 3, CollectionDefinition)."""
    described = layout.read_yaml(layout.ROOT / EE)
    assert described["version"] == 3
    assert set(described) == {"version", "dependencies"}
    assert set(described["dependencies"]) == {"python", "system"}
    for path in described["dependencies"].values():
        assert not PurePosixPath(path).is_absolute()
        assert lines(path)


@pytest.mark.parametrize(("kind", "form"), [("python", PYTHON), ("system", BINDEP)])
def test_each_line_of_an_execution_environment_is_a_package(kind: str, form: re.Pattern[str]) -> None:
    found = lines(layout.read_yaml(layout.ROOT / EE)["dependencies"][kind])
    assert [line for line in found if not form.fullmatch(line)] == []


def test_the_example_of_an_execution_environment_has_the_version_of_the_collection() -> None:
    page = (layout.ROOT / "docs" / "howto" / "execution-environment.md").read_text(encoding="utf-8")
    example = layout.parse_yaml(page.partition("```yaml\n")[2].partition("```")[0])
    tarball = f"selfhosted-llm-{layout.read_yaml(layout.ROOT / 'galaxy.yml')['version']}.tar.gz"
    assert example["version"] == 3
    assert example["dependencies"]["galaxy"]["collections"] == [{"name": tarball, "type": "file"}]
    assert example["additional_build_files"] == [{"src": f"dist/{tarball}", "dest": "."}]
