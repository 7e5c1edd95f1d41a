# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record whether this run has written anything, so that a failure can report ``changed`` truthfully.

A module is one process and one run. Everything that writes (a session, a file, a kernel table) records it here, so no
resource must remember it in case a later request fails.
"""

from __future__ import annotations

import threading

_accepted = threading.Event()


def start() -> None:
    """Start a run: nothing is written yet."""
    _accepted.clear()


def accepted() -> None:
    """Record an accepted write. Any thread may call this."""
    _accepted.set()


def any_accepted() -> bool:
    """Tell whether a write was accepted since the run began."""
    return _accepted.is_set()
