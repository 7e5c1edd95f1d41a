# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this run has written anything, so that a failure can report ``changed`` truthfully.

A module is one process and one run. Whatever writes (a session, a file, a table of the kernel) notes it here, so no
resource has to remember it for the case that a later call fails.
"""

from __future__ import annotations

import threading

_accepted = threading.Event()


def start() -> None:
    """Begin a run: nothing is written yet."""
    _accepted.clear()


def accepted() -> None:
    """Note that a write was accepted. Any thread may call this."""
    _accepted.set()


def any_accepted() -> bool:
    """Tell whether a write was accepted since the run began."""
    return _accepted.is_set()
