# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts from a CSV file in the form of Open WebUI's own import.

No message repeats a cell, because one that slipped into another column may be a password.
"""

from __future__ import annotations

import csv
import io
import sys
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from ..errors import Failure
from .problems import shortened
from .user_spec import Entry

COLUMNS = ("Name", "Email", "Password", "Role", "Groups")
SEPARATORS = (",", ";")
GROUP_SEPARATOR = ";"
FORM = "a first line with the columns Name, Email, Password, Role and, if wanted, Groups, separated by , or ;"

Row = Tuple[int, Optional[List[str]]]
"""The line where a row begins, and its cells; None where quotes do not fit together."""


def csv_entries(text: str, file: str) -> List[Entry]:
    """Return the accounts of a CSV text, which messages call ``file``; bad rows bear their problems.

    Raises Failure where the header does not tell what the columns are.
    """
    text = text.lstrip("\ufeff")
    # A cell may be as long as the file, and what is too long for a field is told by its name.
    csv.field_size_limit(sys.maxsize)
    rows = _rows(text, _separator(text))
    line, header = next(rows, (1, None))
    columns = _columns(header or [], f"line {line} of {file}")
    return [_entry(f"line {line} of {file}", columns, cells) for line, cells in rows]


def _separator(text: str) -> str:
    first = next((line for line in io.StringIO(text, newline="") if line.strip()), "")
    return max(SEPARATORS, key=first.count)


def _rows(text: str, separator: str) -> Iterator[Row]:
    """Yield the rows that are not empty; after one with a broken quote the next line is the next row."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells: Optional[List[str]] = next(reader)
        except StopIteration:
            return
        except csv.Error:
            cells = None
        if cells is None or any(cell.strip() for cell in cells):
            yield line, cells


def _columns(header: Sequence[str], where: str) -> List[str]:
    names = [cell.strip().lower() for cell in header]
    # A spreadsheet may end each row in empty cells.
    width = len(names)
    while names and not names[-1]:
        names.pop()
    known = [column.lower() for column in COLUMNS]
    # What looks like no header may be an account, and is not repeated.
    if "email" not in names:
        raise Failure(f"There is no column Email in {where}; begin with {FORM}.")
    unknown = [shortened(cell.strip()) for cell, name in zip(header, names) if name not in known]
    if unknown:
        raise Failure(
            f"Nobody knows the columns {', '.join(map(repr, unknown))} in {where}; remove them, or name them as one of "
            f"{', '.join(COLUMNS)}."
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Failure(f"The columns {', '.join(twice)} stand twice in {where}; keep one of each.")
    return names + [""] * (width - len(names))


def _entry(place: str, columns: Sequence[str], cells: Optional[Sequence[str]]) -> Entry:
    said: Dict[str, Any] = dict.fromkeys(
        ("email", "name", "password", "role", "groups", "profile_image_url", "update_password")
    )
    said["state"] = "present"
    problem = _misfit(columns, cells)
    if problem or cells is None:
        return Entry(place, said, (problem,), quotes=False)
    # A cell that is empty says nothing.
    given = {name: cell for name, cell in zip(columns, cells) if cell.strip() or (name == "password" and cell)}
    password = given.pop("password", None)
    if password is not None and password != password.strip():
        words = "password begins or ends with a blank, which may be the file's or the password's; drop it, or use users"
        return Entry(place, said, (words,), quotes=False)
    said.update({name: cell.strip() for name, cell in given.items()}, password=password)
    if said["role"]:
        said["role"] = said["role"].lower()
    if said["groups"]:
        said["groups"] = [name.strip() for name in said["groups"].split(GROUP_SEPARATOR) if name.strip()]
    return Entry(place, said, quotes=False)


def _misfit(columns: Sequence[str], cells: Optional[Sequence[str]]) -> str:
    if cells is None:
        return (
            "its quotes do not fit together, or it holds a NUL; put the whole cell into quotes, and write a quote "
            'within it as ""'
        )
    beyond = any(cell.strip() for name, cell in zip(columns, cells) if not name)
    if len(cells) == len(columns) and not beyond:
        return ""
    return (
        f"it has {len(cells)} cells where the first line has {len(columns)}; put a cell that holds the separator into "
        f"quotes, and leave no cell out"
    )
