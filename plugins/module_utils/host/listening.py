# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens on which TCP port of this host, by the kernel's own tables."""

from __future__ import annotations

import contextlib
import ipaddress
import os
from typing import Any, Iterator

from .linux import names, text

LISTENS = "0A"
TABLES = ("tcp", "tcp6")


def listening(root: str = "/") -> list[dict[str, Any]]:
    """Return each address and port that is listened on, with the process where this user may know it."""
    found = {}
    for table in TABLES:
        for address, port, inode in sockets(text(root, f"proc/net/{table}")):
            found[(port, address)] = inode
    owners = processes(set(found.values()), root)
    return [
        {
            "address": address,
            "port": port,
            "pid": owners.get(inode, 0),
            "process": text(root, f"proc/{owners.get(inode, 0)}/comm"),
        }
        for (port, address), inode in sorted(found.items())
    ]


def sockets(table: str) -> Iterator[tuple[str, int, str]]:
    """Return address, port and inode of the listening sockets in a table of /proc/net."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == LISTENS:
            address, _colon, port = fields[1].partition(":")
            yield readable(address), int(port, 16), fields[9]


def readable(address: str) -> str:
    """Return the address that the kernel prints as words of four bytes in little-endian order."""
    words = [bytes.fromhex(address[place : place + 8])[::-1] for place in range(0, len(address), 8)]
    found = ipaddress.ip_address(b"".join(words))
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def processes(inodes: set[str], root: str = "/") -> dict[str, int]:
    """Return the process of each socket, for those that this user may look into."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[str, int] = {}
    # The parent comes first, and children inherit what it opened.
    for pid in sorted(int(name) for name in names(root, "proc") if name.isdigit()):
        with contextlib.suppress(OSError), os.scandir(os.path.join(root, f"proc/{pid}/fd")) as links:
            for link in links:
                with contextlib.suppress(OSError):
                    target = os.readlink(link.path)
                    if target in wanted:
                        found.setdefault(wanted[target], pid)
    return found
