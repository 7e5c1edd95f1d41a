# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that the service is to listen on: whether they can be had, and who has them."""

from __future__ import annotations

import errno
import re
import socket
from dataclasses import dataclass
from typing import Iterator, List, Optional, Sequence, Tuple

from ...host import listening
from ...host.finding import Finding
from ...host.linux import text
from .engine import Published


@dataclass(frozen=True)
class Wanted:
    """A port of an address. ``option`` is the variable that sets the port, ``address_option`` that of the address."""

    port: int
    address: str
    option: str
    address_option: str = ""


@dataclass(frozen=True)
class Tried:
    """What came of an attempt to have a port: an errno, 0 where it went well; ``process`` listens there, if known."""

    wanted: Wanted
    error: int
    process: str = ""


def attempt(wanted: Wanted, root: str = "/") -> Tried:
    """Bind a port for a moment, without listening on it, and tell what came of it."""
    family = socket.AF_INET6 if ":" in wanted.address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Without it a connection that was closed a moment ago would count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((wanted.address, wanted.port))
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        return Tried(wanted, error.errno or errno.EINVAL, listener(wanted.port, root) if taken else "")
    return Tried(wanted, 0)


def listener(port: int, root: str = "/") -> str:
    """Return the process that listens on a port as "name (process 12)", or nothing where it is not to be seen."""
    inodes = {
        inode
        for table in listening.TABLES
        for _address, number, inode in listening.sockets(text(root, f"proc/net/{table}"))
        if number == port
    }
    pid = min(listening.processes(inodes, root).values(), default=0) if inodes else 0
    return f"{text(root, f'proc/{pid}/comm') or 'a process that has just ended'} (process {pid})" if pid else ""


def findings(tried: Sequence[Tried], published: Sequence[Published]) -> Iterator[Finding]:
    """Yield the ports that cannot be had; what the roles' own containers hold is no finding."""
    for one in tried:
        found = _finding(one, [port for port in published if port.port == one.wanted.port])
        if found is not None:
            yield found


def _finding(tried: Tried, published: List[Published]) -> Optional[Finding]:
    wanted = tried.wanted
    place = f"[{wanted.address}]:{wanted.port}" if ":" in wanted.address else f"{wanted.address}:{wanted.port}"
    if tried.error == errno.EADDRNOTAVAIL:
        way = f"set {wanted.address_option} to one that it has" if wanted.address_option else "give one that it has"
        say = f"The host has no address {wanted.address}, on which port {wanted.port} is to be: {way} (`ip address`)."
        return Finding("ports", say, f"no {wanted.address}", place, stops=True)
    if tried.error != errno.EADDRINUSE or any(port.ours for port in published):
        return None
    holder, way = _holder(tried, published)
    say = f"Port {place} is taken by {holder}: {way}, or set {wanted.option} to another port."
    return Finding("ports", say, f"taken by {holder}", place, stops=True)


def _holder(tried: Tried, published: List[Published]) -> Tuple[str, str]:
    if published:
        name = published[0].container
        return f"the container {name}, which these roles did not make", f"stop it (`docker stop {name}`)"
    if tried.process:
        name = re.sub(r" \(.*", "", tried.process)
        return tried.process, "stop it" + (" (`systemctl disable --now ollama`)" if name == "ollama" else "")
    return (
        "a process that is not to be seen from here",
        f"find it (`ss -ltnp sport = :{tried.wanted.port}`) and stop it",
    )
