# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that are in daemon.json and that the running dockerd has not taken up, noted on the host.

dockerd tells nobody which settings it runs with. So a run that is cut off between its write and the restart would
leave the settings unused for ever: the next run finds the file as wanted. The note is written before the file, lies
where a reboot removes it, and ends with the next start of dockerd or with the reload that a role makes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from typing import Optional

PATH = "/etc/docker/daemon.json"
NOTE = "/run/selfhosted-llm-docker/settings.json"
PID_FILE = "/run/docker.pid"


@dataclass(frozen=True)
class Pending:
    """What dockerd has not taken up. ``before`` is the digest of the file without it, empty where there was none."""

    changed_keys: tuple[str, ...]
    restart: bool
    before: str
    backup_file: str = ""
    since: float = 0.0


def digest(path: str) -> str:
    """Return a digest of a file's content; nothing where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return ""


def read(path: str) -> Optional[Pending]:
    """Return what is pending of the file, or None. Where no dockerd runs nothing is: it reads all at its start."""
    started = _started()
    if path != PATH or started is None:
        return None
    try:
        with open(NOTE, encoding="utf-8") as file:
            noted = json.load(file)
        found = Pending(**{**noted, "changed_keys": tuple(noted["changed_keys"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    # A run that ended before it replaced the file has left nothing to take up.
    if found.since <= started or digest(path) == found.before:
        return None
    return found


def note(path: str, pending: Pending) -> None:
    """Note what is about to be written, together with what is pending already; nothing where no dockerd runs.

    Raises OSError where the note cannot be written, so that the settings are not written either.
    """
    if path != PATH or _started() is None:
        return
    folder = os.path.dirname(NOTE)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=".settings.", dir=folder)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            json.dump({**asdict(pending), "since": time.time()}, file)
        os.replace(draft, NOTE)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


def _started() -> Optional[float]:
    """Return when the running dockerd started, which is when it wrote its pid file; None where none runs."""
    try:
        with open(PID_FILE, encoding="ascii") as file:
            os.kill(int(file.read()), 0)
        return os.stat(PID_FILE).st_mtime
    except PermissionError:
        return os.stat(PID_FILE).st_mtime
    except (OSError, ValueError):
        return None
