# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of one knowledge base on the server: read, put, moved and removed, and marked as the module's own."""

from __future__ import annotations

import time
from typing import Any, Collection, Dict, Iterator, List, Mapping, Sequence, Tuple

from ..errors import Failure
from .client import Client, posted
from .knowledge_process import Processing
from .knowledge_tree import Source
from .knowledge_upload import Upload

MARK = {"managed_by": "selfhosted.llm"}
PAGE = 1000
MOST_REMOVED = 50


class Store:
    """The files of the base ``base``, or of none where it is not made yet."""

    def __init__(self, client: Client, base: str, processing: Processing) -> None:
        self._client = client
        self._base = base
        self._processing = processing
        self._folders: Dict[str, str] = {}

    @property
    def folders(self) -> bool:
        """Tell whether the server keeps folders, moves files and tells what it still works on."""
        return self._client.features().knowledge_folders

    def rows(self) -> List[Dict[str, Any]]:
        """Return all files of the base, once what an earlier run left to the server is through."""
        if not self._base:
            return []
        if self.folders:
            self._settle()
        found, folders = self._listed()
        if self.folders and any("directory_path" not in row for row in found.values()):
            # 0.10 tells only which files lie in a folder that one asks for, and which folders.
            left = list(folders.items())
            for path, folder in left:
                inside, below = self._listed(directory_id=folder)
                left += [(f"{path}/{name}", each) for name, each in below.items()]
                for file_id in found.keys() & inside.keys():
                    found[file_id]["directory_path"] = path
        return [_row(record) for record in found.values()]

    def _listed(self, **where: str) -> Tuple[Dict[str, Dict[str, Any]], Dict[str, str]]:
        """Return the files of the base, or of one folder, by id, and the ids of the folders right in it by name."""
        # By name: what is being changed may not jump between two pages.
        asked = {"order_by": "name", "direction": "asc", "limit": PAGE, **where}
        found, folders = {}, {}
        for page in self._client.pages(f"knowledge/{self._base}/files", "read the files of the base", **asked):
            found.update({str(row["id"]): row for row in page["items"]})
            folders.update({str(row["name"]): str(row["id"]) for row in page.get("directories") or ()})
        return found, folders

    def remove_orphans(self, linked: Collection[str]) -> None:
        """Remove what a killed run uploaded for this base and is not among the ``linked`` ids of its files."""
        for record in self._all():
            data = (record.get("meta") or {}).get("data") or {}
            if str(record["id"]) not in linked and _is_own(record) and data.get("base") == self._base:
                self._processing.remove(str(record["id"]), str(record["filename"]))

    def replace(self, stale: Sequence[Mapping[str, Any]], needed: Sequence[str], left: Sequence[str]) -> None:
        """Remove files, and folders that only they were in; make the folders of ``needed`` paths.

        ``left`` are paths that files move away from; their folders stay where another needs them, or to the next run.
        """
        if not self.folders:
            for row in stale:
                body = {"file_id": row["id"]}
                self._client.post(f"knowledge/{self._base}/file/remove", f"remove the file {row['path']}", json=body)
            return
        wanted = {folder for path in needed for folder in _above(path)}
        self._folders = self._map() if wanted or any("/" in row["path"] for row in stale) else {}
        moving = {folder for path in left for folder in _above(path)}
        empty = {folder for row in stale for folder in _above(row["path"])} - wanted - moving
        self._clean([str(row["id"]) for row in stale], sorted(empty & set(self._folders)))
        for folder in sorted(wanted - set(self._folders)):
            self._make(folder)

    def put(self, source: Source) -> None:
        """Upload a file into the base and wait until it can be found there."""
        folder, _dummy, name = source.path.rpartition("/")
        mark = {**MARK, "base": self._base, "path": source.path, "sha256": source.sha256}
        if self.folders:
            mark["knowledge_id"] = self._base
            if folder:
                mark["directory_id"] = self._folders[folder]
        else:
            name = source.path.replace("/", "__")
        upload = Upload(source, name, mark)
        what = f"upload the file {source.path}"
        # The client has headers of its own; what requests calls auth may add one to them.
        body = {"data": upload, "auth": upload.sign, "timeout": self._processing.timeout}
        answer = posted(self._client, "files/", what, has="id", **body)
        file_id = str(answer["id"])
        self._processing.finish(file_id, source.path)
        if not self.folders:
            self._add(file_id, source.path)

    def move(self, file_id: str, path: str) -> None:
        """Give a file another path, without embedding it again."""
        folder, _dummy, name = path.rpartition("/")
        what = f"move a file to {path}"
        body = {"file_id": file_id, "directory_id": self._folders[folder] if folder else None}
        self._client.post(f"files/{file_id}/rename", what, json={"filename": name})
        self._client.post(f"knowledge/{self._base}/file/move", what, json=body)

    def clear(self) -> None:
        """Remove the module's own files, before the base goes: the server would leave them behind."""
        rows = self.rows()
        self.remove_orphans([str(row["id"]) for row in rows])
        self.replace([row for row in rows if row["own"]], [row["path"] for row in rows if not row["own"]], ())

    def _add(self, file_id: str, path: str) -> None:
        body, seconds = {"file_id": file_id}, self._processing.timeout
        try:
            what = f"add the file {path}"
            self._client.post(f"knowledge/{self._base}/file/add", what, json=body, timeout=seconds)
        except Failure:
            self._processing.remove(file_id, path)
            raise

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

    def _clean(self, files: Sequence[str], folders: Sequence[str]) -> None:
        path, what = f"knowledge/{self._base}/sync/cleanup", "remove files of the base"
        for start in range(0, len(files), MOST_REMOVED):
            self._client.post(path, what, json={"file_ids": files[start : start + MOST_REMOVED], "dir_ids": []})
        if folders:
            ids = [self._folders.pop(folder) for folder in folders]
            self._client.post(path, what, json={"file_ids": [], "dir_ids": ids})

    def _all(self) -> Iterator[Mapping[str, Any]]:
        seen: Dict[str, Any] = {}
        while True:
            params = {"filename": "*", "content": "false", "skip": len(seen), "limit": PAGE}
            what = "look for files in no base"
            rows = self._client.get("files/search", what, params=params, expect=(200, 404))
            # The server calls it an error where there is no file at all.
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
    folder = record.get("directory_path") or ""
    path = f"{folder}/{record['filename']}" if folder else str(record["filename"])
    sha256 = str(meta.get("file_hash") or (own and data.get("sha256")) or "")
    if own and "knowledge_id" not in data:
        path = str(data["path"])
    return {"id": record["id"], "path": path, "sha256": sha256, "text": record.get("hash") or "", "own": own}


def _is_own(record: Mapping[str, Any]) -> bool:
    data = (record.get("meta") or {}).get("data")
    return isinstance(data, dict) and all(data.get(name) == value for name, value in MARK.items())


def _above(path: str) -> List[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
