# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of one knowledge base as a resource of the engine: by their path in the base."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Hashable, List, Mapping, Optional, Sequence, Tuple

from ..converge import Present, Resource, State, Step, Wish
from .client import Client
from .knowledge_process import Processing
from .knowledge_store import Store
from .knowledge_tree import Source

Extra = Tuple[str, str]


@dataclass(frozen=True)
class Skipped:
    """A file that is not put into the base, and why."""

    path: str
    why: str


class Files(Resource):
    """The files below one directory. ``purge`` is none, own or all; ``base`` is empty where there is no base yet."""

    kind = "file"

    def __init__(
        self, client: Client, base: str, sources: Sequence[Source], purge: str, processing: Processing
    ) -> None:
        self._store = Store(client, base, processing)
        self._sources = {source.path: source for source in sources}
        self._purge = purge
        self._rows: Dict[Hashable, Mapping[str, Any]] = {}
        self._moves: Dict[Hashable, Hashable] = {}
        self._skipped: List[Skipped] = []
        self._fetched: Optional[List[Dict[str, Any]]] = None

    @property
    def moves(self) -> Dict[str, str]:
        """Return where files go that only moved: the new path to the old one."""
        return {str(new): str(old) for new, old in self._moves.items()}

    @property
    def skipped(self) -> Sequence[Skipped]:
        """Return what `wishes` left out."""
        return self._skipped

    def wishes(self) -> List[Wish]:
        """Return a wish for each file; of the same text twice one, and always the same one."""
        self._fetched = self._store.rows()
        rows = self._keyed(self._fetched)
        stays = {str(row["text"]): row["path"] for key, row in rows.items() if self._stays(key, row)}
        first: Dict[str, str] = {}
        for path, source in sorted(self._sources.items(), key=lambda item: (not self._same(rows, item[1]), item[0])):
            other = stays.get(source.text) or first.setdefault(source.text, path)
            if other != path and not self._same(rows, source):
                self._skipped.append(Skipped(path, f"its text is that of {other}, and a base takes no text twice"))
                first.setdefault(source.text, other)
        left_out = {skipped.path for skipped in self._skipped}
        return [
            Wish(path, fields={"path": path, "sha256": source.sha256})
            for path, source in sorted(self._sources.items())
            if path not in left_out
        ]

    def read(self, wishes: Sequence[Wish]) -> Present:
        """Return the files of the base by path."""
        rows, self._fetched = self._fetched, None
        self._rows = self._keyed(self._store.rows() if rows is None else rows)
        return {key: {"path": row["path"], "sha256": row["sha256"]} for key, row in self._rows.items()}

    def key(self, wish: Wish) -> Hashable:
        """Return the path."""
        return wish.name

    def title(self, key: Hashable, state: State) -> str:
        """Return the path; a second file of the same path is told apart by its id."""
        return str(key) if isinstance(key, str) else "{} (id {})".format(*key)  # type: ignore[misc]

    def wanted(self, wish: Wish, present: Optional[State]) -> State:
        """Return the path and the hash."""
        return wish.fields

    def refusal(self, step: Step) -> Optional[str]:
        """Keep what the module did not put there, and what purge says to keep."""
        row = self._rows.get(step.key)
        if row is None or self._purge == "all" or (row["own"] and (step.wish or self._purge == "own")):
            return None
        if step.wish is None:
            return "kept"
        return (
            f"The knowledge base holds another file {step.name!r} that somebody else put there; rename one of the "
            f"two, name it in excludes, or say purge=all to have it replaced."
        )

    def review(self, steps: Sequence[Step]) -> None:
        """See which files only moved: the server keeps them, embedded as they are."""
        self._moves.clear()
        if not self._store.folders:
            return
        gone = {
            str(self._rows[step.key]["sha256"]): step.key
            for step in steps
            if step.action == "delete" and self._rows[step.key]["own"]
        }
        for step in steps:
            if step.action == "create" and step.after and step.after["sha256"] in gone:
                self._moves[step.key] = gone.pop(step.after["sha256"])

    def begin(self, steps: Sequence[Step]) -> None:
        """Remove all that is stale first, because the server takes no text twice, and make the folders."""
        uploads = [step for step in steps if step.action != "delete"]
        if uploads:
            self._store.remove_orphans([str(row["id"]) for row in self._rows.values()])
        moved = set(self._moves.values())
        stale = [self._rows[step.key] for step in steps if step.key in self._rows and step.key not in moved]
        stays = [row for key, row in self._rows.items() if key not in {step.key for step in steps}]
        needed = [str((step.after or {})["path"]) for step in uploads] + [row["path"] for row in stays]
        self._store.replace(stale, needed, [self._rows[key]["path"] for key in moved])

    def create(self, step: Step) -> None:
        """Put the file there, or have the server move it."""
        old = self._moves.get(step.key)
        if old is not None:
            self._store.move(str(self._rows[old]["id"]), step.name)
        else:
            self._store.put(self._sources[step.name])

    def update(self, step: Step) -> None:
        """Put the new file there; the old one went before."""
        self._store.put(self._sources[step.name])

    def delete(self, step: Step) -> None:
        """Do nothing: what is to go went before all else, or has moved."""

    def _stays(self, key: Hashable, row: Mapping[str, Any]) -> bool:
        if self._purge == "all":
            return False
        return not row["own"] or (self._purge == "none" and key not in self._sources)

    @staticmethod
    def _same(rows: Mapping[Hashable, Mapping[str, Any]], source: Source) -> bool:
        return source.path in rows and bool(rows[source.path]["sha256"] == source.sha256)

    def _keyed(self, rows: Sequence[Mapping[str, Any]]) -> Dict[Hashable, Mapping[str, Any]]:
        """Return rows by path. Of two with one path the wanted one has it, else the module's own."""

        def rank(row: Mapping[str, Any]) -> Tuple[bool, bool, str]:
            source = self._sources.get(row["path"])
            return (source is None or source.sha256 != row["sha256"], not row["own"], str(row["id"]))

        keyed: Dict[Hashable, Mapping[str, Any]] = {}
        for row in sorted(rows, key=rank):
            extra: Extra = (str(row["path"]), str(row["id"]))
            keyed[extra if row["path"] in keyed else row["path"]] = row
        return keyed
