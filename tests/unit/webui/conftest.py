# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A double of the server, and a client of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from doubles.webui_call import KEY
from doubles.webui_http import HttpWebui, MakeClient

from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_sign_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has signed in before a test."""
    place = tmp_path / "sign-ins"
    place.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))


@pytest.fixture
def server() -> Iterator[HttpWebui]:
    double = HttpWebui()
    yield double
    double.close()


@pytest.fixture
def client(server: HttpWebui) -> MakeClient:
    def make(read_only: bool = False, **params: Any) -> Client:
        given = {"token": KEY, "admin_email": None, "admin_password": None, **params}
        common = {"url": server.url, "timeout": 10.0, "validate_certs": True, "ca_path": None}
        return Client({**common, **given}, read_only)

    return make
