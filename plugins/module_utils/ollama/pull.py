# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pulling a model: what ends well, what is worth another try, and what to tell a person."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any, Callable, Mapping, Optional

from ..errors import Failure
from ..http import HttpFailure
from .client import Client
from .names import ModelName

LONGEST_PAUSE = 30.0

# (what the server says, what that means and what to do); the first that fits is told, and
# none of these gets better by itself.
_FINAL = (
    (
        r"file does not exist|manifest unknown|(?<![:/\w])404\b",
        "the registry has no such model; check the name and the tag",
    ),
    (r"(?<![:/\w])412\b|newer version", "this model needs a newer Ollama; upgrade the server first"),
    (r"no space left", "the server's disk is full; free space where it keeps its models"),
    (r"read-only file system|permission denied", "the server cannot write where it keeps its models"),
    (r"unauthorized|access denied|(?<![:/\w])40[13]\b", "the registry wants a login that the server does not have"),
    (r"invalid model name", "the server does not take this name"),
    (
        r"HTTP response to HTTPS client|not look like a TLS handshake",
        "the registry speaks plain HTTP; set insecure if the network between is trusted",
    ),
    (r"x509|certificate", "the server does not trust the registry's certificate; add its CA in the container"),
    (r"no such host", "the server cannot find the registry by its name"),
    (r"no Location header", "the registry sends files itself, without the Location header that Ollama asks for"),
    (r"unexpected status code 30\d", "the registry redirects in a way that Ollama does not follow; it asks for 307"),
    (r"invalid character|invalid digest format", "what the registry sent is no manifest; check that it is one"),
    (r"unsupported protocol scheme", "the registry wants a password, which Ollama cannot give"),
    (r"MLX", "this model is in a format that the server cannot run"),
)
# "context canceled" comes to a pull that joins one which the server is just breaking off.
_LINE_TROUBLE = (
    r"EOF|context canceled|time-?out|deadline exceeded|reset by peer|broken pipe|max retries|unreachable"
    r"|no route to host|server misbehaving|temporary failure|stream error|(?<![:/\w])(?:429|5\d\d)\b"
)
_PASSING = (
    (r"digest mismatch", "what arrived is not what the manifest names; the registry or a cache before it is broken"),
    (r"connection refused", "nothing answers at the registry's address, as the server sees it"),
    (
        _LINE_TROUBLE,
        "the connection between the server and the registry does not hold; try again later",
    ),
)


@dataclass(frozen=True)
class Trouble:
    """Why an attempt did not end well. ``words`` are the server's, ``meaning`` ours."""

    words: str
    meaning: Optional[str]
    passing: bool
    mismatch: bool = False


def trouble(words: str) -> Trouble:
    """Return what the server's words mean."""
    # An address holds names that a person chose, which say nothing of what went wrong.
    told = re.sub(r'"?https?://[^\s"]+"?', "", words)
    for pattern, meaning in _FINAL:
        if re.search(pattern, told, re.IGNORECASE):
            return Trouble(words, meaning, passing=False)
    for pattern, meaning in _PASSING:
        if re.search(pattern, told, re.IGNORECASE):
            return Trouble(words, meaning, passing=True, mismatch="digest mismatch" in words.lower())
    return Trouble(words, None, passing=False)


def _http_trouble(error: HttpFailure, stall_timeout: float) -> Trouble:
    if error.stalled:
        meaning = f"no byte moved for {stall_timeout:g} seconds; try again later, or raise stall_timeout"
        return Trouble("", meaning, passing=True)
    if error.status is None:
        lost = error.cut or "connection refused" in error.words
        return Trouble(error.words, "the server did not stay to the end; look at its log", passing=lost)
    if error.status in (401, 403, 405):
        meaning = (
            f"what answers at {error.url} refuses pulls ({error.status}); give its credentials as headers, "
            f"or let it pass /api/pull"
        )
        return Trouble(error.words, meaning, passing=False)
    if error.status in (502, 503, 504):
        return Trouble(error.words, f"the proxy before Ollama gave no answer of it ({error.status})", passing=True)
    known = trouble(f"{error.status}: {error.words}")
    return Trouble(error.words, known.meaning, known.passing)


@dataclass
class _Moved:
    """The bytes that an attempt had, of all files together."""

    files: dict[str, int]

    def note(self, line: Mapping[str, Any]) -> None:
        if line.get("digest") and line.get("completed"):
            self.files[str(line["digest"])] = int(line["completed"])

    @property
    def total(self) -> int:
        return sum(self.files.values())


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
        moved = _Moved({})
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
        sleep(min(LONGEST_PAUSE, 2.0 ** (failed - 1)))


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
                return trouble(str(last["error"]))
            moved.note(last)
            watch(last)
    except HttpFailure as error:
        return _http_trouble(error, stall_timeout)
    finally:
        lines.close()
    if last.get("status") == "success":
        return None
    return Trouble("", "the server's answer ended before it said 'success'; look at its log", passing=True)


def _failure(name: ModelName, found: Trouble) -> Failure:
    said = f" (the server said: {found.words.rstrip('.')})" if found.words else ""
    if found.meaning is None:
        return Failure(f"The model {name.display} could not be pulled; the server said: {found.words.rstrip('.')}.")
    return Failure(f"The model {name.display} could not be pulled: {found.meaning}{said}.")
