# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads that belong to no base: left behind by a dead run, or still in use by another run."""

from __future__ import annotations

import hashlib
import os
import time
from typing import Any, Callable, Mapping, Optional, Tuple

STALE_SECONDS = 3600.0
UNKNOWN = "unknown"


def this_run() -> str:
    """Return the mark of this run: its host and user, its process id and the start time of the process."""
    return f"{_place()}:{os.getpid()}:{_began(os.getpid()) or 0}"


def is_abandoned(record: Mapping[str, Any], patience: float, now: Callable[[], float] = time.time) -> bool:
    """Tell whether no run works on an upload any more.

    A run of this user on this host can be looked up among the processes. Any other counts as at work until its upload
    has rested for an hour, or for ``patience`` seconds where that is longer.
    """
    mark = str(((record.get("meta") or {}).get("data") or {}).get("run") or "")
    dead = _is_dead(mark)
    if dead is not None:
        return dead
    moved = max(record.get("created_at") or 0, record.get("updated_at") or 0)
    return bool(now() - moved >= max(STALE_SECONDS, patience))


def _is_dead(mark: str) -> Optional[bool]:
    """Return None for a run that this host cannot check."""
    place, _dummy, process = mark.partition(":")
    pid, _dummy, began = process.partition(":")
    if place in ("", UNKNOWN) or place != _place() or not pid.isdecimal() or not began.isdecimal() or began == "0":
        return None
    return _began(int(pid)) != int(began)


def _place() -> str:
    """Return one word for this host since its start, this space of process numbers and this user.

    Other users are left out because a host may hide their processes (hidepid).
    """
    parts: Tuple[str, ...] = (str(os.geteuid()),)
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            parts += (file.read().strip(), os.readlink("/proc/self/ns/pid"))
    except OSError:
        return UNKNOWN
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


def _began(pid: int) -> Optional[int]:
    """Return when a process started, in clock ticks since boot, or None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    # proc(5): starttime is field 22, and the name, which may hold blanks, is field 2. A zombie is dead (state Z).
    return None if fields[0] in "ZX" else int(fields[19])
