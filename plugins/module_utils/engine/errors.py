# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error type of the collection."""

from __future__ import annotations

import traceback
from typing import Any, Optional


class Failure(Exception):
    """An error for the user: one sentence that says what is wrong and what to do.

    ``message`` is shown unchanged; ``details`` become further keys of the failed result. Neither may contain a secret.
    """

    unclear = False
    """Whether a write may have been done although it failed: its answer was lost."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class MissingLibrary(Failure):
    """A Python library is missing on the host; ``package`` is the distribution's package for it."""

    def __init__(self, library: str, package: str) -> None:
        super().__init__(
            f"The Python library {library} is missing on this host; install the package {package} "
            f"(the roles of selfhosted.llm install it)."
        )
        self.library = library


def is_unclear(error: BaseException) -> bool:
    """Tell whether the write that failed with this error, or with one of its causes, may have been done."""
    seen: list[BaseException] = []
    cause: Optional[BaseException] = error
    # An error that is raised again while another is handled may be its own context.
    while cause is not None and not any(cause is one for one in seen):
        if isinstance(cause, Failure) and cause.unclear:
            return True
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__
    return False


def as_failure(error: Exception) -> Failure:
    """Return an error as a Failure; an unexpected one names its place in the code."""
    if isinstance(error, Failure):
        return error
    where = traceback.extract_tb(error.__traceback__)[-1]
    return Failure(
        f"Internal error in selfhosted.llm ({type(error).__name__}: {error}) in {where.name}, line {where.lineno}; "
        f"please report it with the options of the task."
    )
