# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of one knowledge base as a resource of the engine: by their path in the base."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Callable, Collection, Dict, Hashable, List, Mapping, Optional, Sequence, Tuple

from ...engine.converge import Current, Desired, Resource, State, Step
from ..api.client import Client
from .order import Order, Row, order_of
from .processing import Processing
from .store import Duplicate, Store
from .tree import Source

Extra = Tuple[str, str]


@dataclass(frozen=True)
class Skipped:
    """A file that is left out of the base, and why."""

    path: str
    why: str


@dataclass(frozen=True)
class FileSpec:
    """The SHA-256 digest of a file; its path is the name of the desired object."""

    sha256: str


class Files(Resource[FileSpec]):
    """The files below one directory. ``purge`` is none, own or all; ``base`` is empty if the base does not exist yet.

    ``verify_embedding`` is called before the first upload; it raises Failure if the server cannot embed anything.
    """

    kind = "file"

    def __init__(
        self,
        client: Client,
        base: str,
        sources: Sequence[Source],
        purge: str,
        processing: Processing,
        verify_embedding: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = Store(client, base, processing)
        self._sources = {source.path: source for source in sources}
        self._purge = purge
        self._rows: Dict[Hashable, Row] = {}
        self._moves: Dict[Hashable, Hashable] = {}
        self._skipped: List[Skipped] = []
        self._fetched: Optional[List[Dict[str, Any]]] = None
        self._verify_embedding = verify_embedding
        self._order = Order()
        self._stay: List[str] = []
        self._stale: Dict[str, Row] = {}
        self._lock = threading.Lock()

    @property
    def touched(self) -> bool:
        """Tell whether anything in the base was changed."""
        return self._store.touched

    @property
    def moves(self) -> Dict[str, str]:
        """Return the files that only moved: the old path by the new one."""
        return {str(new): str(old) for new, old in self._moves.items()}

    @property
    def skipped(self) -> Sequence[Skipped]:
        """Return the files that ``all_desired`` left out."""
        return self._skipped

    def all_desired(self) -> List[Desired[FileSpec]]:
        """Return a desired object for each file; of files with the same text always the same one."""
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
            Desired(path, spec=FileSpec(source.sha256))
            for path, source in sorted(self._sources.items())
            if path not in left_out
        ]

    def gather(self, all_desired: Sequence[Desired[FileSpec]]) -> Current:
        """Return the files of the base by path."""
        rows, self._fetched = self._fetched, None
        self._rows = self._keyed(self._store.rows() if rows is None else rows)
        digests = {desired.name: desired.spec.sha256 for desired in all_desired}
        changing = [path for path, sha256 in digests.items() if self._rows.get(path, {}).get("sha256") != sha256]
        going = [key for key, row in self._rows.items() if key not in digests and self._goes(key, row)]
        self._order = order_of(self._sources, self._rows, changing, going)
        return {key: {"path": row["path"], "sha256": row["sha256"]} for key, row in self._rows.items()}

    def key(self, desired: Desired[FileSpec]) -> Hashable:
        """Return the path."""
        return desired.name

    def label(self, key: Hashable, state: State) -> str:
        """Return the path; add the id to a second file of the same path."""
        return str(key) if isinstance(key, str) else "{} (id {})".format(*key)  # type: ignore[misc]

    def desired_state(self, desired: Desired[FileSpec], current: Optional[State]) -> State:
        """Return the path and the hash."""
        return {"path": desired.name, "sha256": desired.spec.sha256}

    def veto(self, step: Step[FileSpec]) -> Optional[str]:
        """Keep files of others, and files that ``purge`` keeps."""
        row = self._rows.get(step.key)
        if row is None or (step.desired is None and self._goes(step.key, row)):
            return None
        if step.desired is None:
            return "kept"
        if row["own"] or self._purge == "all":
            return None
        return (
            f"The knowledge base holds another file {step.name!r} that somebody else put there; rename one of the "
            f"two, name it in excludes, or set purge=all to replace it."
        )

    def precheck(self, steps: Sequence[Step[FileSpec]]) -> None:
        """Find the files that only moved: the server keeps their embeddings."""
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

    def needs(self, step: Step[FileSpec]) -> Collection[Hashable]:
        """Return the files that must finish before this one; removals come last."""
        return self._order.needs(step.key)

    def begin(self, steps: Sequence[Step[FileSpec]]) -> None:
        """Verify that the server can embed, remove orphans of dead runs, and create the folders; remove no file."""
        moved = set(self._moves.values())
        uploads = [step for step in steps if step.action != "delete"]
        if any(step.key not in self._moves for step in uploads):
            self._verify_embedding()
        self._store.remove_orphans([str(row["id"]) for row in self._rows.values()])
        changed = {step.key for step in steps}
        self._stay = [str(row["path"]) for key, row in self._rows.items() if key not in changed]
        self._stay += [str((step.after or {})["path"]) for step in uploads]
        self._stale = {str(self._rows[key]["id"]): self._rows[key] for key in changed & set(self._rows) - moved}
        self._store.make_folders([str((step.after or {})["path"]) for step in uploads])

    def create(self, step: Step[FileSpec]) -> None:
        """Upload the file, or have the server move it."""
        old = self._moves.get(step.key)
        if old is not None:
            self._store.move(str(self._rows[old]["id"]), step.name)
        elif step.name in self._order.rings:
            self._turn(self._order.rings[step.name])
        else:
            self._put(step.name)

    def update(self, step: Step[FileSpec]) -> None:
        """Upload the new file, and remove the old one only when the new one can be found."""
        if step.name in self._order.rings:
            self._turn(self._order.rings[step.name])
            return
        self._put(step.name)
        self._store.remove(self._left([step.key]), self._stay)

    def delete(self, step: Step[FileSpec]) -> None:
        """Remove all files in the first delete step. Files that moved or were exchanged are already gone."""
        if step.key == self._order.going[0]:
            self._store.remove(self._left(self._order.going), self._stay, [str(path) for path in self._moves.values()])

    def _put(self, path: str) -> None:
        try:
            self._store.put(self._sources[path])
        except Duplicate as duplicate:
            with self._lock:
                old = [row for row in self._stale.values() if row["text"] and row["text"] == duplicate.text]
                for row in old:
                    del self._stale[str(row["id"])]
            if old:
                self._store.exchange({duplicate.file_id: path}, old)
                return
            self._store.drop(duplicate.file_id, path)
            if not self._is_there(path):
                raise

    def _turn(self, ring: Sequence[str]) -> None:
        """Exchange the texts of files, all at once, in the first step of them."""
        with self._lock:
            old = [self._stale.pop(str(self._rows[path]["id"]), None) for path in ring]
        if None in old:
            return
        new = self._store.prepare([self._sources[path] for path in ring])
        self._store.exchange(new, [row for row in old if row])

    def _left(self, keys: Sequence[Hashable]) -> List[Row]:
        """Return the rows of files that are still in the base, to be removed now."""
        with self._lock:
            rows = [self._stale.pop(str(self._rows[key]["id"]), None) for key in keys if key in self._rows]
        return [row for row in rows if row]

    def _is_there(self, path: str) -> bool:
        """Tell whether another run uploaded the same file meanwhile."""
        wanted = self._sources[path].sha256
        return any(row["path"] == path and row["sha256"] == wanted for row in self._store.rows())

    def _stays(self, key: Hashable, row: Row) -> bool:
        return not self._goes(key, row) and (not row["own"] or key not in self._sources)

    def _goes(self, key: Hashable, row: Row) -> bool:
        """Tell whether a file that is not listed is removed.

        A second file of a desired path is left by a run that was killed before it removed the old one.
        """
        doubled = not isinstance(key, str) and row["path"] in self._sources
        return self._purge == "all" or (bool(row["own"]) and (self._purge == "own" or doubled))

    @staticmethod
    def _same(rows: Mapping[Hashable, Row], source: Source) -> bool:
        return source.path in rows and bool(rows[source.path]["sha256"] == source.sha256)

    def _keyed(self, rows: Sequence[Row]) -> Dict[Hashable, Row]:
        """Return rows by path. Of two with the same path prefer the desired one, then the module's own."""

        def rank(row: Row) -> Tuple[bool, bool, str]:
            source = self._sources.get(row["path"])
            return (source is None or source.sha256 != row["sha256"], not row["own"], str(row["id"]))

        keyed: Dict[Hashable, Row] = {}
        for row in sorted(rows, key=rank):
            extra: Extra = (str(row["path"]), str(row["id"]))
            keyed[extra if row["path"] in keyed else row["path"]] = row
        return keyed
