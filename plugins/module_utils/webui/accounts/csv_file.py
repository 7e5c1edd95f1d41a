# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts from a CSV file: Open WebUI's own format, and those of spreadsheets and other systems.

No message repeats a cell, because a misplaced one may be a password.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from ...engine.entries import shortened
from ...engine.errors import Failure
from .csv_columns import FIELDS, Columns, columns_of, refuse_unclear
from .csv_rows import SEPARATORS, Row, named_separator, rows
from .spec import Entry

GROUP_SEPARATOR = ";"
FORM = (
    "a first line with the columns Name, Email, Password, Role and, if wanted, Groups, separated by commas, "
    "semicolons, tabs or |"
)
# A spreadsheet may have a title or a version above the header.
MAX_LINES_ABOVE = 10
MAX_COLUMNS_NAMED = 10


def csv_entries(text: str, file: str, warn: Callable[[str], None] = lambda message: None) -> List[Entry]:
    """Return the accounts of a CSV text, which messages call ``file``; invalid rows have ``problems``.

    ``warn`` is called with a sentence about unused columns. Raises Failure if the header is missing or unclear.
    """
    text = text.lstrip("\ufeff")
    separator, start = named_separator(text)
    found = [_table(text, each, start) for each in ([separator] if separator else SEPARATORS)]
    columns, below, line = max(found, key=lambda table: len(table[0].places) if table[0] else 0)
    where = f"line {line} of {file}"
    if columns is None:
        # A line that is not a header may be an account; do not repeat it.
        raise Failure(f"There is no column Email in {where}; begin the file with {FORM}.")
    refuse_unclear(columns, where)
    entries = [_entry(f"line {number} of {file}", columns, cells) for number, cells in below]
    _warn_of_unused(columns, where, warn)
    return entries


def _table(text: str, separator: str, start: int) -> Tuple[Optional[Columns], List[Row], int]:
    """Return the columns, the rows below the header, and its line; no columns with the wrong separator."""
    table = rows(text, separator, start)
    above = list(islice(table, MAX_LINES_ABOVE))
    for place, (line, cells) in enumerate(above):
        columns = columns_of(cells or ())
        if columns:
            return columns, [*above[place + 1 :], *table], line
    return None, [], above[0][0] if above else 1


def _warn_of_unused(columns: Columns, where: str, warn: Callable[[str], None]) -> None:
    if not columns.unused:
        return
    named = ", ".join(repr(shortened(name)) for name in columns.unused[:MAX_COLUMNS_NAMED])
    more = len(columns.unused) - MAX_COLUMNS_NAMED
    warn(
        f"The columns {named}{f' and {more} more' if more > 0 else ''} in {where} are not used. "
        f"Known columns are {', '.join(name.capitalize() for name in FIELDS)}."
    )


def _entry(place: str, columns: Columns, cells: Optional[Sequence[str]]) -> Entry:
    options: Dict[str, Any] = dict.fromkeys(
        ("email", "name", "password", "role", "groups", "profile_image_url", "update_password")
    )
    options["state"] = "present"
    headers = {name: columns.header(name) for name in FIELDS}
    problem = _misfit(columns, cells)
    if problem or cells is None:
        return Entry(place, options, (problem,), quotes=False)
    # An empty cell sets nothing.
    options.update({name: cell for name, cell in columns.cells(cells).items() if cell})
    options["password"] = _cell(columns, cells, "password") or None
    problem = _password_problem(options["password"])
    if problem:
        return Entry(place, options, (f"column {headers['password']} {problem}",), quotes=False)
    if options["role"]:
        options["role"] = options["role"].lower()
    if options["groups"]:
        options["groups"] = [name.strip() for name in options["groups"].split(GROUP_SEPARATOR) if name.strip()]
    return Entry(place, options, quotes=False, columns=headers)


def _cell(columns: Columns, cells: Sequence[str], name: str) -> str:
    place = columns.places.get(name, len(cells))
    return cells[place] if place < len(cells) else ""


def _password_problem(password: Optional[str]) -> str:
    if password is None:
        return ""
    if password != password.strip():
        return "begins or ends with a blank, which may be part of the file or of the password; remove it, or use users"
    if not password.strip("*"):
        return "has only stars, which exports write instead of passwords; leave it empty, or set a password"
    return ""


def _misfit(columns: Columns, cells: Optional[Sequence[str]]) -> str:
    if cells is None:
        return 'its quotes do not match; put the whole cell into quotes, and write a quote within it as ""'
    width = len(columns.headers)
    beyond = any(cell.strip() for cell in cells[width:])
    nameless = any(cell.strip() for header, cell in zip(columns.headers, cells) if not header)
    # Spreadsheets leave out or add empty cells at the end of a row. If another cell is missing or added, the column of
    # the e-mail address has something else.
    shifted = len(cells) != width and "@" not in _cell(columns, cells, "email")
    if not (beyond or nameless or shifted):
        return ""
    return (
        f"it has {len(cells)} cells, but the header has {len([name for name in columns.headers if name])}; put a cell "
        f"that contains the separator into quotes, and leave no cell out"
    )
