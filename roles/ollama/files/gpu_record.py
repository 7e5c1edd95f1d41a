"""Keep what the GPU watch remembers of each container, so that its limits outlive reboots and its own restarts."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import Any, Callable, Iterator

HOUR, DAY = 3600.0, 86400.0
STARTS_AN_HOUR, STARTS_A_DAY = 3, 12
FIRST_PAUSE, LONGEST_PAUSE = 300.0, DAY
# The kinds of a loss: NVML fails in the container, a device file is gone or may not be opened, the server found no GPU
# at its start, a model that was loaded as a probe went to memory.
NVML, NODE, START, PROBE = "nvml", "node", "start", "probe"
# A kind of loss that was not seen for so long starts with a short pause again. A probe is rare, so its absence tells
# little.
FORGOTTEN_AFTER = {NVML: HOUR / 2, NODE: HOUR / 2, START: HOUR / 2, PROBE: 7 * DAY}
MAX_MODELS = 8


class Record:
    """What is remembered of one container. It is kept as JSON, so any value may have been damaged by hand."""

    def __init__(self, kept: dict[str, Any]) -> None:
        self.kept = kept

    def starts(self, now: float, seconds: float = HOUR) -> list[float]:
        """Return when the watch started the container in the last ``seconds``."""
        return [then for then in _numbers(self.kept.get("starts")) if 0 <= now - then < seconds]

    def count(self, now: float) -> None:
        self.kept["starts"] = [*self.starts(now, DAY), now]

    def full(self, now: float) -> bool:
        """Tell whether another start would be over the limits."""
        return len(self.starts(now)) >= STARTS_AN_HOUR or len(self.starts(now, DAY)) >= STARTS_A_DAY

    def futile(self, kind: str, now: float) -> int:
        """Return how often in a row a start did not help against this kind of loss."""
        count, _after, seen = self._futile(kind)
        return 0 if now - seen > FORGOTTEN_AFTER[kind] else int(count)

    def next_try(self, kind: str, now: float) -> float:
        """Return when the container may be started again."""
        free = 0.0
        for seconds, most in ((HOUR, STARTS_AN_HOUR), (DAY, STARTS_A_DAY)):
            starts = self.starts(now, seconds)
            free = max(free, starts[-most] + seconds if len(starts) >= most else 0.0)
        after = self._futile(kind)[1] if self.futile(kind, now) else 0.0
        # A clock that was set back must not make a pause of years.
        return max(free, after if after - now <= LONGEST_PAUSE else 0.0)

    def saw(self, kind: str, now: float) -> None:
        """Note that this kind of loss is still there, so that what did not help is not forgotten."""
        count, after, seen = self._futile(kind)
        # Once a minute is enough for the disk.
        if self.futile(kind, now) and now - seen > 60:
            self.kept["futile"][kind] = [count, after, now]

    def tried(self, kind: str, now: float, *, helped: bool) -> None:
        """Note whether a start helped."""
        futile = self.kept.setdefault("futile", {})
        if helped:
            futile.pop(kind, None)
            return
        count = self.futile(kind, now) + 1
        pause = min(FIRST_PAUSE * 4.0 ** min(count - 1, 8), LONGEST_PAUSE)
        futile[kind] = [count, now + pause, now]

    def news(self, message: str) -> bool:
        """Tell whether this differs from the last message."""
        new = self.kept.get("said") != message
        self.kept["said"] = message
        return new

    def until(self, name: str, now: float) -> bool:
        """Tell whether a pause that `pause` began still lasts."""
        end = next(iter(_numbers([self.kept.get(name)])), 0.0)
        return now < end <= now + LONGEST_PAUSE

    def pause(self, name: str, end: float) -> None:
        self.kept[name] = end

    def same(self, name: str, value: Any) -> bool:
        """Tell whether the look before this one noted the same."""
        before = self.kept.get(name)
        self.kept[name] = value
        return bool(before == value)

    def forget(self, *names: str) -> None:
        for name in names:
            self.kept.pop(name, None)

    @property
    def on_gpu(self) -> list[str]:
        """Return models that were seen on a GPU of this container."""
        kept = self.kept.get("on_gpu")
        return [name for name in kept if isinstance(name, str)] if isinstance(kept, list) else []

    def add_on_gpu(self, names: list[str]) -> None:
        new = [name for name in names if name not in self.on_gpu]
        if new:
            self.kept["on_gpu"] = [*self.on_gpu, *new][-MAX_MODELS:]

    def _futile(self, kind: str) -> tuple[float, float, float]:
        kept = self.kept.get("futile")
        if not isinstance(kept, dict):
            self.forget("futile")
            return 0.0, 0.0, 0.0
        found = _numbers(kept.get(kind))
        return (found[0], found[1], found[2]) if len(found) == 3 else (0.0, 0.0, 0.0)


def _numbers(value: Any) -> list[float]:
    return [float(one) for one in value if isinstance(one, (int, float))] if isinstance(value, list) else []


@contextlib.contextmanager
def remembered(folder: Path) -> Iterator[tuple[dict[str, Any], Callable[[], None]]]:
    """Give what was written down, and how to write it down. One watch at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "gpu-watch.json"
    with (folder / "gpu-watch.running").open("w") as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        try:
            before = path.read_text(encoding="utf-8")
            kept = {name: its for name, its in dict(json.loads(before)).items() if isinstance(its, dict)}
        except (OSError, ValueError, TypeError):
            before, kept = "{}", {}

        def save() -> None:
            nonlocal before
            text = json.dumps({name: its for name, its in kept.items() if its}, sort_keys=True)
            if text != before:
                _write(path, text)
                before = text

        yield kept, save
        save()


def _write(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        # An empty file after a power cut would lift every limit.
        os.fsync(file.fileno())
    new.replace(path)
