# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the words mean in which a pull fails, and whether they are worth another try."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

# Words of a refusal by a firewall, which most often is the one that the roles put up.
_CLOSED = (
    "where its way out is closed (llm_egress), list the model in ollama_models, or open the way for the pull with "
    "docker_egress"
)

# (what the server says, what that means and what to do); the first that fits is told, and
# none of these gets better by itself.
_FINAL = (
    (
        r"manifest: file does not exist|manifest unknown|manifest: 404\b",
        "the registry has no such model; check the name and the tag",
    ),
    (
        r"file does not exist|(?<![:/\w])404\b",
        "the registry lacks a file that its manifest names; push the model to it anew, or take another one",
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
    (r"stopped after \d+ redirects", "the registry redirects in a circle; mend it, or what stands before it"),
    (r"invalid character|invalid digest format", "what the registry sent is no manifest; check that it is one"),
    (r"unsupported protocol scheme", "the registry wants a password, which Ollama cannot give"),
    (r"MLX", "this model is in a format that the server cannot run"),
)
# "context canceled" comes to a pull that joins one which the server is just breaking off.
_LINE_TROUBLE = (
    r"EOF|context canceled|time-?out|deadline exceeded|reset by peer|broken pipe|max retries|unreachable"
    r"|no route to host|server misbehaving|temporary failure|stream error|(?<![:/\w])5\d\d\b"
)
_PASSING = (
    (r"digest mismatch", "what arrived is not what the manifest names; the registry or a cache before it is broken"),
    (r"connection refused", "nothing answers at the registry's address, as the server sees it"),
    (
        r"(?<![:/\w])429\b",
        "the registry wants fewer requests than it gets, so that a download does not hold; try again later",
    ),
    # All that 0.9.3 lets out of half a minute of refusals, of whatever kind.
    (
        r"^context deadline exceeded",
        "the registry refused a file for 30 seconds, or the connection to it does not hold; see the server's log",
    ),
    (
        r"max retries exceeded: (unexpected )?EOF",
        "the registry breaks a file off again and again, or sends something else in its place; try again later",
    ),
    (r"no route to host", f"the server has no way to the registry; {_CLOSED}"),
    (
        r"\blookup \S+ on \S+ .*(time-?out|server misbehaving|temporary failure)",
        f"the server gets no answer where it asks for the registry's address; {_CLOSED}",
    ),
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
