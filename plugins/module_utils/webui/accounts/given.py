# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts that a task gives: by a list, and by a CSV file that was read on the controller."""

from __future__ import annotations

from typing import Any, Callable, List, Mapping, Optional, Sequence

from ...engine.errors import Failure
from .spec import Entry, listed_entries


def given_entries(
    users: Sequence[Mapping[str, Any]],
    path: Optional[str],
    content: Optional[str],
    warn: Callable[[str], None],
    *,
    option: str,
    module: str,
) -> List[Entry]:
    """Return the entries of a list and of a CSV file; raise Failure for a file that nobody has read.

    ``option`` is the one of the path; the one of the file's text is named after it.
    """
    entries = listed_entries(users)
    if content is not None:
        # A host compiles a module anew for each task, and few tasks have a file.
        from .csv_file import csv_entries

        return entries + csv_entries(content, (path or f"{option}_content").rsplit("/", 1)[-1], warn)
    if path is not None:
        raise Failure(
            f"{option} was not read, which this module's action does on the controller; call the module as "
            f"selfhosted.llm.{module}, or give {option}_content."
        )
    return entries
