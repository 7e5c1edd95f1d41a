"""A proxy that gives no connection more than its time, as many before Ollama do. A double of nginx and its like."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from urllib.parse import urlsplit

PIECE = 64 * 1024


class CuttingProxy:
    """Passes bytes to ``target`` and back, and ends each connection after ``seconds``."""

    def __init__(self, target: str, seconds: float) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 80)
        self._seconds = seconds
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            back = threading.Thread(target=_copy, args=(client, server), daemon=True)
            back.start()
            _copy(server, client, time.monotonic() + self._seconds)
            for end in (client, server):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            back.join()


def _copy(source: socket.socket, target: socket.socket, until: float | None = None) -> None:
    with contextlib.suppress(OSError):
        while until is None or time.monotonic() < until:
            if until is not None:
                source.settimeout(max(0.01, until - time.monotonic()))
            piece = source.recv(PIECE)
            if not piece:
                return
            target.sendall(piece)
