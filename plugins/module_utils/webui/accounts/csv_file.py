# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts from a CSV text: Open WebUI's own form, and what spreadsheets and other systems write.

No message repeats a cell, because one that slipped into another column may be a password.
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
# A spreadsheet may have a title, or a version of its own, above the header.
MOST_LINES_ABOVE = 10
MAX_COLUMNS_TOLD = 10


def csv_entries(text: str, file: str, warn: Callable[[str], None] = lambda words: None) -> List[Entry]:
    """Return the accounts of a CSV text, which messages call ``file``; bad rows bear their problems.

    ``warn`` is told the columns that are not used. Raises Failure if the header does not say what the columns are.
    """
    text = text.lstrip("\ufeff")
    separator, start = named_separator(text)
    found = [_table(text, each, start) for each in ([separator] if separator else SEPARATORS)]
    columns, below, line = max(found, key=lambda table: len(table[0].places) if table[0] else 0)
    where = f"line {line} of {file}"
    if columns is None:
        # What looks like no header may be an account, and is not repeated.
        raise Failure(f"There is no column Email in {where}; begin with {FORM}.")
    refuse_unclear(columns, where)
    entries = [_entry(f"line {number} of {file}", columns, cells) for number, cells in below]
    _tell_unused(columns, where, warn)
    return entries


def _table(text: str, separator: str, start: int) -> Tuple[Optional[Columns], List[Row], int]:
    """Return the columns, the rows below the header, and its line; no columns if this is not the separator."""
    table = rows(text, separator, start)
    above = list(islice(table, MOST_LINES_ABOVE))
    for place, (line, cells) in enumerate(above):
        columns = columns_of(cells or ())
        if columns:
            return columns, [*above[place + 1 :], *table], line
    return None, [], above[0][0] if above else 1


def _tell_unused(columns: Columns, where: str, warn: Callable[[str], None]) -> None:
    if not columns.unused:
        return
    told = ", ".join(repr(shortened(name)) for name in columns.unused[:MAX_COLUMNS_TOLD])
    more = len(columns.unused) - MAX_COLUMNS_TOLD
    warn(
        f"The columns {told}{f' and {more} more' if more > 0 else ''} in {where} are not used. "
        f"Known columns are {', '.join(name.capitalize() for name in FIELDS)}."
    )


def _entry(place: str, columns: Columns, cells: Optional[Sequence[str]]) -> Entry:
    said: Dict[str, Any] = dict.fromkeys(
        ("email", "name", "password", "role", "groups", "profile_image_url", "update_password")
    )
    said["state"] = "present"
    headers = {name: columns.header(name) for name in FIELDS}
    problem = _misfit(columns, cells)
    if problem or cells is None:
        return Entry(place, said, (problem,), quotes=False)
    # A cell that is empty says nothing.
    said.update({name: cell for name, cell in columns.cells(cells).items() if cell})
    said["password"] = _cell(columns, cells, "password") or None
    problem = _password_problem(said["password"])
    if problem:
        return Entry(place, said, (f"column {headers['password']} {problem}",), quotes=False)
    if said["role"]:
        said["role"] = said["role"].lower()
    if said["groups"]:
        said["groups"] = [name.strip() for name in said["groups"].split(GROUP_SEPARATOR) if name.strip()]
    return Entry(place, said, quotes=False, columns=headers)


def _cell(columns: Columns, cells: Sequence[str], name: str) -> str:
    place = columns.places.get(name, len(cells))
    return cells[place] if place < len(cells) else ""


def _password_problem(password: Optional[str]) -> str:
    if password is None:
        return ""
    if password != password.strip():
        return "begins or ends with a blank, which may be the file's or the password's; drop it, or use users"
    if not password.strip("*"):
        return "has only stars, which exports write in place of passwords; leave it empty, or give a password"
    return ""


def _misfit(columns: Columns, cells: Optional[Sequence[str]]) -> str:
    if cells is None:
        return 'its quotes do not fit together; put the whole cell into quotes, and write a quote within it as ""'
    width = len(columns.headers)
    beyond = any(cell.strip() for cell in cells[width:])
    nameless = any(cell.strip() for header, cell in zip(columns.headers, cells) if not header)
    # Spreadsheets leave out empty cells at the end of a row, or add some. If another cell is missing or too many, what
    # stands in the column of the e-mail is none.
    shifted = len(cells) != width and "@" not in _cell(columns, cells, "email")
    if not (beyond or nameless or shifted):
        return ""
    return (
        f"it has {len(cells)} cells where the header has {len([name for name in columns.headers if name])}; put a cell "
        f"that holds the separator into quotes, and leave no cell out"
    )
