# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which calls go by the proxy that the environment names (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY).

A proxy reads everything that goes over plain HTTP, passwords included, and cannot reach a private address of this
network anyway. So a call goes past it where the address is this host's own, and over plain HTTP where it is private.
NO_PROXY holds for all others.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from typing import Dict, List, Mapping, Optional, Union
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

# A host that reaches the internet by a proxy alone often has no answering name server.
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
# Names that no public name server knows (RFC 6761, 6762, 8375; .internal is reserved by ICANN).
_PRIVATE_NAMES = (".localhost", ".local", ".internal", ".home.arpa", ".localdomain")


def proxies_for(url: str, use_proxy: Optional[bool]) -> Dict[str, str]:
    """Return what requests takes as ``proxies`` for calls to ``url``: DIRECT, or nothing, and it asks the environment.

    ``use_proxy`` is a person's word: never (False), for every address that NO_PROXY does not name (True), or the rule
    of this module (None).
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
    """Return the addresses of a host as this machine resolves it; none where it does not in time."""
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
    """Tell whether an address is one of this host's: the kernel then talks to it from itself."""
    if _is_in(address, _OWN):
        return True
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            # This sends nothing.
            asking.connect((str(address), 9))
            return ipaddress.ip_address(str(asking.getsockname()[0]).partition("%")[0]) == address
    except OSError:
        return False


def _is_in(address: Address, networks: tuple[Union[ipaddress.IPv4Network, ipaddress.IPv6Network], ...]) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)
