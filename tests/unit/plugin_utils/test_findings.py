# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings as sentences."""

from __future__ import annotations

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.host.finding import error, warning
from ansible_collections.selfhosted.llm.plugins.plugin_utils.findings import finding_texts

FOUND = [
    error("a", "A broke.", "Repair A.").as_dict(),
    warning("b", "B is slow.", "Wait.").as_dict(),
    error("a", "A broke.", "Repair A.", subject="other").as_dict(),
]


@pytest.mark.parametrize(
    ("severity", "texts"),
    [
        ("", ["A broke. Repair A.", "B is slow. Wait."]),
        ("error", ["A broke. Repair A."]),
        ("warning", ["B is slow. Wait."]),
    ],
)
def test_each_text_appears_once_with_its_fix(severity: str, texts: list[str]) -> None:
    assert finding_texts(FOUND, severity) == texts
