# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the entries of a task, all of it in one Failure before the first write."""

from __future__ import annotations

from typing import Iterable, List, Sequence

from ...engine.converge import Wish
from ...engine.errors import Failure

LONGEST_NAME = 80
# How much of what is wrong one message tells; all of it is under `problems`.
MOST_WORDS, MOST_VALUE = 700, 200


class Problems:
    """Problems of one object, or where ``listed`` of the entries of a list."""

    def __init__(self, kind: str, listed: bool) -> None:
        self._kind = kind
        self._listed = listed
        self._found: List[str] = []
        self._entries = 0

    def add(self, number: int, name: str, problems: Iterable[str]) -> None:
        """Note what is wrong with an entry, by its number from 1 and its name; raise a Failure where it is no list."""
        found = [shortened(problem) for problem in problems]
        self._entries += bool(found)
        title = legible(name, LONGEST_NAME)
        where = f"entry {number} ({title}): " if self._listed else ""
        self._found += [where + problem for problem in found]
        if found and not self._listed:
            raise refused(f"The {self._kind} {title} cannot be as wanted: ", self._found)

    def refuse(self, of: int) -> None:
        """Raise a Failure where something is wrong with one of so many entries."""
        if self._found:
            words = f"Nothing was changed, because {self._entries} of {of} {self._kind}s cannot be as wanted: "
            raise refused(words, self._found)


def refused(words: str, problems: Sequence[str]) -> Failure:
    """Return the Failure for problems; its message tells as many as it bears, and all are under ``problems``."""
    shown, length = 0, 0
    while shown < len(problems) and (not shown or length + len(problems[shown]) <= MOST_WORDS):
        length += len(problems[shown])
        shown += 1
    more = len(problems) - shown
    rest = f"; and {more} more, which problems lists" if more else ""
    return Failure(
        sentence(words + "; ".join(problems[:shown]) + rest),
        problems=[sentence(problem[0].upper() + problem[1:]) for problem in problems],
    )


def refuse_to_purge_all(purge: bool, wishes: Iterable[Wish], option: str) -> None:
    """Raise a Failure where a purge would remove all, because ``option`` lists none that is to be there."""
    if purge and not any(wish.present for wish in wishes):
        raise Failure(
            f"Refusing to purge, because {option} lists none that is to be there, which would remove all; list those "
            f"to keep."
        )


def legible(name: str, most: int) -> str:
    """Return a name fit for a message, of so many characters at most."""
    text = name if name.isprintable() else ascii(name)[1:-1]
    return text if len(text) <= most else f"{text[:most]}..."


def shortened(text: str) -> str:
    """Return text fit for a message, whatever somebody wrote into a value."""
    text = text if text.isprintable() else ascii(text)[1:-1]
    if len(text) <= 2 * MOST_VALUE:
        return text
    return f"{text[:MOST_VALUE]}... ({len(text)} characters) ...{text[-MOST_VALUE:]}"


def sentence(words: str) -> str:
    """Return words with one full stop."""
    return words.rstrip(".") + "."
