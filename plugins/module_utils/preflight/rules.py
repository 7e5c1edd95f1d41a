# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the preflight check, and how the option ``rules`` changes their findings."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterable, List, Mapping

from ..host.finding import SEVERITIES, WARNING, Finding

FAIL, WARN, SKIP = "fail", "warn", "skip"
LEVELS = (FAIL, WARN, SKIP)
RULES = ("memory", "gpu", "disk", "cpu", "kernel", "cgroups", "ports", "time", "dns", "reach", "embedding", "mtu")


def rule_of(finding: Finding) -> str:
    """Return the rule of a finding. A GPU finding such as gpu-nouveau belongs to the rule gpu."""
    return finding.id.partition("-")[0]


def apply_rules(findings: Iterable[Finding], rules: Mapping[str, str]) -> List[Finding]:
    """Return the findings that are not skipped, errors first. The level "warn" turns errors into warnings."""
    kept = [finding for finding in findings if rules.get(rule_of(finding), FAIL) != SKIP]
    leveled = [
        replace(finding, severity=WARNING) if rules.get(rule_of(finding), FAIL) == WARN else finding for finding in kept
    ]
    return sorted(leveled, key=lambda one: (SEVERITIES.index(one.severity), RULES.index(rule_of(one))))
