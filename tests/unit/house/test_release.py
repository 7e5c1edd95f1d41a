# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release is built only from a clean tree whose changelog and galaxy.yml name the same version."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
from house_checks import layout

GALAXY = "namespace: selfhosted\nname: llm\nversion: {}\nreadme: README.md\nauthors: [we]\n"
RELEASES = "releases:\n  0.9.0: {release_date: '2026-01-01'}\n  0.10.0: {release_date: '2026-02-01'}\n"
PAGE = "# Release Notes\n\n## v0\\.10\\.0\n\n## v0\\.9\\.0\n"


@pytest.fixture(scope="module")
def release() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("tests_release", str(layout.ROOT / "tests" / "release"))
    spec = importlib.util.spec_from_loader("tests_release", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository that is ready for its release 0.10.0."""
    texts = {
        "galaxy.yml": GALAXY.format("0.10.0"),
        "README.md": "# A collection\n",
        "CHANGELOG.md": PAGE,
        "changelogs/changelog.yaml": RELEASES,
        "changelogs/fragments/.keep": "",
        ".gitignore": "dist\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def git(tree: Path, *words: str) -> None:
    me = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *me, *words], cwd=tree, check=True, capture_output=True)


def commit(tree: Path) -> None:
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "all")


def test_a_tree_that_is_ready_has_no_problems(release: ModuleType, tree: Path) -> None:
    assert list(release.problems(tree)) == []


def test_a_tree_with_an_untracked_file_is_not_released(release: ModuleType, tree: Path) -> None:
    (tree / "new.txt").touch()
    assert [problem.partition(";")[0] for problem in release.problems(tree)] == ["The tree is not clean"]


def test_a_version_that_is_tagged_is_not_released_again(release: ModuleType, tree: Path) -> None:
    git(tree, "tag", "v0.10.0")
    assert list(release.problems(tree)) == ["The tag v0.10.0 exists; set the next version in galaxy.yml."]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("galaxy.yml", GALAXY.format("0.11.0"), "the newest release is 0.10.0, and galaxy.yml says 0.11.0"),
        ("galaxy.yml", GALAXY.format("0.9.0"), "the newest release is 0.10.0, and galaxy.yml says 0.9.0"),
        ("galaxy.yml", GALAXY.format("0.10.0-dev"), "version is '0.10.0-dev'"),
        ("changelogs/changelog.yaml", "", "the newest release is missing"),
        ("changelogs/fragments/one.yml", "bugfixes: [x]\n", "changelogs/fragments has 1 fragments"),
        ("CHANGELOG.md", "# Release Notes\n\n## v0\\.10\\.0\\-rc1\n", "CHANGELOG.md has no heading for v0.10.0"),
    ],
)
def test_what_does_not_agree_is_named(release: ModuleType, tree: Path, name: str, text: str, words: str) -> None:
    (tree / name).write_text(text, encoding="utf-8")
    commit(tree)
    assert any(words in problem for problem in release.problems(tree))


def test_the_tarball_and_its_checksum_are_built(release: ModuleType, tree: Path) -> None:
    tarball = release.build(tree)
    assert tarball == tree / "dist" / "selfhosted-llm-0.10.0.tar.gz"
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    assert (tree / "dist" / "SHA256SUMS").read_text(encoding="utf-8") == f"{digest}  {tarball.name}\n"
    assert list(release.problems(tree)) == []
