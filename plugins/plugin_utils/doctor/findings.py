# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rule of the doctor, and how rules turn the facts of a host into findings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.selfhosted.llm.plugins.module_utils.host.finding import ERROR, SEVERITIES, WARNING, Finding

# The fix for what the playbook repairs by itself.
SITE = "Run ansible-playbook selfhosted.llm.site."
# Longer texts from a host are cut.
MAX_TEXT = 300

Facts = Mapping[str, Any]
Hits = Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class Rule:
    """A rule yields a finding for each object that has a problem.

    ``hits`` returns the values for the braces in ``message`` and ``fix``, once for each object. The keys ``subject``
    and ``figure`` go into the finding; ``id`` and ``severity`` override those of the rule.
    """

    id: str
    severity: str
    hits: Callable[[Facts], Hits]
    message: str
    fix: str

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """Return the findings of this rule on a host."""
        for hit in self.hits(facts):
            shown = {name: clean(value) for name, value in hit.items()}
            yield Finding(
                shown.get("id", self.id),
                shown.get("severity", self.severity),
                shown.get("subject", ""),
                self.message.format_map(shown),
                self.fix.format_map(shown),
                shown.get("figure", ""),
            )


def clean(value: Any) -> str:
    """Return a value as one printable line of limited length, safe for a terminal."""
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    shown = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return shown if len(shown) <= MAX_TEXT else f"{shown[: MAX_TEXT - 3]}..."


def findings(facts: Facts, rules: Sequence[Rule], ignore: Collection[str] = ()) -> list[Finding]:
    """Return the findings on a host, errors first. ``ignore`` has ids, or ``ID:SUBJECT`` for one object."""
    found = [one for rule in rules for one in rule.findings(facts)]
    kept = [one for one in found if one.id not in ignore and f"{one.id}:{one.subject}" not in ignore]
    return sorted(kept, key=lambda one: (SEVERITIES.index(one.severity), one.id, one.subject))


def counted(found: Iterable[Finding]) -> str:
    """Return the number of findings of each severity in words, "" for none."""
    severities = [one.severity for one in found]
    counts = [(severities.count(severity), severity) for severity in SEVERITIES]
    return ", ".join(f"{count} {word}{'s' * (count > 1)}" for count, word in counts if count)


def reaches(found: Iterable[Finding], fail_on: str) -> bool:
    """Tell whether a finding is as severe as ``fail_on`` (error, warning or never)."""
    return any(one.severity == ERROR or fail_on == WARNING for one in found) if fail_on != "never" else False
