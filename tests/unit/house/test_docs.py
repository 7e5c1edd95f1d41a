# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every link of the documentation leads somewhere, and every page is reached."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from house_checks import layout, pages

DOCS = layout.ROOT / "docs"
PAGES = sorted(
    [
        *layout.ROOT.glob("*.md"),
        *DOCS.rglob("*.md"),
        *(layout.ROOT / "roles").glob("*/README.md"),
        layout.ROOT / "tests" / "bed" / "README.md",
    ]
)


def name(path: Path) -> str:
    return path.relative_to(layout.ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_each_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert pages.broken(page, layout.ROOT) == []


def test_every_page_is_reached_from_the_index() -> None:
    assert pages.unreached(DOCS / "index.md", DOCS.rglob("*.md")) == []


def test_a_page_that_code_or_a_message_names_exists() -> None:
    words = ["git", "-c", f"safe.directory={layout.ROOT}", "grep", "-lzE", r"docs/[A-Za-z/-]+\.md"]
    found = subprocess.run(words, cwd=layout.ROOT, check=True, capture_output=True, text=True).stdout
    # This test and its kind name pages that do not exist.
    files = [path for path in found.split("\0") if path and not path.startswith("tests/unit/house/")]
    assert len(files) > 10
    missing = [
        f"{path}: {page}"
        for path in files
        for page in pages.MENTION.findall((layout.ROOT / path).read_text(encoding="utf-8"))
        if not (layout.ROOT / page).is_file()
    ]
    assert missing == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.is_relative_to(DOCS)], ids=name)
def test_a_path_of_the_repository_that_a_page_names_exists(page: Path) -> None:
    named = pages.paths(page.read_text(encoding="utf-8"))
    assert [path for path in named if not (layout.ROOT / path).exists()] == []


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("[a](other.md)", []),
        ("[a](other.md#the-ids-of-x-y)", []),
        ("[a](#here)\n# Here\n", []),
        ("# Here\n# Here\n[a](#here-1)", []),
        ("![a](gone.png)", ["gone.png: no such file"]),
        ("[a](gone.md)", ["gone.md: no such file"]),
        ("[a [b]](gone.md)", ["gone.md: no such file"]),
        ("[a](other.md#gone)", ["other.md#gone: no such heading"]),
        ("[a](../../etc/passwd)", ["../../etc/passwd: no such file"]),
        ("[a](https://example.org/gone.md)", []),
        ("```\n[a](gone.md)\n```\n`[a](gone.md)`", []),
        ("```\n# Here\n```\n[a](#here)", ["#here: no such heading"]),
    ],
)
def test_a_link_that_leads_nowhere_is_reported(tmp_path: Path, text: str, problems: list[str]) -> None:
    (tmp_path / "other.md").write_text("## The ids of `x` (y)\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    assert pages.broken(page, tmp_path) == problems


def test_a_page_without_a_link_to_it_is_reported(tmp_path: Path) -> None:
    texts = {"index.md": "[a](a.md)", "a.md": "[b](b.md#x) [index](index.md)", "b.md": "", "c.md": "[index](index.md)"}
    for file, text in texts.items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    assert pages.unreached(tmp_path / "index.md", tmp_path.glob("*.md")) == [tmp_path / "c.md"]


def test_paths_are_found_but_not_patterns() -> None:
    text = "`plugins/a.py` `tests/env runtime` `roles/ROLE/tasks/main.yml` `inventories/*.yml`\n```\n`docs/c.md`\n```"
    assert pages.paths(text) == ["plugins/a.py", "tests/env"]
