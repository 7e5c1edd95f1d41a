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
from ...host.finding import Finding, error
from ...host.linux import text
from .engine import Published


@dataclass(frozen=True)
class Wanted:
    """An address and a port. ``option`` is the variable for the port, ``address_option`` the one for the address."""

    port: int
    address: str
    option: str
    address_option: str = ""


@dataclass(frozen=True)
class Tried:
    """The result of binding a port: ``error`` is an errno, 0 for success; ``process`` listens there, if known."""

    wanted: Wanted
    error: int
    process: str = ""


def attempt(wanted: Wanted, root: str = "/") -> Tried:
    """Bind a port for a moment, without listening on it, and return the result."""
    family = socket.AF_INET6 if ":" in wanted.address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Without it a recently closed connection would count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((wanted.address, wanted.port))
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        return Tried(wanted, error.errno or errno.EINVAL, listener(wanted.port, root) if taken else "")
    return Tried(wanted, 0)


def listener(port: int, root: str = "/") -> str:
    """Return the process that listens on a port as "name (process 12)", "" if this user cannot see it."""
    inodes = {
        inode
        for table in listening.TABLES
        for _address, number, inode in listening.sockets(text(root, f"proc/net/{table}"))
        if number == port
    }
    pid = min(listening.processes(inodes, root).values(), default=0) if inodes else 0
    return f"{text(root, f'proc/{pid}/comm') or 'a process that has just ended'} (process {pid})" if pid else ""


def findings(tried: Sequence[Tried], published: Sequence[Published]) -> Iterator[Finding]:
    """Yield the ports that cannot be bound, except those of the roles' own containers."""
    for one in tried:
        found = _finding(one, [port for port in published if port.port == one.wanted.port])
        if found is not None:
            yield found


def _finding(tried: Tried, published: List[Published]) -> Optional[Finding]:
    wanted = tried.wanted
    place = f"[{wanted.address}]:{wanted.port}" if ":" in wanted.address else f"{wanted.address}:{wanted.port}"
    if tried.error == errno.EADDRNOTAVAIL:
        fix = f"Set {wanted.address_option} to an address of the host" if wanted.address_option else "Use another one"
        message = f"The host has no address {wanted.address}, which port {wanted.port} is to be published on."
        return error("ports", message, f"{fix} (`ip address` lists them).", place, f"no {wanted.address}")
    if tried.error != errno.EADDRINUSE or any(port.ours for port in published):
        return None
    holder, fix = _holder(tried, published)
    message = f"Port {place} is taken by {holder}."
    return error("ports", message, f"{fix}, or set {wanted.option} to another port.", place, f"taken by {holder}")


def _holder(tried: Tried, published: List[Published]) -> Tuple[str, str]:
    """Return who has a port, and how to stop it."""
    if published:
        name = published[0].container
        return f"the container {name}, which these roles did not create", f"Stop it (`docker stop {name}`)"
    if tried.process:
        name = re.sub(r" \(.*", "", tried.process)
        return tried.process, "Stop it" + (" (`systemctl disable --now ollama`)" if name == "ollama" else "")
    return (
        "a process that is not visible from here",
        f"Find it (`ss -ltnp sport = :{tried.wanted.port}`) and stop it",
    )
