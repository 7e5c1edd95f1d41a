"""A registry that misbehaves on demand, for a real Ollama to pull from. For truth there is the bed's real one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import struct
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from front_store import AGENT

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = "application/vnd.docker.container.image.v1+json"
WEIGHTS = "application/vnd.ollama.image.model"
SYSTEM = "application/vnd.ollama.image.system"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
PIECE = 1 << 20
# Closing with this sends a reset, as a process that was killed does.
RESET = struct.pack("ii", 1, 0)  # linger on, for no time


def digest(data: bytes) -> str:
    """Return the digest as manifests write it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Fault:
    """What goes wrong with a request, so many times (None: always), after ``skip`` that went well.

    ``after`` bytes of the body, ``hang`` stops sending, ``cut`` closes the connection and ``reset`` resets it.
    ``late`` seconds pass before the answer, and ``pause`` after each ``piece`` bytes of it. ``headers`` come on top;
    a ``{self}`` in them is the request's own path.
    """

    status: int = 200
    body: bytes | None = None
    content_type: str = MANIFEST
    headers: dict[str, str] = field(default_factory=dict)
    after: int = 0
    hang: bool = False
    cut: bool = False
    reset: bool = False
    late: float = 0.0
    pause: float = 0.0
    piece: int = PIECE
    times: int | None = None
    skip: int = 0


@dataclass
class Registry:
    """Serves ``manifests`` by "namespace/model:tag" and ``blobs`` by digest, unless there is a fault for it.

    The fault of a manifest goes by the model, that of a blob by the kind of the request ("head", "blob" where it asks
    for the address, "raw" where it asks for the bytes), alone or with the digest after it. ``served`` counts the
    bytes that went out by digest, and ``busiest`` tells how many requests were answered at once at most.
    """

    address: str
    manifests: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    served: Counter[str] = field(default_factory=Counter)
    busy: int = 0
    busiest: int = 0
    released: threading.Event = field(default_factory=threading.Event)
    server: _Server | None = None
    port: int = 0
    connections: set[socket.socket] = field(default_factory=set)
    rude: set[socket.socket] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Listen on all addresses, since containers come by the bridge's; after `die` on the same port again."""
        self.released = threading.Event()
        self.server = _Server(("0.0.0.0", self.port), type("Handler", (_Handler,), {"registry": self}))
        self.server.registry = self
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening, and let go of what hangs."""
        self.released.set()
        if self.server:
            self.server.shutdown()
            self.server.server_close()

    def die(self) -> None:
        """Be gone as a killed process is: nothing listens, and open connections are reset."""
        for connection in list(self.connections):
            self.be_rude(connection)
        self.stop()

    def be_rude(self, connection: socket.socket) -> None:
        """Have a connection reset by the thread that serves it."""
        self.rude.add(connection)
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.shutdown(socket.SHUT_RD)

    @property
    def host(self) -> str:
        """The registry's name as a part of a model's."""
        return f"{self.address}:{self.port}"

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
            if fault.skip:
                fault.skip -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
            return fault
        return None


@contextlib.contextmanager
def _counting(registry: Registry) -> Iterator[None]:
    with registry.lock:
        registry.busy += 1
        registry.busiest = max(registry.busiest, registry.busy)
    try:
        yield
    finally:
        with registry.lock:
            registry.busy -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    registry: Registry

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever breaks a download off breaks a connection off."""

    def shutdown_request(self, request: Any) -> None:
        """Close a connection; one that is to be reset must not say goodbye first."""
        if request in self.registry.rude:
            self.close_request(request)
        else:
            super().shutdown_request(request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: Registry

    def setup(self) -> None:
        super().setup()
        self.registry.connections.add(self.connection)

    def finish(self) -> None:
        self.registry.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        if self.headers.get("User-Agent") != AGENT:
            self.registry.requests.append(f"{self.command} {self.path}")
        with _counting(self.registry):
            self._find()

    do_HEAD = do_GET  # noqa: N815

    def _find(self) -> None:
        self.registry.agents.add(self.headers.get("User-Agent", ""))
        parts = self.path.strip("/").split("/")
        with contextlib.suppress(ConnectionError):
            if parts[-2] == "manifests":
                model = f"{'/'.join(parts[1:-2])}:{parts[-1]}"
                self._answer(self.registry.manifests.get(model), self.registry.fault_for(model), MANIFEST)
            else:
                # Ollama asks for the size, then for the address, and for the bytes there.
                kind = "raw" if parts[0] == "raw" else "head" if self.command == "HEAD" else "blob"
                self._answer(
                    self.registry.blobs.get(parts[-1]), self.registry.fault_for(f"{kind} {parts[-1]}", kind), "", kind
                )
            return
        self.close_connection = True

    def _answer(self, data: bytes | None, fault: Fault | None, kind: str, what: str = "") -> None:
        fault = fault or Fault(content_type=kind or "application/octet-stream")
        if fault.late:
            self.registry.released.wait(fault.late)
        data = fault.body if fault.body is not None else data
        status = fault.status
        if data is None:
            data, status = b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', 404
        first, end = 0, len(data)
        asked = self.headers.get("Range", "")
        if what == "raw" and asked and status == 200:
            start, last = asked.removeprefix("bytes=").split("-")
            first, end, status = int(start), min(end, int(last or end) + 1), 206
        if not (fault.hang and not fault.after):
            self.send_response_only(status)
            self.send_header("Content-Type", fault.content_type)
            self.send_header("Content-Length", str(end - first))
            headers = (
                {"Location": f"http://{self.registry.host}/raw/{self.path.split('/')[-1]}"} if what == "blob" else {}
            )
            for name, value in {**headers, **fault.headers}.items():
                self.send_header(name, value.replace("{self}", self.path))
            self.end_headers()
        if self.command != "HEAD":
            broken = fault.hang or fault.cut or fault.reset
            self._send(memoryview(data)[first : min(end, first + fault.after) if broken else end], fault, what)

    def _send(self, data: memoryview, fault: Fault, what: str) -> None:
        """Send what the fault lets through, piece by piece, so that the registry can die between two."""
        released = self.registry.released
        for start in range(0, len(data), fault.piece):
            piece = data[start : start + fault.piece]
            self.wfile.write(piece)
            if what == "raw":
                self.registry.served[self.path.split("/")[-1]] += len(piece)
            if self.connection in self.registry.rude or (fault.pause and released.wait(fault.pause)):
                break
        if fault.hang:
            released.wait(120)
        if fault.reset:
            self.registry.be_rude(self.connection)
        self.close_connection |= fault.hang or fault.cut or fault.reset or released.is_set()

    def log_message(self, *args: Any) -> None:
        """Keep quiet; the registry remembers."""
