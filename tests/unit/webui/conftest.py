# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A double of the server, and a client of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from webui_double import KEY, Server

from ansible_collections.selfhosted.llm.plugins.module_utils.webui.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def server() -> Iterator[Server]:
    double = Server()
    yield double
    double.close()


@pytest.fixture
def client(server: Server) -> Callable[..., Client]:
    def make(read_only: bool = False, **params: Any) -> Client:
        given = {"token": KEY, "admin_email": None, "admin_password": None, **params}
        common = {"url": server.url, "timeout": 10.0, "validate_certs": True, "ca_path": None}
        return Client({**common, **given}, read_only)

    return make
