# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as plain text for a terminal: hosts side by side, then each finding with its way out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from .findings import SEVERITIES, clean, counted
from .summary import Patient, clean_aspects

NARROWEST, WIDEST = 20, 36
GAP = "  "


def lines(patients: Sequence[Patient], width: int) -> list[str]:
    """Return the report for a terminal of so many columns."""
    return [*hosts(patients, width), *findings(patients, width), "", last_line(patients)]


def hosts(patients: Sequence[Patient], width: int) -> Iterator[str]:
    """Return the table, in as many blocks as the hosts need."""
    told = [(clean(one.name), clean_aspects(one)) for one in patients]
    names = list(dict.fromkeys(name for _host, its in told for name in its))
    label = max(map(len, names), default=0)
    room = max(NARROWEST, width - label)
    columns = max(1, min(len(told), room // (NARROWEST + len(GAP))))
    column = min(WIDEST, room // columns - len(GAP))
    for first in range(0, len(told), columns):
        block = told[first : first + columns]
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


def findings(patients: Sequence[Patient], width: int) -> Iterator[str]:
    """Return the findings, the worst first; what several hosts have stands once."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for patient in patients:
        for one in patient.findings:
            found.setdefault((one.severity, one.id, one.say, one.do), []).append(clean(patient.name))
    for (severity, name, say, do), names in sorted(found.items(), key=lambda one: SEVERITIES.index(one[0][0])):
        yield ""
        yield from _wrapped(f"{severity.upper()}  {name}  ({', '.join(names)})", "", width)
        yield from _wrapped(say, "  ", width)
        yield from _wrapped(do, "  > ", width)


def _wrapped(text: str, indent: str, width: int) -> list[str]:
    # A command that is broken at a hyphen cannot be copied.
    return textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=indent,
        subsequent_indent=" " * len(indent) or "    ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def last_line(patients: Sequence[Patient]) -> str:
    """Return the sum."""
    counts = counted(one for patient in patients for one in patient.findings)
    return f"{len(patients)} host{'s' * (len(patients) != 1)}: {counts or 'nothing is wrong'}."
