# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and validate the entries of a task together, so that one message names every problem."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, Hashable, Iterable, List, Mapping, Sequence, Tuple

from .errors import Failure
from .resource import Desired, Problem, Spec

MAX_NAME_LENGTH = 80
# One message shows this many characters of problems; the result key `problems` has all of them.
MAX_MESSAGE_LENGTH, MAX_VALUE_LENGTH = 700, 200

Entry = Mapping[str, Any]


def as_given(entry: Entry) -> Tuple[Entry, List[str]]:
    """Return an entry that takes nothing from a file."""
    return entry, []


def read_entries(
    kind: str,
    entries: Sequence[Entry],
    *,
    listed: bool,
    key: Callable[[Entry], Hashable],
    label: Callable[[Entry], str],
    problems: Callable[[Entry], Iterable[str]],
    desired: Callable[[Entry], Desired[Spec]],
    fill: Callable[[Entry], Tuple[Entry, List[str]]] = as_given,
    duplicate: str = "is the same {kind}",
) -> List[Desired[Spec]]:
    """Return the entries of a task as desired objects; raise one Failure with all their problems.

    ``listed`` tells whether they are entries of a list, which messages number. ``fill`` adds what an entry takes from a
    file, and returns problems of its own. Two entries with the same ``key`` mean the same object.
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


def refuse_desired(kind: str, all_desired: Sequence[Desired[Any]], found: Iterable[Problem]) -> None:
    """Raise a Failure if there are problems with desired objects."""
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
    """Raise a Failure if entries of a list have problems; ``wrong`` maps places to problems."""
    bad = {place: problems for place, problems in wrong.items() if problems}
    if bad:
        told = [f"{place}: {shortened(problem)}" for place, problems in bad.items() for problem in problems]
        raise invalid_list(kind, len(bad), len(wrong), told)


def invalid_list(kind: str, bad: int, of: int, problems: Sequence[str]) -> Failure:
    """Return the Failure for a list with ``bad`` invalid objects."""
    return failure(f"Nothing was changed: {bad} of {of} {kind}s {'is' if bad == 1 else 'are'} invalid: ", problems)


def vetoed(kind: str, of: int, vetoes: Sequence[str]) -> Failure:
    """Return the Failure for a plan with steps that must not be done."""
    words = f"Nothing was changed: {len(vetoes)} of {of} {kind}s cannot be changed: "
    return failure(words, [veto.rstrip(".") for veto in vetoes])


def invalid_object(kind: str, name: str, problems: Iterable[str]) -> Failure:
    """Return the Failure for the one object of a task."""
    return failure(f"Invalid {kind}{name and f' {legible(name, MAX_NAME_LENGTH)}'}: ", [*map(shortened, problems)])


def failure(words: str, problems: Sequence[str]) -> Failure:
    """Return the Failure for problems; the message shows as many as fit, ``problems`` has all."""
    shown, length = 0, 0
    while shown < len(problems) and (not shown or length + len(problems[shown]) <= MAX_MESSAGE_LENGTH):
        length += len(problems[shown])
        shown += 1
    more = len(problems) - shown
    rest = f"; and {more} more (see problems)" if more else ""
    return Failure(
        sentence(words + "; ".join(problems[:shown]) + rest),
        problems=[sentence(problem[0].upper() + problem[1:]) for problem in problems],
    )


def refuse_to_purge_all(all_desired: Iterable[Desired[Any]], option: str, remedy: str = "list those to keep") -> None:
    """Raise a Failure for a purge that would delete everything, because ``option`` lists no object to keep."""
    if not any(desired.present for desired in all_desired):
        raise Failure(
            f"Refusing to purge: {option} lists nothing with state present, so everything would be deleted; {remedy}."
        )


def legible(name: str, most: int) -> str:
    """Return a printable form of a name, of at most ``most`` characters."""
    text = name if name.isprintable() else ascii(name)[1:-1]
    return text if len(text) <= most else f"{text[:most]}..."


def shortened(text: str) -> str:
    """Return a printable form of text of bounded length, whatever a value contains."""
    text = text if text.isprintable() else ascii(text)[1:-1]
    if len(text) <= 2 * MAX_VALUE_LENGTH:
        return text
    return f"{text[:MAX_VALUE_LENGTH]}... ({len(text)} characters) ...{text[-MAX_VALUE_LENGTH:]}"


def sentence(words: str) -> str:
    """Return words that end with one full stop."""
    return words.rstrip(".") + "."
