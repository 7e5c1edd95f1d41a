# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run programs that may hang: with a time limit, and killed with their children."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Optional, Sequence

# Stop reading a program that prints endlessly.
LIMIT_BYTES = 4 * 1024 * 1024
WORDS = 120
# Time for a killed program to end. A program in state D (uninterruptible sleep) does not end; leave it.
GRACE_SECONDS = 1.0
# A child that outlives its parent keeps the pipes open.
LINGER_SECONDS = 0.2


@dataclass(frozen=True)
class Answer:
    """The output of a program. ``code`` is None if it was killed or could not be started."""

    code: Optional[int]
    out: str = ""
    err: str = ""
    hangs: bool = False

    def words(self) -> str:
        """Return the first line of its output, short and printable."""
        told = first_line(self.out) or first_line(self.err)
        return told or (f"it ended with {self.code}" if self.code else "it printed nothing")


def first_line(text: str, limit: int = WORDS) -> str:
    """Return the first line that is not empty, without control characters, cut to ``limit``."""
    for line in text.splitlines():
        shown = " ".join("".join(char if char.isprintable() else " " for char in line).split())
        if shown:
            return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."
    return ""


def run(words: Sequence[str], seconds: float) -> Answer:
    """Run a program for at most ``seconds``."""
    try:
        process = subprocess.Popen(  # noqa: S603 - callers give the path of the program, and no user input
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
            # Its own process group, so that its children are killed too.
            start_new_session=True,
        )
    except OSError as error:
        return Answer(None, err=error.strerror or str(error))
    end = time.monotonic() + seconds
    printed = _read(process, end)
    flood = sum(map(len, printed)) >= LIMIT_BYTES
    if not flood:
        # A program may close its pipes and continue.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, end - time.monotonic()))
    ended = process.poll() is not None
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    out, err = (text.decode("utf-8", "replace") for text in printed)
    return Answer(process.returncode if ended else None, out, err, hangs=not ended and not flood)


def _read(process: subprocess.Popen[bytes], end: float) -> list[bytes]:
    """Return the output until both pipes are closed, the program has ended, the limit is reached, or time is up."""
    printed = [b"", b""]
    with selectors.DefaultSelector() as selector:
        for place, pipe in enumerate((process.stdout, process.stderr)):
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, place)
        while selector.get_map() and sum(map(len, printed)) < LIMIT_BYTES:
            gone = process.poll() is not None
            left = min(end - time.monotonic(), LINGER_SECONDS)
            if left <= 0:
                break
            ready = selector.select(left)
            if gone and not ready:
                break
            for key, _events in ready:
                chunk = os.read(key.fd, 65536)
                printed[key.data] += chunk
                if not chunk:
                    selector.unregister(key.fileobj)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    return printed
