# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a container listens on its host."""

from __future__ import annotations

import re
from collections.abc import Iterator

WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - addresses are compared with these; nothing listens here
ADDRESS = re.compile("^([0-9]{1,3}([.][0-9]{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:]*)$")


def address_problems(option: str, address: object) -> Iterator[str]:
    """Yield why Docker could not publish a port on an address."""
    if not ADDRESS.match(str(address)):
        yield (
            f"{option} is '{address}', but Docker publishes on IP addresses only: give one of this host, or 127.0.0.1."
        )


def bracketed(address: str) -> str:
    """Return an address as it stands before a port: one of IPv6 in brackets."""
    return f"[{address}]" if ":" in str(address) else str(address)


def local_url(address: str, port: object) -> str:
    """Return the URL for modules on the host. A wildcard address is none to connect to."""
    return f"http://{bracketed('127.0.0.1' if address in WILDCARDS else address)}:{port}"


def published_port(address: str, port: object, inside: object) -> str:
    """Return how Docker is told to publish a port of the container."""
    return f"{bracketed(address)}:{port}:{inside}"
