# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what is refused of the options on egress."""

from __future__ import annotations

import pytest

from ansible_collections.selfhosted.llm.plugins.plugin_utils.containers.egress import egress_problems


@pytest.mark.parametrize(
    ("egress", "allowed", "words"),
    [
        ("closed", [], ""),
        ("open", [], ""),
        ("mirror", ["10.0.0.5"], ""),
        ("shut", [], "llm_egress is 'shut': give closed, mirror or open."),
        ("mirror", [], "llm_egress_allowed names none"),
        ("closed", ["10.0.0.5"], "llm_egress is closed: set it to mirror, or empty the list."),
    ],
)
def test_a_mistake_is_one_sentence(egress: str, allowed: list[str], words: str) -> None:
    found = egress_problems(egress, allowed)
    assert len(found) == bool(words)
    assert words in "".join(found)
