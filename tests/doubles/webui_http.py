# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The double of Open WebUI, served over HTTP."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable

from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import Client
from doubles.webui import Webui
from doubles.webui_call import decoded

# Takes ``read_only`` and the options of a module that differ from the usual.
MakeClient = Callable[..., Client]


@dataclass
class HttpWebui(Webui):
    """The double behind a port of its own, until `close`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"double": self}))
        self._http.daemon_threads = True
        self._http.block_on_close = False
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, else each answer waits 40 ms for an acknowledgement
    double: Webui

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        body = decoded(self.headers.get("Content-Type") or "", raw)
        reply = self.double.answer(self.command, self.path, body, token)
        data = reply.data()
        self.send_response_only(reply.status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 (http.server calls these names)

    def log_message(self, *args: Any) -> None:
        """Keep quiet."""
