# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which files of a base are replaced: the server refuses a text that another file still has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Collection, Dict, Hashable, List, Mapping, Sequence, Tuple

from .tree import Source

Row = Mapping[str, Any]
Rows = Mapping[Hashable, Row]


@dataclass(frozen=True)
class Order:
    """What a file waits for.

    ``changing`` are the paths that get another content, ``going`` the keys of the files that are removed.
    ``after`` names the path that must be replaced before another path can have its text. ``rings`` are the paths that
    exchange their texts in a circle, each path with the whole ring: none of them can come first.
    """

    changing: Tuple[str, ...] = ()
    going: Tuple[Hashable, ...] = ()
    after: Mapping[str, str] = field(default_factory=dict)
    rings: Mapping[str, Tuple[str, ...]] = field(default_factory=dict)

    def needs(self, key: Hashable) -> Collection[Hashable]:
        """Return the keys of the files that must finish before this one.

        Files that go wait for all others: they are removed together, by the step of the first of them.
        """
        if self.going and key == self.going[0]:
            return self.changing
        if key in self.going:
            return (self.going[0],)
        path = str(key)
        if path in self.rings:
            return (self.rings[path][0],)
        return (self.after[path],) if path in self.after else ()


def order_of(sources: Mapping[str, Source], rows: Rows, changing: Sequence[str], going: Sequence[Hashable]) -> Order:
    """Return the order of a plan. A text is known by its own hash, or by the hash of the file's bytes."""
    owners: Dict[str, str] = {}
    for path in changing:
        if path in rows:
            owners.update({str(rows[path][name]): path for name in ("text", "sha256") if rows[path][name]})
    after: Dict[str, str] = {}
    for path in changing:
        owner = owners.get(sources[path].text) or owners.get(sources[path].sha256)
        if owner is not None and owner != path:
            after[path] = owner
    rings = _rings(after)
    return Order(
        tuple(changing),
        tuple(going),
        {path: owner for path, owner in after.items() if path not in rings},
        rings,
    )


def _rings(after: Mapping[str, str]) -> Dict[str, Tuple[str, ...]]:
    rings: Dict[str, Tuple[str, ...]] = {}
    passed: Dict[str, str] = {}
    for start in after:
        way: List[str] = []
        path = start
        while path in after and path not in passed:
            passed[path] = start
            way.append(path)
            path = after[path]
        if passed.get(path) == start and path in way:
            ring = tuple(way[way.index(path) :])
            rings.update(dict.fromkeys(ring, ring))
    return rings
