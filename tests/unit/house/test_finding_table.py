# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference of findings is what the code makes: every id, severity and message, and no other."""

from __future__ import annotations

import re

import pytest
from house_checks import finding_table, layout
from house_checks.finding_table import Row

from ansible_collections.selfhosted.llm.plugins.module_utils.preflight.rules import RULES

REFERENCE = layout.ROOT / "docs" / "reference"


def test_the_messages_are_written() -> None:
    page = finding_table.PAGE.read_text(encoding="utf-8")
    assert finding_table.written(page) == page, "run make docs"


def test_the_page_explains_every_gpu_finding_and_no_other() -> None:
    page = (REFERENCE / "findings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \|", page.partition("## GPU findings")[2], re.MULTILINE)
    explained = [name for row in rows for name in re.findall(r"`([a-z-]+)`", row)]
    made = {row.id for row in finding_table.made_in(finding_table.UTILS / "gpu")}
    assert sorted(explained) == sorted(made)


def test_the_page_of_sizes_explains_every_rule_of_the_preflight_check() -> None:
    page = (REFERENCE / "sizing.md").read_text(encoding="utf-8")
    table = page.partition("## What is checked")[2].partition("\n## ")[0]
    explained = re.findall(r"^\| `([a-z]+)` \|", table, re.MULTILINE)
    assert sorted(explained) == sorted(RULES)
    # A rule passes on the findings of another look at the host where no call here makes one of its own.
    assert {row.id for row in finding_table.made_in(finding_table.UTILS / "preflight")} <= set(RULES)


@pytest.mark.parametrize(
    ("source", "rows"),
    [
        ('error("a", "No.", "Do.")', [Row("a", "error", "No.", "Do.")]),
        ('warning(id="a", message="No.", fix="Do.")', [Row("a", "warning", "No.", "Do.")]),
        ('Finding("a", ERROR if x else WARNING, y, "No.", "Do.")', [Row("a", "error, warning", "No.", "Do.")]),
        ('error("a", f"{host.name} has {number(size)}.", "Do.")', [Row("a", "error", "NAME has SIZE.", "Do.")]),
        ("error(\"a\", f\"It is {'on' if x else 'off'}.\", fix)", [Row("a", "error", "It is on/off.", "...")]),
        ('MEANINGS = ((re.compile("x"), "a", "No.", "Do."),)', [Row("a", "error", "No.", "Do.")]),
        ('error(name, "No.", "Do.")', []),
        ('other("a", "No.", "Do.")', []),
    ],
)
def test_findings_are_read_from_code(source: str, rows: list[Row]) -> None:
    assert list(finding_table.made_by(source)) == rows


def test_a_page_without_marks_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs the lines <!-- doctor -->"):
        finding_table.written("# Messages\n")
