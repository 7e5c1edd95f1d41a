# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the entries of a task, all of it in one Failure before the first write."""

from __future__ import annotations

from typing import Iterable, List

from ..errors import Failure

LONGEST_NAME = 80


class Problems:
    """Problems of one object, or where ``listed`` of the entries of a list."""

    def __init__(self, kind: str, listed: bool) -> None:
        self._kind = kind
        self._listed = listed
        self._found: List[str] = []
        self._entries = 0

    def add(self, number: int, name: str, problems: Iterable[str]) -> None:
        """Note what is wrong with the entry of a ``number`` (from 1) and a name."""
        found = list(problems)
        self._entries += bool(found)
        where = f"entry {number} ({_short(name)}): " if self._listed else ""
        self._found += [where + problem for problem in found]
        if found and not self._listed:
            raise Failure(_sentence(f"The {self._kind} {_short(name)} cannot be as wanted: " + "; ".join(found)))

    def refuse(self, of: int) -> None:
        """Raise a Failure where something is wrong with one of so many entries."""
        if self._found:
            raise Failure(
                _sentence(
                    f"Nothing was changed, because {self._entries} of {of} {self._kind}s cannot be as wanted: "
                    + "; ".join(self._found)
                ),
                problems=[_sentence(problem[0].upper() + problem[1:]) for problem in self._found],
            )


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}..."


def _sentence(words: str) -> str:
    return words.rstrip(".") + "."
