# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a look at a host found: one sentence each, and whether it stops a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Mapping

FAIL, WARN, SKIP = "fail", "warn", "skip"
LEVELS = (FAIL, WARN, SKIP)
RULES = ("memory", "gpu", "disk", "cpu", "kernel", "cgroups", "ports", "time", "dns", "reach", "embedding", "mtu")
GB = 10**9


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    ``figure`` is what the host has and ``need`` what is wanted; ``say`` is the sentence with both and the way out.
    ``stops`` says that the service cannot come about with it; without it things are merely tight.
    """

    rule: str
    say: str
    figure: str
    need: str
    stops: bool = False


def judged(findings: Iterable[Finding], rules: Mapping[str, str]) -> List[Dict[str, Any]]:
    """Return findings as results, those that fail first; a rule of "warn" makes warnings of its failures."""
    kept = [finding for finding in findings if rules.get(finding.rule, FAIL) != SKIP]
    told = [
        {
            "rule": finding.rule,
            "level": FAIL if finding.stops and rules.get(finding.rule, FAIL) == FAIL else WARN,
            "figure": finding.figure,
            "need": finding.need,
            "say": finding.say,
        }
        for finding in kept
    ]
    return sorted(told, key=lambda one: (one["level"] != FAIL, RULES.index(one["rule"])))


def gigabytes(size: float) -> str:
    """Return bytes as a person compares them with a data sheet or a disk's label."""
    return f"{size / GB:.1f} GB" if size >= GB / 10 else f"{size / 1e6:.1f} MB"


def listed(words: Iterable[str], most: int = 8) -> str:
    """Return words as a list in a sentence, each once; more than ``most`` are counted."""
    known = list(dict.fromkeys(words))
    if len(known) > most:
        known = [*known[: most - 1], f"{len(known) - most + 1} more"]
    return " and ".join([", ".join(known[:-1]), known[-1]] if len(known) > 1 else known)
