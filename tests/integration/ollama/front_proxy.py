"""How the front passes requests on: as they are, edited as one document, or edited line by line."""

from __future__ import annotations

import contextlib
import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recorder import HOP_HEADERS, PIECE, Asked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from urllib.parse import SplitResult

JSON, LINES = "application/json; charset=utf-8", "application/x-ndjson"
Line = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """An answer of the front's own."""

    status: int
    body: Any
    content_type: str = JSON


class Passing(Asked):
    """Has the server behind answer."""

    target: SplitResult

    @contextlib.contextmanager
    def _behind(self, body: bytes | None) -> Iterator[http.client.HTTPResponse | None]:
        """Ask the server behind; nothing where it does not answer, and then neither does the front."""
        upstream = http.client.HTTPConnection(self.target.hostname or "", self.target.port, timeout=600)
        try:
            try:
                answer = self._asked(upstream, body)
            except (OSError, http.client.HTTPException):
                self.close_connection = True
                answer = None
            yield answer
        finally:
            upstream.close()

    def _asked(self, upstream: http.client.HTTPConnection, body: bytes | None) -> http.client.HTTPResponse:
        upstream.putrequest(self.command, self.path, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP_HEADERS and not (body is not None and name.lower() == "content-length"):
                upstream.putheader(name, value)
        chunked = body is None and "chunked" in self.headers.get("Transfer-Encoding", "")
        if chunked:
            upstream.putheader("Transfer-Encoding", "chunked")
        elif body is not None:
            upstream.putheader("Content-Length", str(len(body)))
        upstream.endheaders()
        for piece in self._body() if body is None else [body]:
            upstream.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            upstream.send(b"0\r\n\r\n")
        return upstream.getresponse()

    def _pass(self, body: bytes | None = None) -> None:
        with self._behind(body) as answer:
            if answer is None:
                return
            bodyless = self.command == "HEAD" or answer.status in (204, 304)
            length = answer.headers.get("Content-Length")
            self._head(answer.status, answer.headers.get("Content-Type"), None if bodyless else length, bodyless)
            self._pieces(iter(lambda: b"" if bodyless else answer.read1(PIECE), b""), length is None and not bodyless)

    def _edit(self, body: bytes, edited: Callable[[Line], Line]) -> None:
        with self._behind(body) as answer:
            if answer is not None:
                content = answer.read()
                kind = answer.headers.get("Content-Type") or JSON
                with contextlib.suppress(ValueError):
                    content = json.dumps(edited(json.loads(content))).encode()
                self._own(Answer(answer.status, content, kind))

    def _stream(self, body: bytes, edited: Callable[[Line], Iterator[Line]]) -> None:
        """Pass on line by line; an error ends the answer, and where it is all of it, it is its status."""
        with self._behind(body) as answer:
            if answer is None:
                return
            if LINES not in (answer.headers.get("Content-Type") or ""):
                content = answer.read()
                told = list(edited(json.loads(content))) if content else []
                self._own(Answer(answer.status, json.dumps(told[-1]).encode() if told else b"", JSON))
                return
            lines = (line for raw in iter(answer.readline, b"") for line in edited(json.loads(raw)))
            first = next(lines, None)
            if first is not None and "error" in first:
                self._own(Answer(first.get("status") or 500, {"error": first["error"]}, "application/json"))
                return
            self._head(200, LINES, None, first is None)
            self._pieces(self._encoded(first, lines), True)

    def _encoded(self, first: Line | None, lines: Iterator[Line]) -> Iterator[bytes]:
        for line in [] if first is None else [first]:
            yield json.dumps(line).encode() + b"\n"
        for line in lines:
            failed = "error" in line
            yield json.dumps({"error": line["error"]} if failed else line).encode() + b"\n"
            if failed:
                return

    def _head(self, status: int, kind: str | None, length: str | None, bodyless: bool) -> None:
        self.send_response_only(status)
        if kind:
            self.send_header("Content-Type", kind)
        if length is not None or bodyless:
            self.send_header("Content-Length", length or "0")
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _pieces(self, pieces: Iterator[bytes], chunked: bool) -> None:
        try:
            for piece in pieces:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                self.wfile.flush()
        except http.client.HTTPException:
            # Broken off behind: broken off here as well, so that a module sees a cut answer.
            self.close_connection = True
            return
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _own(self, answer: Answer) -> None:
        lines = answer.body if isinstance(answer.body, list) else [answer.body]
        content = b"".join(one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n" for one in lines)
        self._head(answer.status, answer.content_type, str(len(content)), not content)
        self.wfile.write(content)
