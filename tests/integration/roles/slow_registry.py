# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry with one model that trickles until it is let go; a stand-in for a slow line."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 16 * 1024
CONFIG = json.dumps({"model_format": "gguf", "model_family": "llama"}).encode()


def described(kind: str, data: bytes) -> dict[str, object]:
    return {"mediaType": kind, "digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}


class SlowRegistry:
    """Listens on all addresses, since containers come by the bridge's; `released` ends the trickle."""

    def __init__(self, weights: bytes) -> None:
        self.released = threading.Event()
        self.blobs = {str(described("", data)["digest"]): data for data in (CONFIG, weights)}
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "config": described("application/vnd.docker.container.image.v1+json", CONFIG),
                "layers": [described("application/vnd.ollama.image.model", weights)],
            }
        ).encode()
        self.server = ThreadingHTTPServer(("0.0.0.0", 0), type("Handler", (_Handler,), {"registry": self}))
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: SlowRegistry

    def do_GET(self) -> None:
        last = self.path.rpartition("/")[2]
        data = self.registry.manifest if "/manifests/" in self.path else self.registry.blobs[last]
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(data)))
        # Ollama takes the bytes from where this points to.
        self.send_header("Location", f"http://{self.headers['Host']}/raw/{last}")
        self.end_headers()
        if self.command == "GET":
            with contextlib.suppress(ConnectionError):
                self._trickle(data, slowly=self.path.startswith("/raw/") and data != CONFIG)

    do_HEAD = do_GET  # noqa: N815

    def _trickle(self, data: bytes, *, slowly: bool) -> None:
        for begin in range(0, len(data), PIECE):
            self.wfile.write(data[begin : begin + PIECE])
            if slowly and not self.registry.released.is_set():
                self.wfile.flush()
                time.sleep(0.2)

    def log_message(self, *args: object) -> None:
        """Keep quiet."""
