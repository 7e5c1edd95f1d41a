# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for the server to read and embed the uploaded files."""

from __future__ import annotations

import threading
import time
from typing import Callable

from ...engine.errors import Failure
from ..api.client import Client

SHORTEST, LONGEST = 0.05, 1.0
ENDED = ("completed", "failed")
AT_WORK = ("pending", "processing")


class Unprocessed(Failure):
    """A file that the server could not process or take into the base.

    ``duplicate`` where the reason is that another file of the base has the same text.
    """

    def __init__(self, message: str, duplicate: bool = False) -> None:
        super().__init__(message)
        self.duplicate = duplicate


def is_duplicate(error: str) -> bool:
    """Tell whether an error means that another file of the base has the same text."""
    return "uplicate content" in error


class Processing:
    """The wait of one run. Its limit counts from the last progress of any file, so a long queue is not an error."""

    def __init__(self, client: Client, timeout: float) -> None:
        self._client = client
        self.timeout = timeout
        self._lock = threading.Lock()
        self._moved = time.monotonic()

    def moved(self) -> None:
        """Note that a file made progress."""
        with self._lock:
            self._moved = time.monotonic()

    def until(self, done: Callable[[], bool]) -> bool:
        """Poll until it is done; return False if no file made progress for too long."""
        self.moved()
        pause = SHORTEST
        while not done():
            if time.monotonic() - self._moved >= self.timeout:
                return False
            time.sleep(pause)
            pause = min(LONGEST, pause * 1.5)
        self.moved()
        return True

    def finish(self, file_id: str, path: str) -> None:
        """Wait for a file; raise Unprocessed if the server could not process it."""
        seen = ["pending"]

        def done() -> bool:
            what = f"ask how far the file {path} is"
            status = str(self._client.get_mapping(f"files/{file_id}/process/status", what).get("status"))
            if status != seen[-1]:
                seen.append(status)
                self.moved()
            return status in ENDED

        ended = self.until(done)
        if ended and seen[-1] == "completed":
            return
        reason = f"nothing moved for {self.timeout:g} seconds (process_timeout); give it more, or look into its log"
        duplicate = False
        if ended:
            record = self._client.get_mapping(f"files/{file_id}", f"read why the file {path} failed")
            reason = " ".join(str((record.get("data") or {}).get("error") or "it gives no reason").split())
            duplicate = is_duplicate(reason)
            hint = "name it in excludes" if duplicate or "empty" in reason else "mend it, or name it in excludes"
            reason = f"{reason.rstrip('.')}; {hint}"
        message = f"The file {path!r} could not be processed by Open WebUI at {self._client.url}: {reason}."
        raise Unprocessed(message, duplicate)

    def rest(self, file_id: str, path: str) -> None:
        """Wait until the server no longer processes a file that will be removed."""
        what = f"ask whether the file {path} is still being processed"

        def done() -> bool:
            # The server answers 404 for a file that another run removed meanwhile.
            answer = self._client.get(f"files/{file_id}/process/status", what, expect=(200, 404))
            return not isinstance(answer, dict) or answer.get("status") not in AT_WORK

        self.until(done)
