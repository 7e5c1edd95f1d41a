# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error type of the collection."""

from __future__ import annotations

import traceback
from typing import Any, Optional


class Failure(Exception):
    """Something a person must be told, in one sentence that says what to do.

    ``message`` is shown as it is; ``details`` become further keys of the failed
    result. Neither may hold a secret.
    """

    unclear = False
    """Whether a write may have been done although it failed: its answer was lost."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class MissingLibrary(Failure):
    """A Python library that the host lacks; ``package`` is the distribution's name for it."""

    def __init__(self, library: str, package: str) -> None:
        super().__init__(
            f"The Python library {library} is missing on this host; install the package {package} "
            f"(the roles of selfhosted.llm do so)."
        )
        self.library = library


def is_unclear(error: BaseException) -> bool:
    """Tell whether the write that failed with this error, or with what is below it, may have been done."""
    seen: list[BaseException] = []
    below: Optional[BaseException] = error
    # An error that is raised again while another is handled may be its own context.
    while below is not None and not any(below is one for one in seen):
        if isinstance(below, Failure) and below.unclear:
            return True
        seen.append(below)
        below = below.__cause__ or below.__context__
    return False


def as_failure(error: Exception) -> Failure:
    """Return an error as one that a person can be told; one that nobody foresaw names its place in the code."""
    if isinstance(error, Failure):
        return error
    where = traceback.extract_tb(error.__traceback__)[-1]
    return Failure(
        f"selfhosted.llm met a case that it does not know ({type(error).__name__}: {error}), "
        f"in {where.name}, line {where.lineno}; please report it with the task's options."
    )
