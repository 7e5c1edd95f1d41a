# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test how packages are named and what their failure means."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.toolkits.packages import (
    are_installed,
    install_failure,
    is_newer_than_docker,
    package_files,
    package_names,
)


@pytest.mark.parametrize(("family", "name"), [("Debian", "a=1-1"), ("Suse", "a=1-1"), ("RedHat", "a-1-1")])
def test_each_manager_has_its_own_form(family: str, name: str) -> None:
    assert package_names(["a"], "1-1", family) == [name]


@pytest.mark.parametrize(
    ("family", "architecture", "name"),
    [
        ("Debian", "x86_64", "a_1-1_amd64.deb"),
        ("Debian", "aarch64", "a_1-1_arm64.deb"),
        ("Debian", "riscv64", "a_1-1_*.deb"),
        ("RedHat", "aarch64", "a-1-1.aarch64.rpm"),
    ],
)
def test_files_have_the_names_of_their_makers(family: str, architecture: str, name: str) -> None:
    assert package_files(["a"], "1-1", family, architecture) == [name]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["ii  a 1", "ii  b 1"], True),
        (["ii  a 1"], False),
        (["ii  a 1", "ii  b 2"], False),
        (["rc  a 1", "ii  b 1"], False),
    ],
)
def test_all_packages_are_installed_in_the_version(lines: list[str], expected: bool) -> None:
    assert are_installed(lines, ["a", "b"], "1") is expected


@pytest.mark.parametrize(
    ("result", "offered", "said"),
    [
        ({}, [], "(it gave no reason). Mend what the package manager names"),
        ({"msg": ""}, [], "(it gave no reason)."),
        ({"msg": "no\nway"}, ["2"], "(no). The repository has 2: set v to one of these."),
        ({"stderr": "W: a\nE: held", "msg": "m"}, ["1"], "(E: held). Mend what"),
        ({"stderr": None, "msg": "m" * 400}, [], f"({'m' * 300})."),
    ],
)
def test_a_failure_is_told_with_its_reason(result: dict[str, Any], offered: list[str], said: str) -> None:
    told = install_failure(result, "Toolkit", "1", "gpu-1", option="v", offered=offered)
    assert told.startswith(f"Version 1 of the Toolkit could not be installed on gpu-1 {said}")


@pytest.mark.parametrize(
    ("pid", "repository", "hook", "expected"),
    [(5, 6, 7, True), (5, 4, 7, False), (5, 6, 4, False), (0, 6, 7, False), (None, 6, 7, False), (5, None, 7, False)],
)
def test_only_a_first_install_after_the_start_is_newer(pid: Any, repository: Any, hook: Any, expected: bool) -> None:
    times = {
        "/var/run/docker.pid": ("mtime", pid),
        "/etc/apt/sources.list.d/nvidia-container-toolkit.sources": ("mtime", repository),
        "/usr/bin/nvidia-container-runtime-hook": ("ctime", hook),
    }
    files = [{"path": path, kind: time} for path, (kind, time) in times.items() if time is not None]
    assert is_newer_than_docker(files) is expected
