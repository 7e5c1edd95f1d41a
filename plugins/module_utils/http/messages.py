# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Error messages for failed requests: the server's own error text, or a plain sentence."""

from __future__ import annotations

import errno
import json
from typing import Any, Iterator, Mapping, Union

MAX_CHARACTERS = 300
EMPTY = "an empty response"


def one_line(text: Union[str, bytes]) -> str:
    """Return text as one line of at most MAX_CHARACTERS."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    line = " ".join(text.split())
    return line if len(line) <= MAX_CHARACTERS else line[: MAX_CHARACTERS - 6] + " [...]"


def error_words(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """Return the error text of a response with an unexpected status; ``headers`` have lower-case names."""
    if 300 <= status < 400:
        target = headers.get("location", "nowhere")
        return f"a redirect to {one_line(target)}; set url to that address"
    kind = headers.get("content-type", "").lower()
    if "json" in kind:
        try:
            return one_line(_json_words(json.loads(body)))
        except ValueError:
            pass
    if "html" in kind:
        return "an HTML page instead of JSON; check that url is the address of the server itself"
    return one_line(body) or EMPTY


def _json_words(answer: Any) -> str:
    if isinstance(answer, Mapping):
        for name in ("error", "detail", "message"):
            if answer.get(name):
                return _json_words(answer[name])
    if isinstance(answer, list):
        return "; ".join(_entry_words(entry) for entry in answer)
    return answer if isinstance(answer, str) else json.dumps(answer)


def _entry_words(entry: Any) -> str:
    # FastAPI includes the rejected input in each entry, which may be a password.
    if isinstance(entry, Mapping) and "msg" in entry:
        place = ".".join(str(part) for part in entry.get("loc", ()) if part != "body")
        return f"{place}: {entry['msg']}" if place else str(entry["msg"])
    return str(entry)


def connection_words(error: BaseException, seconds: float) -> tuple[str, bool, bool]:
    """Return (message, stalled, cut) for an error below HTTP; ``seconds`` is the time limit."""
    chain = list(_causes(error))
    names = {type(cause).__name__ for cause in chain}
    text = one_line(str(chain[-1]))
    if any("WRONG_VERSION_NUMBER" in str(cause) for cause in chain):
        return "the server speaks plain HTTP, not TLS; use http:// in the address", False, False
    if names & {"SSLError", "SSLCertVerificationError", "CertificateError"}:
        return (
            f"TLS failed ({text}); set ca_path to the CA's certificate, or validate_certs: false",
            False,
            False,
        )
    if names & {"ConnectTimeout", "ConnectTimeoutError"}:
        return "connecting timed out; check the address and the firewall", False, False
    if names & {"ReadTimeout", "ReadTimeoutError", "TimeoutError", "timeout"}:
        return f"no answer for {seconds:g} seconds", True, False
    if names & {"NameResolutionError", "gaierror"}:
        return "the host name cannot be resolved; check url", False, False
    if any(isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED for cause in chain):
        return "connection refused; check url and that the server runs", False, False
    if is_dropped(error):
        return "the server closed the connection before the response was complete", False, True
    return f"the request failed ({text})", False, False


def is_dropped(error: BaseException) -> bool:
    """Tell whether an open connection was lost, so that a new one may succeed."""
    dropped = {"RemoteDisconnected", "ConnectionResetError", "BrokenPipeError", "IncompleteRead", "ProtocolError"}
    return any(type(cause).__name__ in dropped for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, as requests and urllib3 wrap them, once each."""
    seen: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or any(cause is known for known in seen):
            continue
        seen.append(cause)
        yield cause
        waiting += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]
