# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pulling a model: what ends well, what is worth another try, and what to tell a person."""

from __future__ import annotations

import re
import time
from typing import Any, Callable, Mapping, Optional

from ...engine.errors import Failure
from ...http.messages import one_line
from ...http.session import HttpFailure
from ..api.client import Client
from ..api.names import ModelName
from .trouble import Trouble

MAX_PAUSE = 30.0


def trouble(words: str, registry: str = "") -> Trouble:
    """Return what an error of a pull means; ``registry`` is the host in the model's name, where it is known."""
    # A host compiles the table for each task, so only where a pull fails.
    from . import errors

    return errors.trouble(words, registry)


def _http_trouble(error: HttpFailure, stall_timeout: float, registry: str = "") -> Trouble:
    """Return why a call to the server itself failed."""
    if error.stalled:
        return _standstill(stall_timeout)
    if error.status is None:
        lost = error.cut or "connection refused" in error.words
        return Trouble("", error.message.rstrip("."), "the server's log may say why", passing=lost)
    if error.status in (401, 403, 405):
        cause = f"what answers at {error.url} refuses pulls ({error.status})"
        return Trouble(error.words, cause, "give its credentials as headers, or let it pass /api/pull")
    if error.status in (502, 503, 504):
        return Trouble(error.words, f"the proxy before Ollama gave no answer of it ({error.status})", passing=True)
    if error.status == 429:
        cause = f"what answers at {error.url} wants fewer requests than it gets (429)"
        return Trouble(error.words, cause, "try again later", passing=True)
    known = trouble(error.words, registry)
    if known.cause or error.status < 500:
        return known
    return Trouble(error.words, f"the server failed ({error.status})", "its log may say why", passing=True)


def _standstill(stall_timeout: float) -> Trouble:
    cause = f"no byte moved for {stall_timeout:g} seconds"
    return Trouble("", cause, "try again later, or raise stall_timeout", passing=True)


class _Moved:
    """The bytes that an attempt has, of all files together, and when it last got some.

    A server may repeat itself, count back what it has to fetch again, and tell of several
    files in turn; only a byte more of a file, or a step that is new, has moved something.
    """

    def __init__(self) -> None:
        self._files: dict[str, int] = {}
        self._steps: set[str] = set()
        self._last = time.monotonic()

    def note(self, line: Mapping[str, Any]) -> None:
        step, file = str(line.get("status")), str(line.get("digest"))
        # Both numbers are left out while they are 0.
        completed = int(line.get("completed") or 0)
        if step not in self._steps or completed > self._files.get(file, 0):
            self._last = time.monotonic()
        self._steps.add(step)
        if "digest" in line:
            self._files[file] = completed

    @property
    def total(self) -> int:
        return sum(self._files.values())

    @property
    def still(self) -> float:
        """For how many seconds nothing has moved."""
        return time.monotonic() - self._last


def pull(
    client: Client,
    name: ModelName,
    *,
    insecure: bool,
    stall_timeout: float,
    retries: int,
    sleep: Callable[[float], None] = time.sleep,
    watch: Callable[[Mapping[str, Any]], None] = lambda line: None,
) -> None:
    """Pull a model to the end; raise Failure where it cannot be.

    ``watch`` is given each line of progress as the server sends it.

    ``retries`` is how many attempts in a row may fail without having moved a byte further:
    the server resumes, so a long download over a bad line goes on as long as it gets on.
    """
    furthest, failed, mismatched = 0, 0, False
    while True:
        moved = _Moved()
        found = _attempt(client, name, insecure, stall_timeout, moved, watch)
        if found is None:
            return
        failed = 1 if moved.total > furthest else failed + 1
        furthest = max(furthest, moved.total)
        # One mismatch may be a fault on the way; a second one is what the registry has.
        again = found.passing and failed <= retries and not (found.mismatch and mismatched)
        if not again:
            raise _failure(name, found)
        mismatched = mismatched or found.mismatch
        sleep(min(MAX_PAUSE, 2.0 ** min(failed - 1, 10)))


def _attempt(
    client: Client,
    name: ModelName,
    insecure: bool,
    stall_timeout: float,
    moved: _Moved,
    watch: Callable[[Mapping[str, Any]], None],
) -> Optional[Trouble]:
    """Return None where the pull succeeded: its last line says so, and no line an error."""
    last: Mapping[str, Any] = {}
    lines = client.pull(name.display, insecure, stall_timeout)
    try:
        for last in lines:
            if last.get("error"):
                return trouble(str(last["error"]), name.host)
            moved.note(last)
            if moved.still >= stall_timeout:
                return _standstill(stall_timeout)
            watch(last)
    except HttpFailure as error:
        return _http_trouble(error, stall_timeout, name.host)
    finally:
        lines.close()
    if last.get("status") == "success":
        return None
    return Trouble("", "the server's answer ended before it said 'success'", "look at its log", passing=True)


def _failure(name: ModelName, found: Trouble) -> Failure:
    words = _quoted(found.words)
    if found.meaning is None:
        return Failure(f"The model {name.display} could not be pulled; the server said: {words}.")
    said = f" (the server said: {words})" if words else ""
    return Failure(f"The model {name.display} could not be pulled: {found.meaning}{said}.")


def _quoted(words: str) -> str:
    """Return the server's words as one line, without what is secret or long in addresses: passwords and signatures."""
    words = re.sub(r"(https?|socks5h?)://[^/@\s\"]*@", r"\1://", words)
    return one_line(re.sub(r"(https?://[^\s\"?]+)\?[^\s\"]*", r"\1", words)).rstrip(".")
