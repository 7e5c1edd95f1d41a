# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open WebUI's rate limit: with a second factor on it accepts a hundred calls below auths/ in 15 minutes."""

from __future__ import annotations

import threading
import time
from typing import Callable, Optional, TypeVar

from ...engine.errors import Failure
from ...http.session import HttpFailure

# All POST requests below auths/ from one IP address, while a second factor is on.
MAX_CALLS = 100
WINDOW_SECONDS = 900.0
# The server counts in whole minutes, so the window ends up to this much later than it reports.
BUCKET_SECONDS = 60.0
MFA_MESSAGE = "Too many attempts"
MAX_WAITS = 3

Answer = TypeVar("Answer")


class RateLimiter:
    """Makes the calls of all threads, and lets them wait while the server's limit is reached.

    ``clock`` and ``sleep`` are in seconds; ``has_waited`` tells whether any call had to wait.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock = clock
        self.sleep = sleep
        self.has_waited = False
        self._lock = threading.Lock()
        self._open_at = 0.0

    def call(self, make: Callable[[], Answer]) -> Answer:
        """Make a call, and repeat it after the wait that the server asks for; raise its Failure after MAX_WAITS."""
        for _try in range(MAX_WAITS):
            self._wait()
            try:
                return make()
            except Failure as failure:
                seconds = wait_of(failure)
                if seconds is None:
                    raise
                with self._lock:
                    self.has_waited = True
                    self._open_at = max(self._open_at, self._clock() + seconds + BUCKET_SECONDS)
        self._wait()
        return make()

    def _wait(self) -> None:
        while True:
            left = self._open_at - self._clock()
            if left <= 0:
                return
            self.sleep(left)


def http_failure(failure: Failure) -> Optional[HttpFailure]:
    """Return the server's answer that caused a Failure."""
    found = failure if isinstance(failure, HttpFailure) else failure.__cause__
    return found if isinstance(found, HttpFailure) else None


def wait_of(failure: Failure) -> Optional[float]:
    """Return the seconds until a server accepts such calls again; None if the failure is not its rate limit."""
    answer = http_failure(failure)
    if answer is None or answer.status != 429:
        return None
    if answer.retry_after is not None:
        return answer.retry_after
    return WINDOW_SECONDS if MFA_MESSAGE in answer.words else None


def pauses(calls: int) -> int:
    """Return how often this many calls have to wait for the next window."""
    return max(0, calls - 1) // MAX_CALLS
