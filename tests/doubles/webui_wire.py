# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real client of Open WebUI, connected to the double without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

import requests
from requests.adapters import BaseAdapter

from ansible_collections.selfhosted.llm.plugins.module_utils.http.session import Session
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import Client
from doubles.webui_call import decoded

if TYPE_CHECKING:
    from doubles.webui import Webui


def connected(
    server: Webui, read_only: bool, foreseen: Mapping[str, list[str]] | None, params: Mapping[str, Any]
) -> Client:
    """Return a client whose requests go to ``server``."""
    unset = {"admin_email": None, "admin_password": None, "timeout": 10.0, "validate_certs": True, "ca_path": None}
    client = Client({**unset, **params, "url": server.url}, read_only, foreseen)
    client._session = _WiredSession(server, read_only)
    client.hide(params.get("token"), params.get("admin_password"))
    return client


class _WiredSession(Session):
    """A session all of whose connections lead to the double."""

    def __init__(self, server: Webui, read_only: bool) -> None:
        super().__init__(server.url, read_only=read_only)
        self._server = server

    def _client(self, fresh: bool | None) -> requests.Session:
        client = super()._client(fresh)
        client.mount(self.url, _Wire(self._server))
        return client


class _Wire(BaseAdapter):
    def __init__(self, server: Webui) -> None:
        super().__init__()
        self._server = server

    def send(self, request: requests.PreparedRequest, *_options: Any, **_more: Any) -> requests.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        kind = request.headers.get("Content-Type", "")
        body: Any = request.body or b""
        # An upload is sent in pieces.
        raw = body if isinstance(body, bytes) else b"".join(body)
        reply = self._server.answer(request.method or "", request.path_url, decoded(kind, raw), token)
        response = requests.Response()
        response.request, response.url = request, request.url or ""
        response.status_code = reply.status
        response.headers["Content-Type"] = reply.kind
        response._content = reply.data()
        return response

    def close(self) -> None:
        """There is nothing to close."""
