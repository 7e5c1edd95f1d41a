"""A double of Ollama 0.32.15's create, in front of the bed's 0.9.3: it writes each uploaded GGUF file again.

As in the exchanges that were recorded from it: the tensors come in another order, the padding at the end goes, two keys
move to the end, the upload stays, and the stream says `verifying conversion`.
"""

from __future__ import annotations

import hashlib
import json
import threading
import urllib.error
import urllib.request
from dataclasses import replace
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import recorder as recording
from testbed import gguf_files

VERSION = "0.32.15"
QUANTIZATION_VERSION = gguf_files.pair("general.quantization_version", 4, (2).to_bytes(4, "little"))
FILE_TYPE = "general.file_type"
# llama.cpp's guess where there is none: F16, and the mark of a guess.
GUESSED = gguf_files.pair(FILE_TYPE, 4, (1024 + 1).to_bytes(4, "little"))


def digest(content: bytes) -> str:
    """Return a file's digest as the server writes it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def rewritten(content: bytes) -> bytes:
    """Return what the server makes of a file; of one that it made, the same."""
    parts = gguf_files.taken_apart(content)
    level = next((one for one in parts.pairs if gguf_files.name_of(one) == FILE_TYPE), GUESSED)
    others = [one for one in parts.pairs if one != QUANTIZATION_VERSION and gguf_files.name_of(one) != FILE_TYPE]
    tensors = tuple(sorted(parts.tensors, key=_place))
    return gguf_files.written(replace(parts, pairs=(*others, QUANTIZATION_VERSION, level), tensors=tensors))


def _place(tensor: gguf_files.Tensor) -> tuple[int, str]:
    layer = tensor.name.split(".")
    return (int(layer[1]) if layer[0] == "blk" else -1, tensor.name)


class Front:
    """The front at ``url``. ``blobs`` are the files that it knows, by digest."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target)
        self.blobs: dict[str, bytes] = {}
        # What each create is refused with, once.
        self.refusals: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"recorder": self}))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def note(self, request: recording.Request) -> None:
        """Count nothing; the recorder before this does."""

    def over(self) -> None:
        """Count nothing."""

    def keep(self, content: bytes) -> str:
        """Give the server a file; return its digest."""
        name = digest(content)
        self.blobs[name] = content
        request = urllib.request.Request(f"{self.target.geturl()}/api/blobs/{name}", data=content, method="POST")
        urllib.request.urlopen(request, timeout=60).close()
        return name

    def create(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        """Create a model, and return the lines of the stream."""
        lines = [{"status": "parsing GGUF"}]
        if self.refusals:
            return [*lines, {"error": self.refusals.pop(0)}]
        for name, file in body.get("files", {}).items():
            # What the server behind has stored anew by itself is as it would be here.
            if file in self.blobs:
                body["files"][name] = self.keep(rewritten(self.blobs[file]))
            lines.append({"status": "verifying conversion"})
        data = json.dumps({**body, "stream": False}).encode()
        request = urllib.request.Request(f"{self.target.geturl()}/api/create", data=data, method="POST")
        try:
            urllib.request.urlopen(request, timeout=60).close()
        except urllib.error.HTTPError as error:
            return [*lines, json.loads(error.read())]
        return [*lines, {"status": "writing manifest"}, {"status": "success"}]


class _Handler(recording._Handler):
    recorder: Front  # type: ignore[assignment]

    def _answer(self, instead: recording.Instead | None) -> None:
        blob = self.path.removeprefix("/api/blobs/")
        if self.path == "/api/version":
            self._say(json.dumps({"version": VERSION}).encode())
        elif self.path == "/api/create":
            lines = self.recorder.create(json.loads(b"".join(self._body())))
            self._say(b"".join(json.dumps(line).encode() + b"\n" for line in lines), "application/x-ndjson")
        elif self.command == "HEAD" and blob != self.path:
            self._say(b"", status=200 if blob in self.recorder.blobs else 404)
        elif self.command == "POST" and blob != self.path:
            self.recorder.keep(b"".join(self._body()))
            self._say(b"", status=201)
        else:
            super()._answer(instead)

    def _say(self, body: bytes, kind: str = "application/json", status: int = 200) -> None:
        self._own(recording.Instead(status, body, kind, None, 0))
