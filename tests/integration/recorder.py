"""A reverse proxy between a module and a server: it counts requests, and answers in the server's place when told."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SAFE = ("GET", "HEAD", "OPTIONS")
PIECE = 64 * 1024
# These belong to one connection, and the proxy has two.
HOP_HEADERS = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "trailer", "upgrade", "host"}


@dataclass(frozen=True)
class Request:
    """One request that came by."""

    method: str
    path: str
    headers: dict[str, str] = field(compare=False, default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Instead:
    """An answer that the proxy gives itself."""

    status: int
    body: bytes
    content_type: str
    times: int | None
    skip: int


class Recorder:
    """A proxy to ``target`` at ``url``.

    ``reads`` are the "METHOD /path" (without the query) that change nothing although
    their method says otherwise.
    """

    def __init__(self, target: str, reads: Iterable[str] = ()) -> None:
        self.target = urlsplit(target)
        self.reads = frozenset(reads)
        self.requests: list[Request] = []
        self.instead: dict[str, Instead] = {}
        self._lock = threading.Condition()
        self._under_way = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"recorder": self}))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def clear(self) -> None:
        """Forget the requests so far; what ``answer`` said stays."""
        self.requests.clear()

    def answer(
        self,
        request: str,
        body: Any,
        status: int = 200,
        content_type: str = "application/json",
        times: int | None = None,
        skip: int = 0,
    ) -> None:
        """Answer "METHOD /path" without the server, for ever or so many times, after ``skip`` that it answers."""
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        data = text.encode() if isinstance(text, str) else text
        self.instead[request] = Instead(status, data, content_type, times, skip)

    def seen(self, *needles: str) -> list[str]:
        """Return the requests so far as text; with needles, those that contain one of them."""
        lines = [str(request) for request in self.requests]
        return [line for line in lines if not needles or any(needle in line for needle in needles)]

    def writes(self) -> list[str]:
        """Return the requests that could have changed something."""
        return [
            str(request)
            for request in self.requests
            if request.method not in SAFE and f"{request.method} {request.path.partition('?')[0]}" not in self.reads
        ]

    def settle(self) -> None:
        """Wait until the server has answered all that was sent, also by who is dead by now."""
        with self._lock:
            assert self._lock.wait_for(lambda: not self._under_way, timeout=60)

    def over(self) -> None:
        """Count a request that was answered."""
        with self._lock:
            self._under_way -= 1
            self._lock.notify_all()

    def note(self, request: Request) -> Instead | None:
        """Write a request down; return what to answer in the server's place."""
        with self._lock:
            self.requests.append(request)
            self._under_way += 1
            found = self.instead.get(f"{request.method} {request.path.partition('?')[0]}")
            if found is not None and found.skip:
                found.skip -= 1
                return None
            if found is not None and found.times is not None:
                if found.times == 0:
                    return None
                found.times -= 1
            return found


class Asked(BaseHTTPRequestHandler):
    """What a proxy is asked; where one side breaks off, so does the other."""

    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        """Serve one request."""
        with contextlib.suppress(ConnectionError, http.client.HTTPException, TimeoutError):
            super().handle_one_request()
            return
        self.close_connection = True

    def _body(self) -> Iterator[bytes]:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            piece = self.rfile.read(min(PIECE, left))
            if not piece:
                raise ConnectionError("who sent this is dead, and the server need not wait for the rest")
            left -= len(piece)
            yield piece

    def log_message(self, *args: Any) -> None:
        """Keep quiet."""


class _Handler(Asked):
    recorder: Recorder

    def _pass(self) -> None:
        instead = self.recorder.note(Request(self.command, self.path, dict(self.headers.items())))
        try:
            self._answer(instead)
        finally:
            self.recorder.over()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _pass  # noqa: N815 (http.server calls these names)

    def _answer(self, instead: Instead | None) -> None:
        if instead is not None:
            for _piece in self._body():
                pass
            self._own(instead)
            return
        target = self.recorder.target
        kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
        upstream = kind(target.hostname or "", target.port, timeout=600)
        try:
            try:
                answer = self._forward(upstream)
            except OSError:
                # The module must see what it would see without the proxy: no answer at all.
                self.close_connection = True
                return
            self._back(answer)
        finally:
            upstream.close()

    def _forward(self, upstream: http.client.HTTPConnection) -> http.client.HTTPResponse:
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "")
        upstream.putrequest(self.command, self.recorder.target.path + self.path, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP_HEADERS:
                upstream.putheader(name, value)
        if chunked:
            upstream.putheader("Transfer-Encoding", "chunked")
        upstream.endheaders()
        for piece in self._body():
            upstream.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            upstream.send(b"0\r\n\r\n")
        return upstream.getresponse()

    def _back(self, answer: http.client.HTTPResponse) -> None:
        bodyless = self.command == "HEAD" or answer.status in (204, 304)
        chunked = not bodyless and answer.headers.get("Content-Length") is None
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.headers.items():
            if name.lower() not in HOP_HEADERS:
                self.send_header(name, value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while not bodyless and (piece := answer.read1(PIECE)):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                self.wfile.flush()
        except http.client.HTTPException:
            # Broken off upstream: break off here as well, so the module sees a cut answer.
            self.close_connection = True
            return
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _own(self, instead: Instead) -> None:
        self.send_response_only(instead.status)
        self.send_header("Content-Type", instead.content_type)
        self.send_header("Content-Length", str(len(instead.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(instead.body)
