# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for the server to read and embed what was uploaded."""

from __future__ import annotations

import threading
import time
from typing import Callable

from ..errors import Failure
from .client import Client

SHORTEST, LONGEST = 0.05, 1.0


class Processing:
    """The wait of one run. Its limit counts from the last time that any file moved on, so a long queue is no fault."""

    def __init__(self, client: Client, timeout: float) -> None:
        self._client = client
        self.timeout = timeout
        self._lock = threading.Lock()
        self._moved = time.monotonic()

    def moved(self) -> None:
        """Note that something moved on."""
        with self._lock:
            self._moved = time.monotonic()

    def until(self, done: Callable[[], bool]) -> bool:
        """Ask until it is done; False where nothing has moved for too long."""
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
        """Wait for a file; remove it and raise Failure where the server could not process it."""
        seen = ["pending"]

        def done() -> bool:
            what = f"ask how far the file {path} is"
            status = str(self._client.get_mapping(f"files/{file_id}/process/status", what).get("status"))
            if status != seen[-1]:
                seen.append(status)
                self.moved()
            return status in ("completed", "failed")

        ended = self.until(done)
        if ended and seen[-1] == "completed":
            return
        words = f"nothing moved for {self.timeout:g} seconds (process_timeout); give it more, or look into its log"
        if ended:
            words = self._words(file_id, path)
        self.remove(file_id, path)
        raise Failure(f"The file {path!r} could not be processed by Open WebUI at {self._client.url}: {words}.")

    def remove(self, file_id: str, path: str) -> None:
        """Remove a file that is in no base."""
        self._client.delete(f"files/{file_id}", f"remove the file {path}")

    def _words(self, file_id: str, path: str) -> str:
        record = self._client.get_mapping(f"files/{file_id}", f"read why the file {path} failed")
        words = " ".join(str((record.get("data") or {}).get("error") or "it gives no reason").split())
        hint = "name it in excludes" if "uplicate" in words or "empty" in words else "mend it, or name it in excludes"
        return f"{words.rstrip('.')}; {hint}"
