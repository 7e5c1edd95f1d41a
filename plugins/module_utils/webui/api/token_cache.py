# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Session tokens that the tasks of a play share, because Open WebUI accepts few sign-ins.

They are kept in memory (tmpfs) of the managed host, readable only by its user, for at most an hour. Without a valid
cached token a task signs in.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import stat
import tempfile
import time
from typing import Any, Dict, Optional

MAX_AGE_SECONDS = 3600
# The cost of one guess at the password for a reader of the file, and of each task: about 15 ms.
WORK = {"n": 2**12, "r": 8, "p": 1}


def directory() -> Optional[str]:
    """Return the directory of this user's tokens; None if there is none that a restart empties."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if not _is_private(runtime):
        runtime = "/run" if os.geteuid() == 0 and os.path.isdir("/run") else ""
    return os.path.join(runtime, "selfhosted-llm") if runtime else None


def _is_private(path: str) -> bool:
    """Tell whether a directory belongs to this user and nobody else can write to it."""
    try:
        found = os.stat(path, follow_symlinks=False)
    except (OSError, ValueError):
        return False
    return (
        os.path.isabs(path)
        and stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.geteuid()
        and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def _tidy(place: str) -> None:
    """Remove the tokens that are too old."""
    for entry in os.scandir(place):
        if (
            not entry.name.endswith(".lock")
            and time.time() - entry.stat(follow_symlinks=False).st_mtime > MAX_AGE_SECONDS
        ):
            os.unlink(entry.path)


class TokenCache:
    """The token of one account at one server. Only tasks with the password of the sign-in can read it."""

    def __init__(self, url: str, email: str, password: str) -> None:
        place = directory()
        name = hashlib.sha256(f"{url.rstrip('/')}\n{email.lower()}".encode()).hexdigest()[:32]
        self._path = os.path.join(place, name) if place else ""
        self._password = password

    def recall(self) -> Optional[Dict[str, Any]]:
        """Return ``token``, ``id`` and ``email`` of an earlier sign-in, or None."""
        if not self._path or not _is_private(os.path.dirname(self._path)):
            return None
        try:
            with open(self._path, encoding="utf-8") as file:
                kept = json.load(file)
            fresh = 0 <= time.time() - kept["time"] < MAX_AGE_SECONDS
            if fresh and hmac.compare_digest(bytes.fromhex(kept["proof"]), self._proof(bytes.fromhex(kept["salt"]))):
                return {name: str(kept[name]) for name in ("token", "id", "email")}
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            pass
        return None

    def keep(self, token: str, account_id: str, email: str) -> None:
        """Keep a token for the tasks that follow."""
        if not self._path:
            return
        place, salt = os.path.dirname(self._path), os.urandom(16)
        kept = {"token": token, "id": account_id, "email": email, "time": int(time.time())}
        with contextlib.suppress(OSError, ValueError):
            os.makedirs(place, mode=0o700, exist_ok=True)
            if not _is_private(place):
                return
            _tidy(place)
            handle, fresh = tempfile.mkstemp(dir=place)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({**kept, "salt": salt.hex(), "proof": self._proof(salt).hex()}, file)
            os.replace(fresh, self._path)

    def forget(self) -> None:
        """Remove the token, which the server no longer accepts."""
        if self._path:
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    def _proof(self, salt: bytes) -> bytes:
        return hashlib.scrypt(self._password.encode("utf-8", "surrogatepass"), salt=salt, **WORK)
