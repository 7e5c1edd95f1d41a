# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered on the managed host between runs: digests of files, and what models were made from.

Nothing here is needed: where it is lost, files are hashed again, and models whose files the server
wrote again are made again. So whatever is wrong with it is passed over.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import tempfile
import threading
import time
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

VERSION = 1
FILE = "ledger.json"
MAX_ENTRIES = 1000
MAX_STATE_FILE_BYTES = 16 * 1024 * 1024
LOCK_SECONDS = 2.0
# A file may change again within one tick of its file system's clock, and look the same.
TICK, COARSE_TICK = 100_000_000, 2_000_000_000

# By what a file is known to be the same: size, mtime and ctime in ns, inode, device.
Mark = Tuple[int, int, int, int, int]
Sections = Dict[str, Dict[str, Any]]
# Makes a note of the one that is there, which is empty where there is none.
Change = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def directory() -> str:
    """Return the directory that this user's state is kept in."""
    home = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(home):
        home = "/var/lib" if os.geteuid() == 0 else os.path.expanduser("~/.local/state")
    return os.path.join(home, "selfhosted-llm")


def marks(paths: Sequence[str]) -> List[Optional[Mark]]:
    """Return the marks of files as they are now; None for one that cannot be looked at."""
    found: List[Optional[Mark]] = []
    for path in paths:
        try:
            now = os.stat(path)
        except OSError:
            found.append(None)
            continue
        found.append((now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino, now.st_dev))
    return found


def settled(found: Sequence[Optional[Mark]], now: int) -> bool:
    """Tell whether files with these marks must look otherwise if they changed after ``now`` (ns since 1970)."""
    changed = [mark[2] for mark in found if mark]
    return all(now - time_ns > (TICK if time_ns % 1_000_000_000 else COARSE_TICK) for time_ns in changed)


class StateFile:
    """The state file of this user on this host; threads may share it, and processes may have one each.

    Read by need and again after another process wrote. Not ``writable``, as in check mode,
    it is left as it is.
    """

    def __init__(self, writable: bool, place: Optional[str] = None) -> None:
        self._writable = writable
        self._place = place or directory()
        self._lock = threading.Lock()
        self._mark: Optional[Mark] = None
        self._held: Sections = _sections(None)

    def file(self, path: str, found: Sequence[Optional[Mark]]) -> Optional[Mapping[str, Any]]:
        """Return what was found in a file (and the others of its set), if their marks are what they were."""
        entry = self._entry("files", os.path.realpath(path))
        if entry is None or entry.get("marks") != [list(mark) if mark else None for mark in found]:
            return None
        return _mapping(entry.get("facts"))

    def remember_file(self, path: str, found: Sequence[Optional[Mark]], facts: Mapping[str, Any]) -> None:
        """Keep what was found in a file with these marks."""
        self._write("files", os.path.realpath(path), lambda _old: {"marks": found, "facts": facts})

    def recall(self, server_url: str, model_digest: str) -> Optional[Mapping[str, Any]]:
        """Return what was noted when the model with this manifest was created, or None where nothing is known."""
        return self._entry("models", _model_key(server_url, model_digest))

    def remember(self, server_url: str, model_digest: str, facts: Mapping[str, Any]) -> bool:
        """Keep what the model with this manifest was made from; ``facts`` are JSON values.

        Returns whether it was written.
        """
        return self.amend(server_url, model_digest, lambda _old: facts)

    def amend(self, server_url: str, model_digest: str, change: Change) -> bool:
        """Keep what ``change`` makes of the note on the model with this manifest; return whether it was written.

        No other thread or process writes in between.
        """
        return self._write("models", _model_key(server_url, model_digest), change)

    @property
    def path(self) -> str:
        """The file."""
        return os.path.join(self._place, FILE)

    def _entry(self, section: str, key: str) -> Optional[Mapping[str, Any]]:
        with self._lock:
            (mark,) = marks([os.path.join(self._place, FILE)])
            if mark != self._mark:
                self._mark, self._held = mark, self._read()
            return _mapping(self._held[section].get(key))

    def _read(self) -> Sections:
        try:
            if not self._is_ours():
                return _sections(None)
            with open(os.path.join(self._place, FILE), encoding="utf-8") as file:
                return _sections(json.loads(file.read(MAX_STATE_FILE_BYTES)))
        except (OSError, ValueError, RecursionError):
            return _sections(None)

    def _is_ours(self) -> bool:
        """Whoever else could write here could make us take one file for another."""
        now = os.stat(self._place)
        return now.st_uid == os.geteuid() and not now.st_mode & (stat.S_IWGRP | stat.S_IWOTH)

    def _write(self, section: str, key: str, change: Change) -> bool:
        if not self._writable:
            return False

        def add(sections: Sections) -> None:
            entries = sections[section]
            entries[key] = change(_mapping(entries.pop(key, None)) or {})
            for oldest in list(entries)[:-MAX_ENTRIES]:
                del entries[oldest]

        with contextlib.suppress(OSError), self._lock:
            os.makedirs(self._place, mode=0o700, exist_ok=True)
            if self._is_ours():
                with _locked(os.path.join(self._place, f"{FILE}.lock")):
                    self._change(add)
                    return True
        return False

    def _change(self, change: Callable[[Sections], None]) -> None:
        sections = self._read()
        change(sections)
        handle, fresh = tempfile.mkstemp(prefix=f".{FILE}-", dir=self._place)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"version": VERSION, **sections}, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, os.path.join(self._place, FILE))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(fresh)
            raise


def _model_key(server_url: str, model_digest: str) -> str:
    return f"{server_url.rstrip('/')} {model_digest[model_digest.find(':') + 1 :]}"


def _mapping(value: Any) -> Optional[Mapping[str, Any]]:
    return value if isinstance(value, dict) else None


def _sections(value: Any) -> Sections:
    """Return the sections of what was read; none of another version's."""
    known = value if isinstance(value, dict) and value.get("version") == VERSION else {}
    return {name: known[name] if isinstance(known.get(name), dict) else {} for name in ("files", "models")}


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    """Hold a lock among processes; raise OSError where another one does not let go."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)
        yield
    finally:
        os.close(handle)
