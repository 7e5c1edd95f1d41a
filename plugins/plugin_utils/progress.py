# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines that a person reads while models are pulled: what is said, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SHOWN_MODELS = 4
NAME_LENGTH = 80
RESUMED_BYTES = 50_000_000
# Seconds between two lines of a host, and how many more for each host that may be at work with it.
TERMINAL_SECONDS, TERMINAL_HOST_SECONDS = 5.0, 2.0
STATUS_SECONDS = 3.0
LOG_SECONDS, LOG_HOST_SECONDS = 30.0, 6.0

_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def number(value: Any) -> float:
    """Return a number that is fit to be shown; what a host sends may be anything."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0.0
    return float(value) if 0 <= value < 2**63 else 0.0


def name(value: Any) -> str:
    """Return a name without what could steer a terminal."""
    text = "".join(one if one.isprintable() else "?" for one in str(value))
    return text if len(text) <= NAME_LENGTH else f"{text[: NAME_LENGTH - 1]}…"


def size(count: float) -> str:
    """Return bytes as `ollama pull` shows them, with a thousand bytes to the kilobyte."""
    unit = 0
    while count >= 999.5 and unit < len(_UNITS) - 1:
        count, unit = count / 1000, unit + 1
    short = f"{count:.1f}" if unit and count < 9.95 else f"{count:.0f}"
    return f"{short} {_UNITS[unit]}"


def span(seconds: float) -> str:
    """Return a time in the one or two units that matter."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h {minutes % 60} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"


def share(completed: float, total: float) -> int:
    """Return whole percent, 100 only when all is there."""
    return int(min(100 * completed / total, 100 if completed >= total else 99)) if total > 0 else 0


def transfer(completed: float, total: float, rate: float) -> str:
    """Return share, amount, rate and time left; without a rate it says that nothing moves."""
    text = f"{share(completed, total)} %, {size(completed)} of {size(total)}"
    if completed >= total:
        return text
    if rate < 1:
        return f"{text}, waiting for data"
    return f"{text}, {size(rate)}/s, {span((total - completed) / rate)} left"


def model(state: Mapping[str, Any]) -> str:
    """Return what one model is at."""
    title, phase = name(state.get("name", "?")), state.get("phase")
    completed, total = number(state.get("completed")), number(state.get("total"))
    if phase == "pulls" and total:
        return f"{title} {transfer(completed, total, number(state.get('rate')))}"
    if phase == "checks":
        return f"{title} checking the files ({size(total)})"
    return f"{title} {'finishing' if phase == 'ends' else 'asking the registry'}"


def pulled(state: Mapping[str, Any]) -> str:
    """Return what is told once of a model that has come."""
    total, fetched, seconds = (number(state.get(key)) for key in ("total", "fetched", "seconds"))
    text = f"{name(state.get('name', '?'))} pulled, {size(total)} in {span(seconds)}"
    # The first word of a file comes when some of it has arrived already.
    resumed = total - fetched > max(total / 100, RESUMED_BYTES)
    return f"{text}, {size(fetched)} of it new" if resumed else text


def models_of(snapshot: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what a state from a host says of its models, as far as it says anything."""
    found = snapshot.get("models")
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, Sequence) else []


def status(snapshot: Mapping[str, Any], names: bool = True, room: int = 0) -> str:
    """Return what a host is at, in ``room`` characters if that can be (0: any number).

    Without ``names``, and where they need more room than there is, all models are told as one.
    """
    at_work = [one for one in models_of(snapshot) if one.get("phase") != "done"]
    if not at_work:
        steps, seconds = number(snapshot.get("steps")), number(snapshot.get("seconds"))
        return f"{steps:.0f} {'model' if steps == 1 else 'models'} to change, at work for {span(seconds)}"
    more = len(at_work) - SHOWN_MODELS
    texts = [model(one) for one in at_work[:SHOWN_MODELS]]
    text = "; ".join([*texts, *([f"and {more} more"] if more > 0 else [])])
    return text if names and (not room or len(text) <= room) else together(at_work)


def together(states: Sequence[Mapping[str, Any]]) -> str:
    """Return what several models are at, as one."""
    completed, total, rate = (sum(number(one.get(key)) for one in states) for key in ("completed", "total", "rate"))
    count = f"{len(states)} {'model' if len(states) == 1 else 'models'}"
    return f"{count} {transfer(completed, total, rate) if total else 'asking the registry'}"


@dataclass(frozen=True)
class Line:
    """One line. A ``passing`` one may be written over, ``logged`` ones go into a log file as well."""

    text: str
    passing: bool = False
    logged: bool = True


@dataclass(frozen=True)
class Pace:
    """Seconds between two lines of a host on the screen, and in a log; a ``width`` of 0 is any."""

    screen: float
    log: float
    in_place: bool = False
    width: int = 0


def pace(terminal: bool, alone_on_it: bool, hosts: int, width: int) -> Pace:
    """Return how often ``hosts`` that are at work at once are told of.

    ``alone_on_it`` says that nothing else is printed meanwhile, so that a line of up to ``width``
    characters can be refreshed in place.
    """
    log = max(LOG_SECONDS, LOG_HOST_SECONDS * hosts)
    if not terminal:
        return Pace(log, log)
    if alone_on_it and hosts == 1:
        return Pace(STATUS_SECONDS, log, in_place=True, width=width)
    return Pace(max(TERMINAL_SECONDS, TERMINAL_HOST_SECONDS * hosts), log)


@dataclass
class Reporter:
    """Decides what is said of one host's run, from its states."""

    label: str
    pace: Pace
    names: bool = True
    _done: set[str] = field(default_factory=set)
    _breaks: dict[str, float] = field(default_factory=dict)
    _shown: float | None = None
    _logged: float | None = None

    def lines(self, snapshot: Mapping[str, Any], now: float, ended: bool = False) -> Iterator[Line]:
        """Yield what is to be said at the moment ``now``, in seconds of any clock."""
        for text in self._events(snapshot):
            yield self.say(text)
        if not ended and _due(self._shown, self.pace.screen, now):
            logged = _due(self._logged, self.pace.log, now)
            self._shown = now
            self._logged = now if logged else self._logged
            room = max(1, self.pace.width - len(self.label) - 2) if self.pace.width else 0
            yield Line(f"{self.label}: {status(snapshot, self.names, room)}", passing=self.pace.in_place, logged=logged)

    def say(self, text: str) -> Line:
        """Return a line that is said once."""
        return Line(f"{self.label}: {text}")

    def _events(self, snapshot: Mapping[str, Any]) -> Iterator[str]:
        for one in models_of(snapshot):
            key = str(one.get("name"))
            title = f"{name(key)}: the" if self.names else "The"
            breaks = number(one.get("breaks"))
            if breaks > self._breaks.get(key, 0):
                self._breaks[key] = breaks
                yield f"{title} connection broke, trying again"
            if one.get("phase") == "done" and key not in self._done:
                self._done.add(key)
                yield pulled(one if self.names else {**one, "name": "a model"})


def _due(last: float | None, seconds: float, now: float) -> bool:
    return last is None or now - last >= seconds
