# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a finding, and lists in sentences."""

from __future__ import annotations

from ansible_collections.selfhosted.llm.plugins.module_utils.host.finding import error, listed, warning


def test_a_finding_returns_the_same_keys_everywhere() -> None:
    keys = ["id", "severity", "subject", "message", "fix", "figure"]
    found = error("disk", "The disk is full.", "Free space.", "/", "0.1 GB")
    assert list(found.as_dict()) == list(warning("a", "b", "c").as_dict()) == keys
    assert (found.severity, found.is_error, found.text) == ("error", True, "The disk is full. Free space.")
    assert (warning("a", "b", "c").severity, warning("a", "b", "c").is_error) == ("warning", False)


def test_lists_in_sentences_read_well() -> None:
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "a", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert listed(str(number) for number in range(20)) == "0, 1, 2, 3, 4, 5, 6 and 13 more"
