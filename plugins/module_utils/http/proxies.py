# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide which requests use the proxy of the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY).

A proxy can read everything that is sent over plain HTTP, passwords included, and usually cannot reach private
addresses. So requests to this host never use it, and plain HTTP requests to private addresses do not either. NO_PROXY
applies to all others.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from typing import Dict, List, Mapping, Optional, Union
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

# A host that reaches the internet only through a proxy often has no working name server.
RESOLVE_SECONDS = 2.0
DIRECT = {"http": "", "https": ""}

_OWN = tuple(map(ipaddress.ip_network, ("127.0.0.0/8", "::1/128", "0.0.0.0/8", "::/128")))
# RFC 1918, link-local (RFC 3927, RFC 4291), unique local (RFC 4193), shared by carriers and VPNs (RFC 6598).
_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10", "fc00::/7", "fe80::/10"),
    )
)
# Names that public name servers do not know (RFC 6761, 6762, 8375; .internal is reserved by ICANN).
_PRIVATE_NAMES = (".localhost", ".local", ".internal", ".home.arpa", ".localdomain")


def proxies_for(url: str, use_proxy: Optional[bool]) -> Dict[str, str]:
    """Return ``proxies`` for requests to ``url``: DIRECT, or an empty mapping to use the environment's.

    ``use_proxy`` is the option: never (False), for every address that is not in NO_PROXY (True), or the rule of this
    module (None).
    """
    if use_proxy is None:
        use_proxy = not _is_direct(urlsplit(url), getproxies())
    return {} if use_proxy else dict(DIRECT)


def _is_direct(parts: SplitResult, proxies: Mapping[str, str]) -> bool:
    if not (proxies.get(parts.scheme) or proxies.get("all")):
        return True
    host = (parts.hostname or "").rstrip(".").lower()
    if host in ("localhost", socket.gethostname().lower()) or host.endswith(".localhost"):
        return True
    plain = parts.scheme == "http"
    if plain and ("." not in host and ":" not in host or host.endswith(_PRIVATE_NAMES)):
        return True
    return any(_is_own(address) or (plain and _is_in(address, _PRIVATE)) for address in _addresses(host))


def _addresses(host: str) -> List[Address]:
    """Return the addresses of a host, as this machine resolves it; none if that takes too long."""
    found: List[Address] = []

    def resolve() -> None:
        try:
            entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.extend(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in entries)

    try:
        return [ipaddress.ip_address(host.partition("%")[0])]
    except ValueError:
        thread = threading.Thread(target=resolve, daemon=True)
        thread.start()
        thread.join(RESOLVE_SECONDS)
        return list(found)


def _is_own(address: Address) -> bool:
    """Tell whether an address belongs to this host: the kernel then uses it as the source address too."""
    if _is_in(address, _OWN):
        return True
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            # Connecting a datagram socket sends nothing.
            asking.connect((str(address), 9))
            return ipaddress.ip_address(str(asking.getsockname()[0]).partition("%")[0]) == address
    except OSError:
        return False


def _is_in(address: Address, networks: tuple[Union[ipaddress.IPv4Network, ipaddress.IPv6Network], ...]) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)
