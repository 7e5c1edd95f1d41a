# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts of a task: a list, and a CSV file that was read on the controller."""

from __future__ import annotations

from typing import Any, Callable, List, Mapping, Optional, Sequence

from ...engine.errors import Failure
from .spec import Entry, listed_entries


def read_accounts(
    users: Sequence[Mapping[str, Any]],
    path: Optional[str],
    content: Optional[str],
    warn: Callable[[str], None],
    *,
    option: str,
    module: str,
) -> List[Entry]:
    """Return the entries of a list and of a CSV file; raise Failure for a file that the controller did not read.

    ``option`` is the name of the option for the path; the option for the content is named after it.
    """
    entries = listed_entries(users)
    if content is not None:
        # A host compiles a module again for each task, and few tasks have a file.
        from .csv_file import csv_entries

        return entries + csv_entries(content, (path or f"{option}_content").rsplit("/", 1)[-1], warn)
    if path is not None:
        raise Failure(
            f"{option} was not read on the controller, because the module was not called by its full name; call it as "
            f"selfhosted.llm.{module}, or set {option}_content."
        )
    return entries
