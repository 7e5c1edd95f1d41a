# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as a stranger gets it: built here, installed in a folder far from the checkout."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from house_checks import layout


@dataclass(frozen=True)
class Installed:
    """Where the collection lies, with what it depends on beside it and nothing of the checkout."""

    folder: Path

    @property
    def tree(self) -> Path:
        return self.folder / "ansible_collections" / "selfhosted" / "llm"

    def run(self, *words: str) -> CompletedProcess[str]:
        return layout.tool(*words, cwd=self.folder, collections=self.folder)

    def play(self, tasks: Sequence[object], *words: str) -> CompletedProcess[str]:
        """Run tasks on this machine, by the Python that runs Ansible."""
        playbook = self.folder / "play.yml"
        play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": list(tasks)}
        playbook.write_text(layout.as_yaml([play]), encoding="utf-8")
        interpreter = "ansible_python_interpreter={{ ansible_playbook_python }}"
        return self.run("ansible-playbook", "-i", "localhost,", "-e", interpreter, str(playbook), *words)


@pytest.fixture(scope="session")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build in the checkout as it is, with all that lies about in it."""
    place = tmp_path_factory.mktemp("built")
    done = layout.tool("ansible-galaxy", "collection", "build", "--output-path", str(place))
    assert done.returncode == 0, done.stdout + done.stderr
    version = layout.read_yaml(layout.ROOT / "galaxy.yml")["version"]
    return place / f"selfhosted-llm-{version}.tar.gz"


@pytest.fixture(scope="session")
def content(tarball: Path) -> set[str]:
    with tarfile.open(tarball) as archive:
        return {member.name for member in archive.getmembers() if not member.isdir()}


@pytest.fixture(scope="session")
def installed(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    place = Installed(tmp_path_factory.mktemp("a stranger's folder"))
    done = place.run(
        "ansible-galaxy", "collection", "install", str(tarball), "-p", str(place.folder), "--offline", "--no-deps"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    community = layout.COLLECTIONS / "ansible_collections" / "community"
    (place.folder / "ansible_collections" / "community").symlink_to(community)
    return place
