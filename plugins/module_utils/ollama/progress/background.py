# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module run that goes on in the background, and its answer.

A module can tell nothing before it ends. So one that has long work to do forks: the child
does the work and keeps a directory up to date, the parent ends with the directory's name.
What the child would have printed becomes a file there, so it is the answer of any module.

In the directory are `state` (how far it is), `answer` (once it has ended), and `beat`,
which the controller touches. Nothing there holds an option of the task.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import threading
import time
from contextlib import suppress
from typing import Any, Callable, Mapping, Optional

from ...engine.errors import Failure

PREFIX = "ansible_ollama_job_"
STATE, ANSWER, BEAT = "state", "answer", "beat"
_UNFINISHED = ".part"
# A run that ends within so many seconds is answered by the module itself, like any other.
AT_ONCE = 2.0
# So long the child goes on without a sign of the controller, which may only have lost its connection.
PATIENCE = 120.0
TICK = 1.0
# The answer to a full disk must find room on it.
ROOM = 65536
# A running job renames a file in its directory each second; one so old was left by a host or controller that died.
LEFT_OVER = 3600.0
# Who puts the answer there, or removes the directory, is not disturbed by the other.
_writing = threading.Lock()

Tell = Callable[[], Mapping[str, Any]]


def hand_over(tell: Tell) -> None:
    """Return in a new process that goes on with the work; the old one answers and ends here.

    ``tell`` says how far the work is, as what JSON can carry. Where the host has no room for
    a directory or a process, this returns in the old process, and nobody is told anything.
    """
    directory = None
    try:
        _sweep(tempfile.gettempdir())
        directory = tempfile.mkdtemp(prefix=PREFIX)
        _reserve(directory)
        alive, held = os.pipe()
        child = os.fork()
    except OSError:
        remove(directory)
        return
    if child:
        os.close(held)
        _answer(directory, child, alive)
    else:
        os.close(alive)
        try:
            _go_on(directory, tell, held)
        except OSError:
            # It must not answer on its parent's behalf.
            os._exit(1)


def give(directory: str) -> None:
    """End this module with the answer of a job that has ended."""
    _print(take(directory))
    raise SystemExit(0)


def take(directory: str) -> str:
    """Return a job's answer and remove its directory, which ends the job if it has not ended.

    Raises Failure where there is no answer.
    """
    text = ""
    with suppress(OSError), open(os.path.join(directory, ANSWER), encoding="utf-8") as file:
        text = file.read()
    remove(directory)
    if not text.strip():
        raise Failure(
            "The transfer ended without a result, because its process on the host was killed (is there memory left?) "
            "or the host was restarted; run the task again, which resumes what was downloaded."
        )
    return text


def remove(directory: Optional[str]) -> None:
    """Remove a job's directory, and nothing that is none."""
    if directory and os.path.basename(directory).startswith(PREFIX):
        shutil.rmtree(directory, ignore_errors=True)


def _answer(directory: str, child: int, alive: int) -> None:
    """Wait for a quick end, print the answer or where it will be, and end this process."""
    # What waits here has a directory to remove.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        # A byte says that the child no longer hangs on our terminal; the end of the pipe, that it has answered.
        os.read(alive, 1)
        ended = bool(select.select([alive], [], [], AT_ONCE)[0])
    except BaseException:
        remove(directory)
        raise
    handed_over = {"changed": True, "job": {"directory": directory, "pid": child}}
    text = take(directory) if ended else json.dumps(handed_over)
    try:
        _print(text)
    except OSError:
        # Nobody listens any more, so nobody would fetch the answer.
        remove(directory)
    # Not by the ordinary road, which removes the code that the child still runs.
    os._exit(0)


def _print(text: str) -> None:
    sys.stdout.write(f"\n{text.strip()}\n")
    sys.stdout.flush()


def _go_on(directory: str, tell: Tell, held: int) -> None:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 2):
        os.dup2(nothing, stream)
    answer = os.open(os.path.join(directory, ANSWER + _UNFINISHED), os.O_WRONLY)
    os.dup2(answer, 1)
    for opened in (nothing, answer):
        os.close(opened)
    with suppress(OSError):
        os.write(held, b".")
    keeper = threading.Thread(target=_keep, args=(directory, tell), daemon=True)
    keeper.start()
    atexit.register(_finish, directory, tell, held, keeper)


def _sweep(place: str) -> None:
    """Remove the directories of jobs whose answers nobody fetched."""
    with os.scandir(place) as entries:
        found = [entry for entry in entries if entry.name.startswith(PREFIX)]
    for entry in found:
        with suppress(OSError):
            about = entry.stat(follow_symlinks=False)
            if about.st_uid == os.geteuid() and time.time() - about.st_mtime > LEFT_OVER:
                remove(entry.path)


def _reserve(directory: str) -> None:
    for name, size in ((ANSWER + _UNFINISHED, ROOM), (BEAT, 0)):
        with open(os.path.join(directory, name), "wb") as file:
            file.write(b" " * size)


def _finish(directory: str, tell: Tell, held: int, keeper: threading.Thread) -> None:
    """Put the answer in its place, after the last state, and stay until somebody fetched it."""
    path = os.path.join(directory, ANSWER)
    with _writing:
        with suppress(OSError):
            sys.stdout.flush()
            os.ftruncate(1, os.lseek(1, 0, os.SEEK_CUR))
        with suppress(OSError):
            _write_state(directory, tell(), beat=-1)
        with suppress(OSError):
            os.rename(path + _UNFINISHED, path)
    os.close(held)
    keeper.join()


def _keep(directory: str, tell: Tell) -> None:
    """Write how far the work is; end this process when the controller is gone for too long or wants no more."""
    beat, seen, since = 0, 0, time.monotonic()
    while True:
        beat += 1
        with suppress(OSError):
            _write_state(directory, tell(), beat)
        try:
            touched = os.stat(os.path.join(directory, BEAT)).st_mtime_ns
        except OSError:
            break
        now = time.monotonic()
        if touched != seen:
            seen, since = touched, now
        elif now - since > PATIENCE:
            break
        time.sleep(TICK)
    # For good: what is written while a directory is removed keeps it there.
    _writing.acquire()
    remove(directory)
    _remove_payload()
    # The server stops a pull when the connection that asked for it closes, and keeps what it has.
    os._exit(1)


def _write_state(directory: str, state: Mapping[str, Any], beat: int) -> None:
    path = os.path.join(directory, STATE)
    with open(path + _UNFINISHED, "w", encoding="utf-8") as file:
        json.dump({**state, "beat": beat}, file)
    os.rename(path + _UNFINISHED, path)


def _remove_payload() -> None:
    """Remove the code that Ansible unpacked for this run, as it would have done at an ordinary end."""
    for path in sys.path:
        folder, name = os.path.split(path)
        if name.startswith("ansible_") and name.endswith("_payload.zip"):
            shutil.rmtree(folder, ignore_errors=True)
