# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the entries of a task, all of it in one Failure before the first write."""

from __future__ import annotations

from typing import Iterable, List

from ..errors import Failure
from .user_spec import MOST_WORDS, shortened

LONGEST_NAME = 80


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
        where = f"entry {number} ({_title(name)}): " if self._listed else ""
        self._found += [where + problem for problem in found]
        if found and not self._listed:
            raise self._failure(f"The {self._kind} {_title(name)} cannot be as wanted: ")

    def refuse(self, of: int) -> None:
        """Raise a Failure where something is wrong with one of so many entries."""
        if self._found:
            raise self._failure(
                f"Nothing was changed, because {self._entries} of {of} {self._kind}s cannot be as wanted: "
            )

    def _failure(self, words: str) -> Failure:
        shown, length = 0, 0
        while shown < len(self._found) and (not shown or length + len(self._found[shown]) <= MOST_WORDS):
            length += len(self._found[shown])
            shown += 1
        more = len(self._found) - shown
        rest = f"; and {more} more, which problems lists" if more else ""
        return Failure(
            _sentence(words + "; ".join(self._found[:shown]) + rest),
            problems=[_sentence(problem[0].upper() + problem[1:]) for problem in self._found],
        )


def _title(name: str) -> str:
    text = name if name.isprintable() else ascii(name)[1:-1]
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}..."


def _sentence(words: str) -> str:
    return words.rstrip(".") + "."
