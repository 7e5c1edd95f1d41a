# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a CSV text as spreadsheets write them.

Python's own reader accepts no blanks around quotes, and cannot find the next row after a broken quote.
"""

from __future__ import annotations

import re
from typing import Iterator, List, Optional, Pattern, Tuple

SEPARATORS = (",", ";", "\t", "|")
LINE_END = re.compile(r"\r\n|\r|\n")
# Excel writes and reads this line; it is not a row.
_SEPARATOR_LINE = re.compile(r'"?sep=([^\r\n"])"?[,;\t| ]*(\r\n|\r|\n|\Z)', re.IGNORECASE)

Row = Tuple[int, Optional[List[str]]]
"""The number of the line on which a row begins, and its cells; None if its quotes do not match."""


def named_separator(text: str) -> Tuple[str, int]:
    """Return the separator of a first line like `sep=;` (empty without one), and where the rows begin."""
    found = _SEPARATOR_LINE.match(text)
    return (found.group(1), found.end()) if found else ("", 0)


def rows(text: str, separator: str, start: int = 0) -> Iterator[Row]:
    """Yield the rows of a text from a position, without rows of blank cells.

    After a row whose quotes do not match, the next line is the next row.
    """
    cell, end = _cell(separator), start
    line = 1 + _line_ends(text, 0, start)
    while end < len(text):
        begin, number = end, line
        cells, end = _row(cell, text, begin)
        if cells is None:
            found = LINE_END.search(text, begin)
            end = found.end() if found else len(text)
        line += _line_ends(text, begin, end)
        if cells is None or any(each.strip() for each in cells):
            yield number, cells


def _row(cell: Pattern[str], text: str, start: int) -> Tuple[Optional[List[str]], int]:
    """Return the cells of the row that begins at a position, and where the next one begins."""
    cells: List[str] = []
    while True:
        found = cell.match(text, start)
        # The pattern also matches an empty text.
        quoted, plain, after = found.groups() if found else (None, "", "")
        if quoted is None and plain.lstrip().startswith('"'):
            return None, start
        cells.append(plain if quoted is None else quoted.replace('""', '"'))
        start = found.end() if found else len(text)
        if not after or after in ("\r\n", "\r", "\n"):
            return cells, start


def _cell(separator: str) -> Pattern[str]:
    """Return the pattern of one cell and its end; blanks around quotes do not count."""
    mark, blanks = re.escape(separator), " *" if separator == "\t" else "[ \t]*"
    ends = rf"({mark}|\r\n|\r|\n|\Z)"
    return re.compile(rf'(?:{blanks}"([^"]*(?:""[^"]*)*)"{blanks}|([^{mark}\r\n]*)){ends}')


def _line_ends(text: str, start: int, end: int) -> int:
    return sum(1 for dummy in LINE_END.finditer(text, start, end))
