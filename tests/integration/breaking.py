"""A recorder that breaks one write: refuses it, loses it on its way, or loses its answer."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from recorder import SAFE, Recorder, Request, _Handler

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed import ReadableBuffer

REFUSED, LOST, ANSWER_LOST = "refused", "lost", "answer lost"


class Breaking(Recorder):
    """A recorder that breaks the write of this ``number`` (from 1) in this ``way``. ``accepted`` counts the others."""

    def __init__(self, target: str, reads: Iterable[str], number: int, way: str) -> None:
        super().__init__(target, reads)
        self.number = number
        self.way = way
        self.written = 0
        self.accepted = 0
        self._server.RequestHandlerClass = type("Handler", (_Breaker,), {"recorder": self})

    @property
    def broke(self) -> bool:
        """Tell whether there was a write of this number."""
        return self.written >= self.number


class _Breaker(_Handler):
    recorder: Breaking

    def _pass(self) -> None:
        recorder = self.recorder
        if self.command in SAFE or f"{self.command} {self.path.partition('?')[0]}" in recorder.reads:
            super()._pass()
            return
        with recorder._lock:
            recorder.written += 1
            breaks = recorder.written == recorder.number
        if not breaks:
            super()._pass()
            return
        recorder.note(Request(self.command, self.path))
        try:
            self._break(recorder.way)
        finally:
            recorder.over()

    def _break(self, way: str) -> None:
        if way == ANSWER_LOST:
            silent, self.wfile = self.wfile, _Nowhere()
            try:
                self._answer(None)
            finally:
                self.wfile = silent
        else:
            for _piece in self._body():
                pass
        if way == REFUSED:
            body = json.dumps({"detail": "This write was broken by the test."}).encode()
            self.send_response_only(400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            self.close_connection = True

    do_POST = do_PUT = do_DELETE = do_PATCH = _pass  # noqa: N815 (http.server calls these names)

    def _back(self, answer: object) -> None:
        status = int(getattr(answer, "status", 500))
        read = self.command in SAFE or f"{self.command} {self.path.partition('?')[0]}" in self.recorder.reads
        if not read and status < 400:
            with self.recorder._lock:
                self.recorder.accepted += 1
        super()._back(answer)  # type: ignore[arg-type]


class _Nowhere(io.BufferedIOBase):
    """What takes all and keeps nothing."""

    def write(self, data: ReadableBuffer, /) -> int:
        return memoryview(data).nbytes
