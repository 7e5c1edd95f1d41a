# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many questions at once, of which each may hang."""

from __future__ import annotations

import queue
import threading
import time
from typing import Any, Callable, List, Sequence, Tuple, TypeVar

Found = TypeVar("Found")
MOST_AT_ONCE = 16


def at_once(jobs: Sequence[Callable[[], Found]], seconds: float, late: Any, most: int = MOST_AT_ONCE) -> List[Any]:
    """Return what each job returns or raises, and ``late`` for those that have not ended after ``seconds``.

    ``most`` run at the same time. What hangs, such as a look-up of a name, knows no time limit, so nobody waits for the
    threads.
    """
    waiting: queue.SimpleQueue[Tuple[int, Callable[[], Found]]] = queue.SimpleQueue()
    done: queue.SimpleQueue[Tuple[int, Any]] = queue.SimpleQueue()
    for entry in enumerate(jobs):
        waiting.put(entry)

    def work() -> None:
        while True:
            try:
                number, job = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((number, job()))
            except Exception as error:  # noqa: BLE001 - told to whoever asked, who goes on with the others
                done.put((number, error))

    for _number in range(min(most, len(jobs))):
        threading.Thread(target=work, daemon=True).start()
    found = [late] * len(jobs)
    end = time.monotonic() + seconds
    for _job in jobs:
        try:
            number, result = done.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        found[number] = result
    return found
