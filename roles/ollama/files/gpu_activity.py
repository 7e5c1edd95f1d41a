"""Tell whether a server is answering, by what the kernel and the server show; it changes nothing.

A client that waits or reads holds a connection to the server's port, but so does an idle one that keeps its connection
for later. So of a server with connections it is asked as well whether its processes compute, whether bytes wait in a
connection, and whether a model's time to stay in memory moves, as it does at the end of each answer.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, Callable, Optional

import gpu_evidence as evidence

PORT = 11434
ESTABLISHED = "01"
QUIET_SECONDS, TRIES = 2.0, 3
# Of one core. An idle server takes less than 0.3 %; one that waits for its GPU keeps a core busy.
BUSY_SHARE = 0.02

Sleep = Callable[[float], None]


def answers(proc: Path, ask: evidence.Ask, sleep: Sleep, known: dict[str, Any]) -> bool:
    """Tell whether a server is answering; not where it was quiet once for QUIET_SECONDS.

    A health check or a short request may fall into one try, an answer lasts through all of them.
    """
    pid = int((known.get("State") or {}).get("Pid") or 0)
    return all(_answers(proc, pid, ask, sleep, evidence.url_of(known)) for _attempt in range(TRIES))


def _answers(proc: Path, pid: int, ask: evidence.Ask, sleep: Sleep, url: str) -> bool:
    before = connections(proc, pid)
    if before == (0, False):
        return False
    ticks, leaving = processor_ticks(proc, pid), _expiry(ask, url)
    sleep(QUIET_SECONDS)
    # Where one of the signs cannot be read, as of a process that has just ended, the others decide.
    used = (processor_ticks(proc, pid) or 0) - ticks if ticks is not None else 0
    waits = before is not None and before[1]
    # Less than before: a process has ended, so something went on.
    computes = used < 0 or used > BUSY_SHARE * QUIET_SECONDS * os.sysconf("SC_CLK_TCK")
    return waits or computes or _expiry(ask, url) != leaving


def connections(proc: Path, pid: int) -> Optional[tuple[int, bool]]:
    """Return how many clients are connected to the server, and whether bytes wait for one side; None if unreadable."""
    folder = proc / str(pid) / "net"
    lines: list[str] = []
    try:
        # A kernel without IPv6 has no tcp6.
        for path in (folder / "tcp", *folder.glob("tcp6")):
            lines += path.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return None
    fields = [line.split() for line in lines]
    mine = [one for one in fields if len(one) > 4 and one[3] == ESTABLISHED and _port(one[1]) == PORT]
    return len(mine), any(set(one[4]) - set("0:") for one in mine)


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def processor_ticks(proc: Path, pid: int) -> Optional[int]:
    """Return the processor time of all processes in the container, which share a PID namespace; None if unreadable."""
    try:
        namespace = (proc / str(pid) / "ns" / "pid").readlink()
    except OSError:
        return None
    total = 0
    for process in proc.glob("[0-9]*"):
        # One may end while it is read.
        with contextlib.suppress(OSError):
            if (process / "ns" / "pid").readlink() == namespace:
                # The name in parentheses may hold blanks.
                fields = (process / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
    return total


def _expiry(ask: evidence.Ask, url: str) -> dict[str, str]:
    return {str(model.get("name")): str(model.get("expires_at")) for model in evidence.loaded(ask, url)}
