# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far pulls are, made of the lines that the server sends about them."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Callable, Deque, Dict, Mapping, Optional, Tuple

# Seconds that a rate is taken over: long enough to be steady, short enough to be true.
WINDOW = 10.0
_SAMPLE = 0.5

BEGINS, PULLS, CHECKS, ENDS, DONE = "begins", "pulls", "checks", "ends", "done"
_PHASES = (
    ("pulling manifest", BEGINS),
    ("pulling ", PULLS),
    ("verifying", CHECKS),
    ("writing manifest", ENDS),
    ("removing", ENDS),
    ("success", DONE),
)


def phase_of(status: Any, before: str) -> str:
    """Return the phase that a line's status names, or the one before where it names none."""
    text = str(status or "").lower()
    return next((phase for start, phase in _PHASES if text.startswith(start)), before)


def bytes_of(value: Any) -> int:
    """Return a count of bytes; what is none counts as 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    # Beyond this a number is no size, and infinity is no integer.
    return int(value) if 0 <= value < 2**63 else 0


def rate_of(marks: Any, fetched: int, now: float) -> float:
    """Return bytes a second since the oldest mark, (seconds, bytes fetched by then)."""
    if not marks:
        return 0.0
    since, before = marks[0]
    return max(0.0, (fetched - before) / (now - since)) if now > since else 0.0


@dataclass
class Pull:
    """One model's pull. ``fetched`` leaves out what was there before, ``breaks`` counts new attempts."""

    begun: float
    phase: str = BEGINS
    files: Dict[str, Tuple[int, int]] = field(default_factory=dict)
    fetched: int = 0
    breaks: int = 0
    ended: Optional[float] = None
    marks: Deque[Tuple[float, int]] = field(default_factory=deque)

    def note(self, line: Mapping[str, Any], now: float) -> None:
        """Take a line of the server, whatever is in it."""
        before = self.phase
        self.phase = phase_of(line.get("status"), before)
        if self.phase == BEGINS and before != BEGINS:
            self._break()
        if line.get("digest"):
            self._count(str(line["digest"]), bytes_of(line.get("completed")), bytes_of(line.get("total")))
        if self.phase == DONE and self.ended is None:
            self.ended = now
        self._mark(now)

    def _count(self, digest: str, completed: int, total: int) -> None:
        known = self.files.get(digest)
        if known is None:
            # What the first line has was there before, or came too quickly to matter.
            self.files[digest] = (completed, max(total, completed))
            return
        if completed < known[0]:
            self._break()
        self.fetched += max(0, completed - known[0])
        self.files[digest] = (completed, max(total, completed, known[1]))

    def _break(self) -> None:
        self.breaks += 1
        self.marks.clear()

    def _mark(self, now: float) -> None:
        if not self.marks or now - self.marks[-1][0] >= _SAMPLE:
            self.marks.append((now, self.fetched))
        self._trim(now)

    def _trim(self, now: float) -> None:
        while len(self.marks) > 1 and now - self.marks[1][0] >= WINDOW:
            self.marks.popleft()

    def shown(self, name: str, now: float) -> Dict[str, Any]:
        """Return the progress as a person reads it, in bytes and seconds."""
        self._trim(now)
        return {
            "name": name,
            "phase": self.phase,
            "completed": sum(completed for completed, dummy in self.files.values()),
            "total": sum(total for dummy, total in self.files.values()),
            "fetched": self.fetched,
            "rate": rate_of(self.marks, self.fetched, now) if self.phase == PULLS else 0.0,
            "breaks": self.breaks,
            "seconds": (self.ended if self.ended is not None else now) - self.begun,
        }


class Progress:
    """All pulls of a run. Threads may share it."""

    def __init__(self, steps: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._steps = steps
        self._clock = clock
        self._begun = clock()
        self._pulls: Dict[str, Pull] = {}
        self._lock = threading.Lock()

    def note(self, model: str, line: Mapping[str, Any]) -> None:
        """Take a line of the server about a model's pull."""
        now = self._clock()
        with self._lock:
            self._pulls.setdefault(model, Pull(now)).note(line, now)

    def snapshot(self) -> Dict[str, Any]:
        """Return how far all is, as JSON can carry it."""
        now = self._clock()
        with self._lock:
            models = [pull.shown(name, now) for name, pull in self._pulls.items()]
        return {"steps": self._steps, "seconds": now - self._begun, "models": models}
