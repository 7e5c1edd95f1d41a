# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network addresses."""

from __future__ import annotations

import ipaddress


def is_loopback(address: str) -> bool:
    """Tell whether only the host itself reaches an address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def is_private(address: str) -> bool:
    """Tell whether an address belongs to a private network; a wildcard does not."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not found.is_global and not found.is_unspecified


def place(address: str, port: int) -> str:
    """Return an address and a port as in a URL."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
