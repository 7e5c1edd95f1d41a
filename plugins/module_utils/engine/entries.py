# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries as a task gives them: read and judged together, so that one message names all that is wrong with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, Hashable, Iterable, List, Mapping, Sequence, Tuple

from .errors import Failure
from .resource import Desired, Problem

MAX_NAME_LENGTH = 80
# How much of what is wrong one message tells; all of it is under `problems`.
MAX_MESSAGE_LENGTH, MAX_VALUE_LENGTH = 700, 200

Entry = Mapping[str, Any]


def as_given(entry: Entry) -> Tuple[Entry, List[str]]:
    """Return an entry that takes nothing from elsewhere."""
    return entry, []


def read_entries(
    kind: str,
    entries: Sequence[Entry],
    *,
    listed: bool,
    key: Callable[[Entry], Hashable],
    label: Callable[[Entry], str],
    problems: Callable[[Entry], Iterable[str]],
    desired: Callable[[Entry], Desired],
    fill: Callable[[Entry], Tuple[Entry, List[str]]] = as_given,
    duplicate: str = "is the same {kind}",
) -> List[Desired]:
    """Return the entries of a task as desired objects; raise one Failure with all that is wrong with them.

    ``listed`` tells whether they are the entries of a list, which messages number. ``fill`` adds what an entry takes
    from a file, and returns why it cannot. Two entries with one ``key`` mean the same object.
    """
    first: Dict[Hashable, int] = {}
    wrong: Dict[int, List[str]] = {}
    filled: List[Entry] = []
    places: List[str] = []
    for number, given in enumerate(entries, 1):
        entry, found = fill(given)
        found = [*found, *problems(entry)]
        if first.setdefault(key(entry), number) != number:
            found.append(f"it is listed twice (entry {first[key(entry)]} {duplicate.format(kind=kind)})")
        filled.append(entry)
        places.append(f"entry {number} ({legible(label(entry), MAX_NAME_LENGTH)})" if listed else "")
        wrong[number] = found
    if not listed and any(wrong.values()):
        raise invalid_object(kind, label(filled[0]), wrong[1])
    refuse_invalid(kind, {place: wrong[number] for number, place in enumerate(places, 1)})
    return [replace(desired(entry), place=place) for entry, place in zip(filled, places)]


def refuse_desired(kind: str, all_desired: Sequence[Desired], found: Iterable[Problem]) -> None:
    """Raise a Failure where something is wrong with desired objects."""
    wrong: Dict[int, List[str]] = {}
    for number, problem in found:
        wrong.setdefault(number, []).append(problem)
    for number, problems in wrong.items():
        if not all_desired[number].place:
            raise invalid_object(kind, all_desired[number].name, problems)
    refuse_invalid(
        kind, {desired.place: wrong.get(number, []) for number, desired in enumerate(all_desired) if desired.place}
    )


def refuse_invalid(kind: str, wrong: Mapping[str, Sequence[str]]) -> None:
    """Raise a Failure where something is wrong with entries of a list; ``wrong`` are the problems by their places."""
    bad = {place: problems for place, problems in wrong.items() if problems}
    if bad:
        told = [f"{place}: {shortened(problem)}" for place, problems in bad.items() for problem in problems]
        raise invalid_list(kind, len(bad), len(wrong), told)


def invalid_list(kind: str, bad: int, of: int, problems: Sequence[str]) -> Failure:
    """Return the Failure for a list in which so many objects cannot be as wanted."""
    return failure(f"Nothing was changed, because {bad} of {of} {kind}s cannot be as wanted: ", problems)


def invalid_object(kind: str, name: str, problems: Iterable[str]) -> Failure:
    """Return the Failure for the one object of a task."""
    return failure(f"The {kind} {legible(name, MAX_NAME_LENGTH)} cannot be as wanted: ", [*map(shortened, problems)])


def failure(words: str, problems: Sequence[str]) -> Failure:
    """Return the Failure for problems; its message tells as many as it bears, and all are under ``problems``."""
    shown, length = 0, 0
    while shown < len(problems) and (not shown or length + len(problems[shown]) <= MAX_MESSAGE_LENGTH):
        length += len(problems[shown])
        shown += 1
    more = len(problems) - shown
    rest = f"; and {more} more, which problems lists" if more else ""
    return Failure(
        sentence(words + "; ".join(problems[:shown]) + rest),
        problems=[sentence(problem[0].upper() + problem[1:]) for problem in problems],
    )


def refuse_to_purge_all(all_desired: Iterable[Desired], option: str, remedy: str = "list those to keep") -> None:
    """Raise a Failure for a purge that would remove all, because ``option`` lists none that is to be there."""
    if not any(desired.present for desired in all_desired):
        raise Failure(
            f"Refusing to purge, because {option} lists none that is to be there, which would remove all; {remedy}."
        )


def legible(name: str, most: int) -> str:
    """Return a name fit for a message, of so many characters at most."""
    text = name if name.isprintable() else ascii(name)[1:-1]
    return text if len(text) <= most else f"{text[:most]}..."


def shortened(text: str) -> str:
    """Return text fit for a message, whatever somebody wrote into a value."""
    text = text if text.isprintable() else ascii(text)[1:-1]
    if len(text) <= 2 * MAX_VALUE_LENGTH:
        return text
    return f"{text[:MAX_VALUE_LENGTH]}... ({len(text)} characters) ...{text[-MAX_VALUE_LENGTH:]}"


def sentence(words: str) -> str:
    """Return words with one full stop."""
    return words.rstrip(".") + "."
