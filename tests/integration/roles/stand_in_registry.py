# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the registries of images and models: any size, tokens, indexes, files on a second host."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
WEIGHTS = "application/vnd.ollama.image.model"
TOKEN = "for-anybody"


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class StandIn:
    """Listens on all addresses, since hosts of the bed come by the bridge's; ``address`` is the one that they use.

    ``wants_token`` has whoever has none sent to get one. Files are at ``files``, if that is set, and else here. What is
    in ``silent`` gets no answer, and what is in ``refused`` this status. ``ahead`` is how many seconds its clock is.
    """

    address: str
    wants_token: bool = False
    files: str = ""
    manifests: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    refused: dict[str, int] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    ahead: float = 0.0
    port: int = 0

    @property
    def host(self) -> str:
        return f"{self.address}:{self.port}"

    def model(self, name: str, size: int, header: bytes = b"") -> str:
        """Serve a model of so many bytes, of which only ``header`` can be had."""
        weights = {"mediaType": WEIGHTS, "digest": digest(f"{name} {size}".encode()), "size": size}
        self.blobs[str(weights["digest"])] = header
        self.manifests[f"library/{name}"] = self._manifest([weights])
        return f"{self.host}/library/{name}"

    def image(self, name: str, sizes: dict[str, int]) -> str:
        """Serve an image with a layer of so many bytes for each architecture, by an index."""
        repository = name.partition(":")[0]
        entries = []
        for architecture, size in sizes.items():
            layer = {"mediaType": "x", "digest": digest(architecture.encode()), "size": size}
            body = self._manifest([layer])
            self.manifests[f"{repository}:{digest(body)}"] = body
            platform = {"os": "linux", "architecture": architecture}
            entries.append({"mediaType": MANIFEST, "digest": digest(body), "size": len(body), "platform": platform})
        self.manifests[name] = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
        return f"{self.host}/{name}"

    def _manifest(self, layers: list[dict[str, Any]]) -> bytes:
        config = b"{}"
        self.blobs[digest(config)] = config
        told = {"mediaType": "x", "digest": digest(config), "size": len(config)}
        return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": told, "layers": layers}).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: StandIn

    def do_GET(self) -> None:
        registry = self.registry
        registry.requests.append(self.path)
        parts = self.path.partition("?")[0].strip("/").split("/")
        name = f"{'/'.join(parts[1:-2])}:{parts[-1]}"
        if name in registry.silent:
            registry.released.wait(60)
        elif parts == ["token"]:
            self._answer(200, json.dumps({"token": TOKEN}).encode())
        elif registry.wants_token and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            realm = f'Bearer realm="http://{registry.host}/token",service="stand-in",scope="repository:x:pull"'
            self._answer(401, b"{}", **{"WWW-Authenticate": realm})
        elif name in registry.refused:
            self._answer(registry.refused[name], b"not now")
        elif parts[-2] == "blobs" and registry.files:
            self._answer(307, b"", Location=f"http://{registry.files}/far/blobs/{parts[-1]}")
        else:
            found = (registry.blobs if parts[-2] == "blobs" else registry.manifests).get(
                parts[-1] if parts[-2] == "blobs" else name
            )
            self._answer(404 if found is None else 200, found or b"{}")

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string((timestamp or time.time()) + self.registry.ahead)

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Keep quiet; the registry remembers."""


@contextlib.contextmanager
def listening(address: str, **given: Any) -> Iterator[StandIn]:
    registry = StandIn(address, **given)
    server = ThreadingHTTPServer(("0.0.0.0", 0), type("Handler", (_Handler,), {"registry": registry}))
    server.daemon_threads = True
    server.block_on_close = False
    registry.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield registry
    finally:
        registry.released.set()
        server.shutdown()
        server.server_close()
