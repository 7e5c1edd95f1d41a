# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that Open WebUI counts: with a second factor on it takes a hundred below auths/ in 15 minutes."""

from __future__ import annotations

import threading
import time
from typing import Callable, Optional, TypeVar

from ...engine.errors import Failure
from ...http.session import HttpFailure

# Of all addresses below auths/ that are posted to from one IP address, while a second factor is on.
MOST_CALLS = 100
WINDOW_SECONDS = 900.0
# The server counts by the minute, so that the window ends up to that much later than it says.
BUCKET_SECONDS = 60.0
MFA_WORDS = "Too many attempts"
MOST_WAITS = 3

Answer = TypeVar("Answer")


class Gate:
    """Lets the calls of all threads through, and none while the server takes no more.

    ``clock`` and ``sleep`` are in seconds; ``held`` tells whether any call had to wait.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock = clock
        self.sleep = sleep
        self.held = False
        self._lock = threading.Lock()
        self._opens = 0.0

    def call(self, make: Callable[[], Answer]) -> Answer:
        """Make a call, again after a wait where the server says how long; raise its Failure after a few of them."""
        for _wait in range(MOST_WAITS):
            self._pass()
            try:
                return make()
            except Failure as failure:
                seconds = wait_of(failure)
                if seconds is None:
                    raise
                with self._lock:
                    self.held = True
                    self._opens = max(self._opens, self._clock() + seconds + BUCKET_SECONDS)
        self._pass()
        return make()

    def _pass(self) -> None:
        while True:
            left = self._opens - self._clock()
            if left <= 0:
                return
            self.sleep(left)


def http_failure(failure: Failure) -> Optional[HttpFailure]:
    """Return what the server answered, behind the sentence that a person is told."""
    found = failure if isinstance(failure, HttpFailure) else failure.__cause__
    return found if isinstance(found, HttpFailure) else None


def wait_of(failure: Failure) -> Optional[float]:
    """Return for how many seconds a server takes no more of such calls; None where it does not say so."""
    answer = http_failure(failure)
    if answer is None or answer.status != 429:
        return None
    if answer.retry_after is not None:
        return answer.retry_after
    return WINDOW_SECONDS if MFA_WORDS in answer.words else None


def pauses(calls: int) -> int:
    """Return how often so many calls have to wait for the next window."""
    return max(0, calls - 1) // MOST_CALLS
