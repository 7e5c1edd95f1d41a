"""A registry that misbehaves on demand, for a real Ollama to pull from. For truth there is the bed's real one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CONFIG = "application/vnd.docker.container.image.v1+json"
WEIGHTS = "application/vnd.ollama.image.model"
SYSTEM = "application/vnd.ollama.image.system"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def digest(data: bytes) -> str:
    """Return the digest as manifests write it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Fault:
    """What goes wrong with a request, so many times (None: always).

    ``after`` bytes of the body, ``hang`` stops sending and ``cut`` closes the connection.
    """

    status: int = 200
    body: bytes | None = None
    content_type: str = MANIFEST
    after: int = 0
    hang: bool = False
    cut: bool = False
    times: int | None = None


@dataclass
class Registry:
    """Serves ``manifests`` by "namespace/model:tag" and ``blobs`` by digest, unless there is a fault for it."""

    address: str
    manifests: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    released: threading.Event = field(default_factory=threading.Event)
    server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Listen on all addresses, since containers come by the bridge's."""
        self.server = ThreadingHTTPServer(("0.0.0.0", 0), type("Handler", (_Handler,), {"registry": self}))
        self.server.daemon_threads = True
        self.server.block_on_close = False
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop listening, and let go of what hangs."""
        self.released.set()
        if self.server:
            self.server.shutdown()
            self.server.server_close()

    @property
    def host(self) -> str:
        """The registry's name as a part of a model's."""
        assert self.server
        return f"{self.address}:{self.server.server_address[1]}"

    def name(self, model: str) -> str:
        """Return the complete name of "namespace/model:tag"."""
        return f"{self.host}/{model}"

    def publish(self, model: str, weights: bytes, system: str = "", pretty: bool = False) -> str:
        """Serve a model and return its complete name. A pretty manifest has another order and extra keys."""
        config = json.dumps({"model_format": "gguf", "model_family": "llama", "model_families": ["llama"]}).encode()
        layers = [self._layer(WEIGHTS, weights), *([self._layer(SYSTEM, system.encode())] if system else [])]
        content: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._layer(CONFIG, config),
            "layers": layers,
        }
        if pretty:
            content = {"annotations": {"made": "by hand"}, **dict(sorted(content.items(), reverse=True))}
        self.manifests[model] = json.dumps(content, indent=3 if pretty else None).encode()
        return self.name(model)

    def _layer(self, kind: str, data: bytes) -> dict[str, Any]:
        self.blobs[digest(data)] = data
        return {"mediaType": kind, "digest": digest(data), "size": len(data)}

    def fault_for(self, *keys: str) -> Fault | None:
        """Return the fault of a request that is still to happen."""
        for key in keys:
            fault = self.faults.get(key)
            if fault is None or fault.times == 0:
                continue
            if fault.times is not None:
                fault.times -= 1
            return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: Registry

    def do_GET(self) -> None:
        self.registry.requests.append(f"{self.command} {self.path}")
        self.registry.agents.add(self.headers.get("User-Agent", ""))
        parts = self.path.strip("/").split("/")
        with contextlib.suppress(ConnectionError):
            if parts[-2] == "manifests":
                model = f"{'/'.join(parts[1:-2])}:{parts[-1]}"
                self._answer(self.registry.manifests.get(model), self.registry.fault_for(model), MANIFEST)
            else:
                # Ollama asks for the address first, and for the bytes there.
                kind = "raw" if parts[0] == "raw" else "blob"
                self._answer(
                    self.registry.blobs.get(parts[-1]), self.registry.fault_for(f"{kind} {parts[-1]}", kind), "", kind
                )

    do_HEAD = do_GET  # noqa: N815

    def _answer(self, data: bytes | None, fault: Fault | None, kind: str, what: str = "") -> None:
        fault = fault or Fault(content_type=kind or "application/octet-stream")
        data = fault.body if fault.body is not None else data
        status = fault.status
        if data is None:
            data, status = b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', 404
        asked = self.headers.get("Range", "")
        if what == "raw" and asked and status == 200:
            first, last = asked.removeprefix("bytes=").split("-")
            data, status = data[int(first) : int(last or len(data)) + 1], 206
        if not (fault.hang and not fault.after):
            self.send_response_only(status)
            self.send_header("Content-Type", fault.content_type)
            self.send_header("Content-Length", str(len(data)))
            if what == "blob":
                self.send_header("Location", f"http://{self.registry.host}/raw/{self.path.split('/')[-1]}")
            self.end_headers()
        if self.command != "HEAD":
            self._send(data, fault)

    def _send(self, data: bytes, fault: Fault) -> None:
        if not (fault.hang or fault.cut):
            self.wfile.write(data)
            return
        self.wfile.write(data[: fault.after])
        self.wfile.flush()
        if fault.hang:
            self.registry.released.wait(120)
        self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Keep quiet; the registry remembers."""
