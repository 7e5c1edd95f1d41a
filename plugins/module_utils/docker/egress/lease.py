# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who needs a network's containers to reach everything for now: one file for each, so that nobody closes it for others.

A lease ends when its task releases it, a day after it was granted, at a boot, or when the process that holds it has
gone. A process holds a lease by a lock on its file, which the kernel releases however the process ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from dataclasses import dataclass
from typing import Iterator, List, Optional

from ...engine.errors import Failure

FOLDER = "/run/selfhosted-llm-egress"
LONGEST_SECONDS = 24 * 3600
# How long a lease that a process is to hold may wait for that process.
UNHELD_SECONDS = 600
# The lease of a task that names none. No process holds it.
ANONYMOUS = "anonymous"
# What a file says once a process has held it.
HELD = "held"
_NAME = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$")


@dataclass(frozen=True)
class Lease:
    """One lease. ``seconds`` is how long it may last yet; ``is_alive`` whether somebody still needs it."""

    name: str
    seconds: int
    is_alive: bool


def checked(name: str) -> str:
    """Return the name of a lease; raise Failure for one that cannot be a file's."""
    if not _NAME.match(name):
        raise Failure(f"Invalid lease '{name}': give letters, digits, dots, dashes and underscores, 128 at the most.")
    return name


def path_of(network: str, name: str) -> str:
    """Return the file that a process locks while it needs the lease."""
    return os.path.join(FOLDER, network, checked(name))


def leases(network: str) -> List[Lease]:
    """Return the leases of a network, those that have ended included."""
    try:
        names = sorted(os.listdir(os.path.join(FOLDER, network)))
    except OSError:
        return []
    return [found for found in (_lease(network, name) for name in names) if found]


def _lease(network: str, name: str) -> Optional[Lease]:
    try:
        with open(os.path.join(FOLDER, network, name), encoding="utf-8") as file:
            age = time.time() - os.fstat(file.fileno()).st_mtime
            said = file.read(16)
            is_held = _is_locked(file.fileno())
    except OSError:
        return None
    left = int(LONGEST_SECONDS - age)
    waits = name == ANONYMOUS or (said != HELD and age < UNHELD_SECONDS)
    return Lease(name, max(left, 1), left > 0 and (is_held or waits))


def _is_locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(handle, fcntl.LOCK_UN)
    return False


def grant(network: str, name: str) -> None:
    """Write a lease, or begin its day again."""
    path = path_of(network, name)
    try:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        # Never truncated: a process may hold it.
        with open(path, "a", encoding="utf-8"):
            os.utime(path)
    except OSError as error:
        raise Failure(
            f"Could not write {path} ({error.strerror}); run the task as root (become: true), or free some memory."
        ) from error


def release(network: str, name: str) -> None:
    """Remove a lease, and the folders that are empty then."""
    path = path_of(network, name)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    for folder in (os.path.dirname(path), FOLDER):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


@contextlib.contextmanager
def held(path: Optional[str]) -> Iterator[None]:
    """Hold the lease with this file; without a path hold nothing. Raises Failure where the lease has ended."""
    if not path:
        yield
        return
    try:
        file = open(path, "r+", encoding="utf-8")  # noqa: SIM115 - closed below, after what needs it
    except FileNotFoundError as error:
        raise Failure(
            f"The lease {path} has ended, so the way out of the containers may be closed; "
            f"open it again with docker_egress (opened: true) right before this task."
        ) from error
    except OSError as error:
        raise Failure(f"Could not lock {path} ({error.strerror}); run the task as root (become: true).") from error
    with file:
        fcntl.flock(file.fileno(), fcntl.LOCK_SH)
        moment = os.fstat(file.fileno())
        file.write(HELD)
        file.flush()
        # The day began with the grant.
        os.utime(file.fileno(), ns=(moment.st_atime_ns, moment.st_mtime_ns))
        yield
