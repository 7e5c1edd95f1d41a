# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lock for runs on this host, because the last writer wins on the server."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import Iterator, Optional

from ..api.token_cache import directory

MAX_WAIT_SECONDS = 60.0
POLL_SECONDS = 0.02


@contextlib.contextmanager
def alone_on_host(max_wait: float = MAX_WAIT_SECONDS) -> Iterator[bool]:
    """Wait until no other run of this user on this host writes; yield False if the lock cannot be had.

    It does not stop other hosts or people in a browser, so a run must read again what it wrote.
    """
    handle = _opened()
    if handle is None:
        yield False
        return
    try:
        yield _taken(handle, max_wait)
    finally:
        os.close(handle)


def _opened() -> Optional[int]:
    place = directory()
    if place is None:
        return None
    try:
        os.makedirs(place, mode=0o700, exist_ok=True)
        return os.open(os.path.join(place, "connections.lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError:
        return None


def _taken(handle: int, max_wait: float) -> bool:
    end = time.monotonic() + max_wait
    while not _is_free(handle):
        if time.monotonic() >= end:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _is_free(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
