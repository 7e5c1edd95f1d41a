# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Session tokens that the tasks of a play share, because Open WebUI takes few sign-ins.

They are kept in memory (tmpfs) of the managed host, for its user alone, an hour at most.
Nothing here is needed: whatever is wrong with it, a task signs in.
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

LONGEST_SECONDS = 3600
# What a guess at the password costs whoever could read the file, and a task each time: some 15 ms.
WORK = {"n": 2**12, "r": 8, "p": 1}


def directory() -> Optional[str]:
    """Return where this user's tokens are kept; None where there is no place that a restart empties."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if not _is_private(runtime):
        runtime = "/run" if os.geteuid() == 0 and os.path.isdir("/run") else ""
    return os.path.join(runtime, "selfhosted-llm") if runtime else None


def _is_private(path: str) -> bool:
    """Tell whether a folder is this user's, and nobody else can write there."""
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
    """Remove the tokens that are too old for anybody."""
    for entry in os.scandir(place):
        if (
            not entry.name.endswith(".lock")
            and time.time() - entry.stat(follow_symlinks=False).st_mtime > LONGEST_SECONDS
        ):
            os.unlink(entry.path)


class SignIns:
    """The token of one account at one server. It is given only to who knows the password that it was got with."""

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
            fresh = 0 <= time.time() - kept["time"] < LONGEST_SECONDS
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
        """Drop the token, which the server no longer takes."""
        if self._path:
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    def _proof(self, salt: bytes) -> bytes:
        return hashlib.scrypt(self._password.encode("utf-8", "surrogatepass"), salt=salt, **WORK)
