# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the Open WebUI of a host finds each Ollama of the inventory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..addresses import WILDCARDS, bracketed
from .instances import entries, instance_option

LOOPBACK = re.compile(r"127[.]|::1$")


def ollama_servers(
    hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]], near_host: str
) -> list[dict[str, Any]]:
    """Return all servers of these hosts, as they are reached from one of them."""
    return [
        _server(host, hostvars[host], entry, near=host == near_host, first=number == 0)
        for host in hosts
        for number, entry in enumerate(entries(hostvars[host]))
    ]


def _server(host: str, its: Mapping[str, Any], entry: Mapping[str, Any], *, near: bool, first: bool) -> dict[str, Any]:
    bind = str(instance_option(its, entry, "bind_address"))
    others = entry.get("url_for_others", its.get("ollama_url_for_others", ""))
    if near:
        # Over the containers' own network, whatever port the host publishes.
        url = f"http://{'ollama' if first else entry.get('name', '')}:11434"
    else:
        address = str(its.get("ansible_host", host)) if bind in WILDCARDS else bind
        url = others or f"http://{bracketed(address)}:{instance_option(its, entry, 'port')}"
    return {"host": host, "near": near, "reached": others != "" or not LOOPBACK.match(bind), "url": url}
