# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of one knowledge base on the server: read, upload, move and remove them, and mark them as own."""

from __future__ import annotations

import contextlib
import hashlib
import time
from typing import Any, Collection, Dict, Iterator, List, Mapping, Sequence, Tuple

from ...engine.errors import Failure
from ..api.client import Client, posted
from .names import flat
from .order import Row
from .orphans import is_abandoned, this_run
from .processing import Processing, Unprocessed, is_duplicate
from .tree import Source
from .upload import Upload

MARK = {"managed_by": "selfhosted.llm"}
PAGE = 1000
MAX_REMOVED = 50


class Duplicate(Failure):
    """An upload whose text another file of the base has. It is on the server as ``file_id``; ``text`` is its hash."""

    def __init__(self, message: str, file_id: str, text: str) -> None:
        super().__init__(message)
        self.file_id = file_id
        self.text = text


class Store:
    """The files of the base ``base``; empty if it does not exist yet."""

    def __init__(self, client: Client, base: str, processing: Processing) -> None:
        self._client = client
        self._base = base
        self._processing = processing
        self._run = this_run()
        self._folders: Dict[str, str] = {}
        self.touched = False
        """Whether this store changed the base."""

    @property
    def folders(self) -> bool:
        """Tell whether the server has folders, moves files and lists pending files."""
        return self._client.features().knowledge_folders

    def rows(self) -> List[Dict[str, Any]]:
        """Wait for the pending files of earlier runs, then return all files of the base."""
        if not self._base:
            return []
        if self.folders:
            self._settle()
        found, folders = self._listed()
        if self.folders and any("directory_path" not in row for row in found.values()):
            # 0.10 lists only the files and folders right in the requested folder.
            left = list(folders.items())
            for path, folder in left:
                inside, below = self._listed(directory_id=folder)
                left += [(f"{path}/{name}", each) for name, each in below.items()]
                for file_id in found.keys() & inside.keys():
                    found[file_id]["directory_path"] = path
        return [_row(record) for record in found.values()]

    def _listed(self, **where: str) -> Tuple[Dict[str, Dict[str, Any]], Dict[str, str]]:
        """Return the files of the base, or of one folder, by id, and the ids of its direct subfolders by name."""
        # By name, so that a file that changes meanwhile does not move between two pages.
        asked = {"order_by": "name", "direction": "asc", "limit": PAGE, **where}
        found, folders = {}, {}
        for page in self._client.pages(f"knowledge/{self._base}/files", "read the files of the base", **asked):
            found.update({str(row["id"]): row for row in page["items"]})
            folders.update({str(row["name"]): str(row["id"]) for row in page.get("directories") or ()})
        return found, folders

    def remove_orphans(self, linked: Collection[str]) -> None:
        """Remove what a dead run uploaded for this base and is not among the ``linked`` ids of its files."""
        found = [
            (str(record["id"]), str(record["filename"]))
            for record in self._all()
            if str(record["id"]) not in linked
            and _is_own(record)
            and record["meta"]["data"].get("base") == self._base
            and is_abandoned(record, self._processing.timeout)
        ]
        for file_id, name in found:
            self._processing.rest(file_id, name)
        # Its run may have put it into the base after these were listed, or the server by itself since the run ended.
        now = {str(row["id"]) for row in self.rows()} if found else set()
        for file_id, name in found:
            if file_id not in now:
                self.drop(file_id, name)
                self.touched = True

    def make_folders(self, paths: Sequence[str]) -> None:
        """Create the missing folders of these paths."""
        wanted = {folder for path in paths for folder in _above(path)} if self.folders else set()
        if not wanted:
            return
        self._folders = self._map()
        for folder in sorted(wanted - set(self._folders)):
            self._make(folder)

    def remove(self, rows: Sequence[Row], stay: Sequence[str] = (), left: Sequence[str] = ()) -> None:
        """Remove files of the base, and folders that only they were in.

        ``stay`` are the paths that stay. ``left`` are paths that files moved away from; their folders stay, too.
        """
        if not self.folders:
            for row in rows:
                self._unlink(row)
                self.touched = True
            return
        ids = [str(row["id"]) for row in rows]
        for start in range(0, len(ids), MAX_REMOVED):
            self._clean(ids[start : start + MAX_REMOVED], [])
        kept = {folder for each in (*stay, *left) for folder in _above(each)}
        gone = {folder for row in rows for folder in _above(str(row["path"]))} - kept
        if gone:
            folders = self._map()
            self._clean([], [folders[folder] for folder in sorted(gone & set(folders))])

    def put(self, source: Source) -> None:
        """Upload a file into the base and wait until it can be found there.

        Raises Duplicate where another file of the base has its text; the upload waits outside of the base then. After
        any other failure nothing is left of it.
        """
        linked = self._client.features().linked_uploads
        file_id = self._uploaded(source, linked)
        try:
            self._processing.finish(file_id, source.path)
            if not linked:
                self._link(file_id, source.path)
        except Failure as failure:
            if isinstance(failure, Unprocessed) and failure.duplicate:
                raise Duplicate(failure.message, file_id, self._text(file_id, source.path)) from failure
            self._undo({file_id: source.path})
            raise
        self.touched = True

    def prepare(self, sources: Sequence[Source]) -> Dict[str, str]:
        """Upload files outside of the base, wait until all of them are embedded, and return their paths by id."""
        ready: Dict[str, str] = {}
        try:
            for source in sources:
                file_id = self._uploaded(source, False)
                ready[file_id] = source.path
                self._processing.finish(file_id, source.path)
        except Failure:
            self._undo(ready)
            raise
        return ready

    def exchange(self, new: Mapping[str, str], old: Sequence[Row]) -> None:
        """Put uploads, by id with their path, in the place of files of the base that have the same texts.

        The old files leave the base first, because the server takes no text twice, and stay on the server until the
        new ones are in it: where that fails they are put back.
        """
        out: List[Row] = []
        into: List[str] = []
        try:
            for row in old:
                self._unlink(row, keep=True)
                out.append(row)
            for file_id, path in new.items():
                self._link(file_id, path)
                into.append(file_id)
        except Failure as failure:
            self._put_back(failure, new, into, out)
            raise
        self.touched = True
        for row in out:
            self.drop(str(row["id"]), str(row["path"]))

    def move(self, file_id: str, path: str) -> None:
        """Move a file to another path without embedding it again."""
        folder, _dummy, name = path.rpartition("/")
        what = f"move a file to {path}"
        body = {"file_id": file_id, "directory_id": self._folders[folder] if folder else None}
        self._client.post(f"files/{file_id}/rename", what, json={"filename": name})
        self.touched = True
        self._client.post(f"knowledge/{self._base}/file/move", what, json=body)

    def drop(self, file_id: str, path: str) -> None:
        """Remove a file that belongs to no base."""
        self._client.delete(f"files/{file_id}", f"remove the file {path}", expect=(200, 404))

    def clear(self) -> None:
        """Remove the module's own files before the base is deleted: the server would keep them."""
        rows = self.rows()
        self.remove_orphans([str(row["id"]) for row in rows])
        self.remove([row for row in rows if row["own"]], [row["path"] for row in rows if not row["own"]])

    def _uploaded(self, source: Source, linked: bool) -> str:
        folder, _dummy, name = source.path.rpartition("/")
        mark = {**MARK, "base": self._base, "path": source.path, "sha256": source.sha256, "run": self._run}
        if linked:
            mark["knowledge_id"] = self._base
            if folder:
                mark["directory_id"] = self._folders[folder]
        if not self.folders:
            name = flat(source.path)
        upload = Upload(source, name, mark)
        what = f"upload the file {source.path}"
        # The client has headers of its own; what requests calls auth may add one to them.
        body = {"data": upload, "auth": upload.sign, "timeout": self._processing.timeout}
        return str(posted(self._client, "files/", what, has="id", **body)["id"])

    def _link(self, file_id: str, path: str) -> None:
        folder = path.rpartition("/")[0]
        body = {"file_id": file_id}
        if self.folders and folder:
            self._folders = self._folders if folder in self._folders else self._map()
            body["directory_id"] = self._folders[folder]
        seconds = self._processing.timeout
        try:
            what = f"add the file {path}"
            self._client.post(f"knowledge/{self._base}/file/add", what, json=body, timeout=seconds)
        except Failure as failure:
            raise Unprocessed(failure.message, is_duplicate(failure.message)) from failure

    def _unlink(self, row: Row, keep: bool = False) -> None:
        what = f"remove the file {row['path']}"
        where = f"knowledge/{self._base}/file/remove"
        # Left out, the server's own setting decides (ENABLE_KNOWLEDGE_FILE_RETENTION).
        params = {"delete_file": "false"} if keep else {}
        self._client.post(where, what, json={"file_id": row["id"]}, params=params)

    def _put_back(self, failure: Failure, new: Mapping[str, str], into: Sequence[str], out: Sequence[Row]) -> None:
        try:
            for file_id in into:
                self._unlink({"id": file_id, "path": new[file_id]}, keep=True)
            for row in out:
                self._link(str(row["id"]), str(row["path"]))
            for file_id, path in new.items():
                self.drop(file_id, path)
        except Failure as error:
            self.touched = True
            names = ", ".join(repr(row["path"]) for row in out)
            raise Failure(
                f"{failure.message} What it was to replace ({names}) could not be put back into the base either: "
                f"{error.message} Run the task again when that is mended."
            ) from failure

    def _undo(self, uploads: Mapping[str, str]) -> None:
        """Remove uploads of a step that failed. What cannot be removed is an orphan, and the next run removes it."""
        for file_id, path in uploads.items():
            with contextlib.suppress(Failure):
                self.drop(file_id, path)

    def _text(self, file_id: str, path: str) -> str:
        """Return the hash of a file's text, which the server forgets where it refuses the text (0.12.4)."""
        record = self._client.get_mapping(f"files/{file_id}", f"read the file {path}")
        content = (record.get("data") or {}).get("content")
        return str(record.get("hash") or (content and hashlib.sha256(content.encode()).hexdigest()) or "")

    def _settle(self) -> None:
        pending: List[Any] = []

        def done() -> bool:
            now = self._client.get_list(f"knowledge/{self._base}/files/pending", "read what is being processed")
            pending[:], before = [row for row in now if _is_own(row) and self._is_fresh(row)], len(pending)
            if len(pending) != before:
                self._processing.moved()
            return not pending

        # What never ends (the server was restarted) is an orphan, and removed as one.
        self._processing.until(done)

    def _is_fresh(self, record: Mapping[str, Any]) -> bool:
        moved = max(record.get("created_at") or 0, record.get("updated_at") or 0)
        return bool(time.time() - moved < self._processing.timeout)

    def _map(self) -> Dict[str, str]:
        path = f"knowledge/{self._base}/sync/diff"
        answer = self._client.post(path, "read the folders of the base", json={"manifest": []}, reads=True)
        return dict(answer.get("directory_map") or {})

    def _make(self, folder: str) -> None:
        above, _dummy, name = folder.rpartition("/")
        body = {"name": name, "parent_id": self._folders[above] if above else None}
        answer = self._client.post(f"knowledge/{self._base}/dirs/create", f"make the folder {folder}", json=body)
        self._folders[folder] = str(answer["id"])
        self.touched = True

    def _clean(self, files: Sequence[str], folders: Sequence[str]) -> None:
        body = {"file_ids": list(files), "dir_ids": list(folders)}
        self._client.post(f"knowledge/{self._base}/sync/cleanup", "remove files of the base", json=body)
        self.touched = True

    def _all(self) -> Iterator[Row]:
        seen: Dict[str, Any] = {}
        while True:
            params = {"filename": "*", "content": "false", "skip": len(seen), "limit": PAGE}
            what = "look for files in no base"
            rows = self._client.get("files/search", what, params=params, expect=(200, 404))
            # The server answers with an error if it has no file at all.
            if not isinstance(rows, list):
                return
            fresh = [row for row in rows if row["id"] not in seen]
            seen.update({row["id"]: row for row in fresh})
            yield from fresh
            if len(rows) < PAGE or not fresh:
                return


def _row(record: Mapping[str, Any]) -> Dict[str, Any]:
    meta = record.get("meta") or {}
    data = meta.get("data") or {}
    own = _is_own(record)
    folder, name = record.get("directory_path") or "", str(record["filename"])
    path = f"{folder}/{name}" if folder else name
    sha256 = str(meta.get("file_hash") or (own and data.get("sha256")) or "")
    # Uploaded before the server had folders, whichever it has now.
    if own and not folder and name == flat(str(data.get("path", ""))):
        path = str(data["path"])
    return {"id": record["id"], "path": path, "sha256": sha256, "text": record.get("hash") or "", "own": own}


def _is_own(record: Mapping[str, Any]) -> bool:
    data = (record.get("meta") or {}).get("data")
    return isinstance(data, dict) and all(data.get(name) == value for name, value in MARK.items())


def _above(path: str) -> List[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
