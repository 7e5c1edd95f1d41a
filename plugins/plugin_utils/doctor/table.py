# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as plain text for a terminal: hosts side by side, then each finding with its fix."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from ansible_collections.selfhosted.llm.plugins.module_utils.host.finding import SEVERITIES

from .findings import clean, counted
from .summary import HostReport, clean_aspects

MIN_COLUMN, MAX_COLUMN = 20, 36
GAP = "  "


def lines(reports: Sequence[HostReport], width: int) -> list[str]:
    """Return the report for a terminal with ``width`` columns."""
    return [*hosts(reports, width), *findings(reports, width), "", last_line(reports)]


def hosts(reports: Sequence[HostReport], width: int) -> Iterator[str]:
    """Return the table of the hosts, in blocks that fit the width."""
    rows = [(clean(one.name), clean_aspects(one)) for one in reports]
    names = list(dict.fromkeys(name for _host, its in rows for name in its))
    label = max(map(len, names), default=0)
    left = max(MIN_COLUMN, width - label)
    columns = max(1, min(len(rows), left // (MIN_COLUMN + len(GAP))))
    column = min(MAX_COLUMN, left // columns - len(GAP))
    for first in range(0, len(rows), columns):
        block = rows[first : first + columns]
        if first:
            yield ""
        yield from _row("", [[name] for name, _its in block], label, column)
        for name in names:
            cells = [its.get(name, []) for _host, its in block]
            if any(cells):
                yield from _row(name, cells, label, column)


def _row(name: str, cells: Sequence[Sequence[str]], label: int, column: int) -> Iterator[str]:
    wrapped = [[part for line in cell for part in _cell(line, column)] for cell in cells]
    for number, parts in enumerate(zip_longest(*wrapped, fillvalue="")):
        shown = [part.ljust(column) for part in parts]
        yield (("" if number else name).ljust(label) + GAP + GAP.join(shown)).rstrip()


def _cell(line: str, column: int) -> list[str]:
    return textwrap.wrap(line, column, subsequent_indent=" ", break_on_hyphens=False)


def findings(reports: Sequence[HostReport], width: int) -> Iterator[str]:
    """Return the findings, errors first; a finding of several hosts appears once."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for report in reports:
        for one in report.findings:
            found.setdefault((one.severity, one.id, one.message, one.fix), []).append(clean(report.name))
    for (severity, name, message, fix), names in sorted(found.items(), key=lambda one: SEVERITIES.index(one[0][0])):
        yield ""
        yield from _wrapped(f"{severity.upper()}  {name}  ({', '.join(names)})", "", width)
        yield from _wrapped(message, "  ", width)
        yield from _wrapped(fix, "  > ", width)


def _wrapped(text: str, indent: str, width: int) -> list[str]:
    # A command that breaks at a hyphen cannot be copied.
    return textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=indent,
        subsequent_indent=" " * len(indent) or "    ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def last_line(reports: Sequence[HostReport]) -> str:
    """Return the totals."""
    counts = counted(one for report in reports for one in report.findings)
    return f"{len(reports)} host{'s' * (len(reports) != 1)}: {counts or 'no findings'}."
