"""Open WebUI's lists of back ends as a person at the browser reads and writes them, and a back end that remembers."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Collection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from conftest import Webui

FRESH: dict[str, dict[str, Any]] = {
    "openai": {
        "ENABLE_OPENAI_API": False,
        "OPENAI_API_BASE_URLS": ["https://api.openai.example/v1"],
        "OPENAI_API_KEYS": ["sk-foreign"],
        "OPENAI_API_CONFIGS": {"0": {"enable": True, "extra": [1, {"a": None}]}},
    },
    "ollama": {"ENABLE_OLLAMA_API": True, "OLLAMA_BASE_URLS": [], "OLLAMA_API_CONFIGS": {}},
}


class BackEnd:
    """A double of an OpenAI-compatible server that writes down the headers that it sees; no real one shows them."""

    def __init__(self, host: str) -> None:
        self.headers: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer((host, 0), type("Handler", (_Handler,), {"back_end": self}))
        self._server.daemon_threads = True
        self.url = f"http://{host}:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def seen(self, webui: Webui, header: str, value: str | None) -> None:
        """Let the server ask for models until a header comes as it should."""
        end = time.monotonic() + 20
        while not self.headers or self.headers[-1].get(header) != value:
            assert time.monotonic() < end, f"{header} came otherwise"
            models(webui)
            time.sleep(0.2)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    back_end: BackEnd

    def do_GET(self) -> None:
        self.back_end.headers.append({name.lower(): value for name, value in self.headers.items()})
        known = self.headers.get("Authorization") != "Bearer sk-wrong"
        answer = {"object": "list", "data": [{"id": "small"}, {"id": "large"}]} if known else {"error": "no such key"}
        data = json.dumps(answer).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


def from_root(webui: Webui, path: str, body: Any = None) -> Any:
    """Make a call beside the API: GET, or POST with a body."""
    request = urllib.request.Request(
        f"{webui.url}/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {webui.token}"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def config(webui: Webui, kind: str, new: Any = None) -> Any:
    """Read or write the lists of a kind."""
    return from_root(webui, f"{kind}/config" + ("" if new is None else "/update"), new)


def both(webui: Webui) -> dict[str, Any]:
    """Return the lists of both kinds."""
    return {kind: config(webui, kind) for kind in FRESH}


def models(webui: Webui, *there: str, gone: Collection[str] = ()) -> dict[str, Any]:
    """Return what people are offered, by id, once these are among it and those are gone.

    Versions before 0.10 go on showing what they knew for a second after a write.
    """
    end = time.monotonic() + 20
    while True:
        found = {model["id"]: model for model in from_root(webui, "api/models?refresh=true")["data"]}
        if set(there) <= set(found) and not set(gone) & set(found):
            return found
        assert time.monotonic() < end, f"wanted {there} and not {gone}, but these are offered: {sorted(found)}"
        time.sleep(0.2)
