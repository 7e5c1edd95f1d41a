# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an Open WebUI was told to go: its connections, variables and settings, as addresses for docker_egress."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

# Variables and settings that by their names are addresses; not the server's own.
URL_NAMES = re.compile('"([^"]*(?:url|urls|uri|endpoint|proxy))": *"([^"]+)"', re.IGNORECASE)
OWN_NAMES = re.compile("(?i)^webui[._]url$|redirect")
HOST_NAMES = re.compile('"([^"]*_(?=HOST")|[^"]*(?=host"))(?:HOST|host)": *"([^"]+)"')
PORT_NAMES = re.compile('"([^"]*)(?:PORT|port)": *"?([0-9]+)"?')
# What is told by a host alone: the ports of LDAP, which the server knows by itself.
KNOWN_PORTS = {"LDAP_SERVER_": "389", "ldap.server.": "389"}
URL = re.compile("([a-zA-Z][a-zA-Z0-9+.-]*)://")
PASSWORD_AND_PATH = re.compile("^([^:]+)://(?:[^/?#]*@)?([^/?#]*).*$")


def egress_addresses(
    environment: Mapping[str, Any], settings: Mapping[str, Any], connections: Iterable[Mapping[str, Any]]
) -> list[str]:
    """Return the addresses, each once and in order, without passwords and paths."""
    told = json.dumps(_plain(environment)) + json.dumps(_plain(settings))
    found = [*(str(one.get("base_url", "")) for one in connections), *_urls(told), *_pairs(told)]
    addresses = [PASSWORD_AND_PATH.sub(r"\1://\2", url) for url in found if URL.match(url)]
    # Names of hosts are the same in capitals.
    distinct = {address.lower(): address for address in reversed(addresses)}
    return [distinct[address] for address in sorted(distinct)]


def _urls(told: str) -> list[str]:
    return [url for name, value in URL_NAMES.findall(told) if not OWN_NAMES.search(name) for url in value.split(";")]


def _pairs(told: str) -> list[str]:
    """Return what is told by a host and a port of the same name, such as Chroma. Without a port there is none."""
    ports = {**KNOWN_PORTS, **dict(PORT_NAMES.findall(told))}
    return [f"tcp://{host}:{ports[name]}" for name, host in HOST_NAMES.findall(told) if name in ports]


def _plain(value: Any) -> Any:
    """Return plain containers, since json reads those of Ansible behind its back."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value if isinstance(value, (int, float, bool)) or value is None else str(value)
