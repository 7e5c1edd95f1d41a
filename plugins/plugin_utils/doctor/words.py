# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures and addresses as a person reads them."""

from __future__ import annotations

import ipaddress


def gigabytes(count: int) -> str:
    """Return bytes as gigabytes, or as megabytes where these are few."""
    if count < 10**9:
        return f"{count / 10**6:.0f} MB"
    return f"{count / 10**9:.1f} GB" if count < 10 * 10**9 else f"{count / 10**9:.0f} GB"


def percent(part: int, whole: int) -> float:
    """Return the share of a part; nothing has all of itself."""
    return 100 * part / whole if whole else 100.0


def is_loopback(address: str) -> bool:
    """Tell whether an address is reached from its own host alone."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def is_private(address: str) -> bool:
    """Tell whether an address is one of a network that is not the internet; a wildcard is not."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not found.is_global and not found.is_unspecified


def place(address: str, port: int) -> str:
    """Return an address and a port as they stand in a URL."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
