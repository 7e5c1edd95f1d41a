# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""daemon.json on the disk: read, judged by dockerd itself, replaced in one stroke."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import tempfile
import time
from typing import Iterator, Optional

from ..converge import HIDDEN
from ..errors import Failure
from .daemon import Config, parse, passwords

# Where dockerd is installed when PATH, as a module sees it, does not say (Debian, Docker's packages, by hand).
DOCKERD_FOLDERS = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
NEW_MODE = 0o644
VALIDATE_TIMEOUT = 30


def read(path: str) -> Config:
    """Return the settings of the file; a file that is not there has none."""
    try:
        with open(path, encoding="utf-8-sig") as handle:
            text = handle.read()
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise Failure(
            f"{path} is not UTF-8 text and was left as it is; mend it by hand, "
            f"or move it away to begin with an empty one."
        ) from error
    except OSError as error:
        raise Failure(_told(error, "read", path)) from error
    return parse(text, path)


def validate(text: str, path: str) -> bool:
    """Have dockerd judge the text before it replaces ``path``; False where no dockerd here can (older than 23.0)."""
    dockerd = shutil.which("dockerd") or shutil.which("dockerd", path=DOCKERD_FOLDERS)
    if dockerd is None:
        return False
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".json") as draft:
        draft.write(text)
        draft.flush()
        try:
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
    for password in passwords(parse(text, path)):
        words = words.replace(password, HIDDEN)
    raise Failure(f"dockerd refuses the new settings, so {path} was left as it is: {words}")


def write(path: str, text: str, backup: bool) -> Optional[str]:
    """Replace the file whole, through a link to what it points to; return the copy's path if ``backup``."""
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    try:
        os.makedirs(folder, mode=0o755, exist_ok=True)
        saved = _save(target) if backup and os.path.exists(target) else None
        with _draft(folder) as draft:
            with open(draft, "w", encoding="utf-8") as handle:
                handle.write(text)
                handle.flush()
                _dress(handle.fileno(), target)
                os.fsync(handle.fileno())
            os.replace(draft, target)
        _sync(folder)
    except OSError as error:
        raise Failure(_told(error, "replace", target)) from error
    return saved


@contextlib.contextmanager
def _draft(folder: str) -> Iterator[str]:
    handle, draft = tempfile.mkstemp(prefix=".daemon.json.", dir=folder)
    os.close(handle)
    try:
        yield draft
    finally:
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
    saved = f"{target}.{time.strftime('%Y-%m-%d@%H:%M:%S')}~"
    shutil.copy2(target, saved)
    return saved


def _sync(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _told(error: OSError, verb: str, path: str) -> str:
    reason = error.strerror or str(error)
    if isinstance(error, PermissionError):
        return f"No permission to {verb} {path}; run the task as root (become: true)."
    return f"Could not {verb} {path} ({reason}); nothing was changed there."
