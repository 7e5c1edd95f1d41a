# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""daemon.json on the disk: read, judged by dockerd itself, replaced in one stroke."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import os
import shutil
import stat
import subprocess
import tempfile
import time
from typing import Iterator, Optional

from ...engine import writes
from ...engine.errors import Failure
from ...engine.secrets import redacted, secrets_in
from .config import Config, parse

# Where dockerd is installed when PATH, as a module sees it, does not say (Debian, Docker's packages, by hand).
DOCKERD_FOLDERS = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
NEW_MODE = 0o644
VALIDATE_TIMEOUT = 30
# Longer than another run may take over its own change, dockerd's judgement included.
LOCK_TIMEOUT = 45
# Ten thousand registries fit in; whatever is larger is another file.
MAX_BYTES = 4 * 1024 * 1024

_ANEW = "mend it by hand, or move it away to begin with an empty one"
_WAYS_OUT = {
    errno.EISDIR: "a bind mount of a missing file makes such a folder: remove it to begin with an empty file",
    errno.ELOOP: "the links lead to each other: remove them to begin with an empty file",
    errno.ENOTDIR: "a file stands where a folder should: move it away, or give another path",
    errno.EROFS: "its file system is read-only: mount it writable, or give a path elsewhere",
    errno.EBUSY: "it is a mount of its own: change it where it is mounted from",
    errno.ENOSPC: "the file system is full: free some space",
    errno.EDQUOT: "the quota is used up: free some space",
}


def read(path: str) -> Config:
    """Return the settings of the file; a file that is not there has none."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            _refuse_other_kinds(os.fstat(file.fileno()), path)
            content = file.read()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Failure(_told(error, "read", path)) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Failure(f"{path} is not UTF-8 text and was left as it is; {_ANEW}.") from error
    return parse(text, path)


def _without_waiting(path: str, flags: int) -> int:
    # A pipe would keep us until somebody writes to it.
    return os.open(path, flags | os.O_NONBLOCK)


def _refuse_other_kinds(status: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Failure(
            f"{path} is a device, a pipe or a socket and was left as it is; remove it to begin with an empty file."
        )
    if status.st_size > MAX_BYTES:
        raise Failure(
            f"{path} is {status.st_size // 1024 // 1024} MiB large, which no settings of Docker's are, and was left "
            f"as it is; move it away to begin with an empty one."
        )


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """Keep other runs from changing the file, so that of two at once neither loses what the other wrote.

    The lock is on the folder above the file's own, which may not be there yet. It ends with the process. Without leave
    to read that folder, and on some network file systems, there is none; the file is still replaced whole.
    """
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):
            folder = _nearest(os.path.dirname(os.path.dirname(os.path.realpath(path))))
            handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            held.callback(os.close, handle)
            _lock(handle, path)
        yield


def _lock(handle: int, path: str) -> None:
    end = time.monotonic() + LOCK_TIMEOUT
    while not _take(handle):
        if time.monotonic() > end:
            raise Failure(
                f"Another run has been changing {path} for {LOCK_TIMEOUT} seconds; wait for its end and run this again."
            )
        time.sleep(0.05)


def _take(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def obstacle(path: str) -> Optional[str]:
    """Return why the file cannot be replaced, as far as can be told without trying, or None."""
    folder = _nearest(os.path.dirname(os.path.realpath(path)))
    if not os.path.isdir(folder):
        return _told(NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)), "replace", path)
    if os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        return None
    code = errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES
    return _told(OSError(code, os.strerror(code)), "replace", path)


def _nearest(folder: str) -> str:
    """Return the folder, or the nearest above it that is there."""
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    return folder


def validate(text: str, path: str) -> bool:
    """Have dockerd judge the text before it replaces ``path``; False where no dockerd here can (older than 23.0)."""
    dockerd = shutil.which("dockerd") or shutil.which("dockerd", path=DOCKERD_FOLDERS)
    if dockerd is None:
        return False
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".json") as draft:
            draft.write(text)
            draft.flush()
            answer = subprocess.run(  # noqa: S603 - found where daemons are, and given a file of our own
                [dockerd, "--validate", f"--config-file={draft.name}"],
                check=False,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=VALIDATE_TIMEOUT,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failure(
            f"{dockerd} --validate did not answer ({error}), so {path} was left as it is; "
            f"set validate=false to do without."
        ) from error
    words = " ".join((answer.stderr + answer.stdout).replace(draft.name, path).split())
    if answer.returncode == 0:
        return True
    if "unknown flag: --validate" in words:
        return False
    words = redacted(words, set(secrets_in(parse(text, path))))
    raise Failure(
        f"dockerd refuses the new settings, so {path} was left as it is; mend or remove what it names: {words}"
    )


def write(path: str, text: str, backup: bool) -> Optional[str]:
    """Replace the file whole, through a link to what it points to; return the copy's path if ``backup``."""
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    try:
        os.makedirs(folder, mode=0o755, exist_ok=True)
        _sweep(target)
        saved = _save(target) if backup and os.path.exists(target) else None
        with _draft(target) as draft:
            with open(draft, "w", encoding="utf-8") as handle:
                handle.write(text)
                handle.flush()
                _dress(handle.fileno(), target)
                os.fsync(handle.fileno())
            os.replace(draft, target)
            writes.accepted()
        _sync(folder)
    except OSError as error:
        raise Failure(_told(error, "replace", target)) from error
    return saved


@contextlib.contextmanager
def _draft(target: str) -> Iterator[str]:
    folder, name = os.path.split(target)
    handle, draft = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    os.close(handle)
    try:
        yield draft
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)


def _sweep(target: str) -> None:
    """Remove the drafts of runs that were killed; while this one has the lock nobody else's is in use."""
    folder, name = os.path.split(target)
    for draft in glob.glob(glob.escape(os.path.join(folder, f".{name}.")) + "*"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)


def _dress(handle: int, target: str) -> None:
    """Give the draft the owner, the mode and the SELinux label of what it replaces."""
    try:
        old = os.stat(target)
    except FileNotFoundError:
        os.fchmod(handle, NEW_MODE)
        return
    with contextlib.suppress(PermissionError):
        os.fchown(handle, old.st_uid, old.st_gid)
    os.fchmod(handle, stat.S_IMODE(old.st_mode))
    with contextlib.suppress(OSError):
        os.setxattr(handle, "security.selinux", os.getxattr(target, "security.selinux"))


def _save(target: str) -> str:
    saved, number = _copy_name(target), 0
    while os.path.lexists(saved):
        # The copy of a write within the same second holds what this one does not.
        number += 1
        saved = _copy_name(target, f".{number}")
    with _draft(target) as draft:
        shutil.copy2(target, draft)
        os.replace(draft, saved)
    return saved


def _copy_name(target: str, suffix: str = "") -> str:
    return f"{target}.{time.strftime('%Y-%m-%d@%H:%M:%S')}{suffix}~"


def _sync(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _told(error: OSError, verb: str, path: str) -> str:
    reason = error.strerror or str(error)
    if isinstance(error, PermissionError):
        if os.geteuid() == 0:
            return (
                f"No permission to {verb} {path} even as root ({reason}); look for an immutable attribute (lsattr) "
                f"or a security module that forbids it."
            )
        return f"No permission to {verb} {path}; run the task as root (become: true)."
    way_out = _WAYS_OUT.get(error.errno or 0, "look at the path and its file system")
    return f"Could not {verb} {path} ({reason}), and nothing was changed there; {way_out}."
