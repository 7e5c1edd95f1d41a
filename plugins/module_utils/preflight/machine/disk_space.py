# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Room on disks: what is to come, where it goes, and what is free there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Dict, Iterator, List, Sequence

from ...host.finding import Finding, gigabytes, listed
from ...host.linux import nearest

MOST_NAMED = 5
# Docker, its command line and what they need: 0.3 GB of Debian's packages, and these as they were sent.
ENGINE = 500_000_000


@dataclass(frozen=True)
class Load:
    """Something that is to come: how many bytes, under which path, and what it is."""

    path: str
    size: int
    what: str


@dataclass(frozen=True)
class Disk:
    """A file system by its mount point, with the bytes that are free and what is to come."""

    mount: str
    free: int
    loads: Sequence[Load]

    @property
    def needed(self) -> int:
        """The bytes to come."""
        return sum(load.size for load in self.loads)


def disks(loads: Sequence[Load]) -> List[Disk]:
    """Return the file systems that something goes to."""
    found: Dict[int, List[Load]] = {}
    for load in loads:
        found.setdefault(os.stat(nearest(load.path)).st_dev, []).append(load)
    return [Disk(_mount(on[0].path), _free(on[0].path), tuple(on)) for on in found.values()]


def _free(path: str) -> int:
    state = os.statvfs(nearest(path))
    # Docker writes as root, but a disk filled to the reserve hurts others.
    return state.f_bavail * state.f_frsize


def _mount(path: str) -> str:
    place = os.path.realpath(nearest(path))
    while not os.path.ismount(place):
        place = os.path.dirname(place)
    return place


def findings(found: Sequence[Disk], spare: int, unknown: Sequence[str] = ()) -> Iterator[Finding]:
    """Yield where there is no room, or little after all came; ``unknown`` has no size that anybody tells."""
    end = f"; not counted, since nobody tells its size, is {listed(unknown)}" if unknown else ""
    for disk in found:
        what = _words(disk) + end
        has, need = f"{gigabytes(disk.free)} free", gigabytes(disk.needed)
        if disk.needed > disk.free:
            say = (
                f"On {disk.mount} {gigabytes(disk.free)} are free, and {need} are needed ({what}): free space, list "
                f"fewer or smaller models, or give Docker's data a larger disk (data-root in docker_daemon_options)."
            )
            yield Finding("disk", say, has, need, stops=True)
        elif disk.free - disk.needed < spare:
            to_come = f" and {need} are to come ({what})" if disk.needed else ""
            say = (
                f"On {disk.mount} {gigabytes(disk.free)} are free{to_come}, which leaves less than {gigabytes(spare)} "
                f"for chats, logs and the images of the next version: free space, or give Docker's data a larger disk."
            )
            yield Finding("disk", say, has, gigabytes(disk.needed + spare))


def _words(disk: Disk) -> str:
    large = sorted((load for load in disk.loads if load.size), key=lambda load: -load.size)
    words = [f"{load.what} {gigabytes(load.size)}" for load in large[:MOST_NAMED]]
    rest = large[MOST_NAMED:]
    return ", ".join([*words, f"{len(rest)} more {gigabytes(sum(load.size for load in rest))}"] if rest else words)
