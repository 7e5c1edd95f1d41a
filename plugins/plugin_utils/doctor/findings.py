# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a finding is, what a rule is, and how rules make findings of what was seen of a host."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

ERROR, WARNING = "error", "warning"
SEVERITIES = (ERROR, WARNING)
# The way out of what the playbook brings in order by itself.
SITE = "Run ansible-playbook selfhosted.llm.site."
# Whatever a host says is cut to this before it is shown.
WORDS = 300

Seen = Mapping[str, Any]
Hits = Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class Finding:
    """Something that is wrong. ``say`` is a sentence, ``do`` the way out, ``about`` the thing that has it."""

    host: str
    id: str
    severity: str
    about: str
    say: str
    do: str

    def told(self) -> dict[str, str]:
        """Return it as a result shows it."""
        return asdict(self)


@dataclass(frozen=True)
class Rule:
    """A finding to look for.

    ``hits`` returns the values for the braces in ``say`` and ``do``, once for each thing that has it; ``about`` among
    them names the thing, and ``severity`` goes before the rule's own.
    """

    id: str
    severity: str
    hits: Callable[[Seen], Hits]
    say: str
    do: str

    def findings(self, host: str, seen: Seen) -> Iterator[Finding]:
        """Return what this rule finds on a host."""
        for hit in self.hits(seen):
            shown = {name: clean(value) for name, value in hit.items()}
            yield Finding(
                host,
                shown.get("id", self.id),
                shown.get("severity", self.severity),
                shown.get("about", ""),
                self.say.format_map(shown),
                self.do.format_map(shown),
            )


def clean(value: Any) -> str:
    """Return a value as text for a terminal: one line, nothing that steers it, and not endless."""
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    shown = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return shown if len(shown) <= WORDS else f"{shown[: WORDS - 3]}..."


def findings(host: str, seen: Seen, rules: Sequence[Rule], ignore: Collection[str] = ()) -> list[Finding]:
    """Return what is wrong with a host, the worst first. ``ignore`` has ids, or ``ID:ABOUT`` for one thing."""
    found = [one for rule in rules for one in rule.findings(host, seen)]
    kept = [one for one in found if one.id not in ignore and f"{one.id}:{one.about}" not in ignore]
    return sorted(kept, key=lambda one: (SEVERITIES.index(one.severity), one.id, one.about))


def counted(found: Iterable[Finding]) -> str:
    """Return how many of each severity there are, in words; nothing for none."""
    severities = [one.severity for one in found]
    counts = [(severities.count(severity), severity) for severity in SEVERITIES]
    return ", ".join(f"{count} {word}{'s' * (count > 1)}" for count, word in counts if count)


def reaches(found: Iterable[Finding], fail_on: str) -> bool:
    """Tell whether a finding is as bad as ``fail_on`` (error, warning or never)."""
    return any(one.severity == ERROR or fail_on == WARNING for one in found) if fail_on != "never" else False
