# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Room on disks: what is to come, where it goes, and what is free there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Dict, Iterator, List, Sequence

from ...host.finding import Finding, error, listed, warning
from ...host.linux import nearest
from ...host.units import gigabytes

MAX_NAMED = 5
# Docker, its command line and their dependencies: 0.3 GB on Debian, and the downloaded packages.
ENGINE = 500_000_000


@dataclass(frozen=True)
class Load:
    """A download: its bytes, the path that it goes to, and its name."""

    path: str
    size: int
    what: str


@dataclass(frozen=True)
class Disk:
    """A file system: its mount point, free bytes, and the downloads that go to it."""

    mount: str
    free: int
    loads: Sequence[Load]

    @property
    def needed(self) -> int:
        """The bytes of all downloads."""
        return sum(load.size for load in self.loads)


def disks(loads: Sequence[Load]) -> List[Disk]:
    """Return the file systems that downloads go to."""
    found: Dict[int, List[Load]] = {}
    for load in loads:
        found.setdefault(os.stat(nearest(load.path)).st_dev, []).append(load)
    return [Disk(_mount(on[0].path), _free(on[0].path), tuple(on)) for on in found.values()]


def _free(path: str) -> int:
    state = os.statvfs(nearest(path))
    # Docker writes as root, but using up the reserved blocks harms other programs.
    return state.f_bavail * state.f_frsize


def _mount(path: str) -> str:
    place = os.path.realpath(nearest(path))
    while not os.path.ismount(place):
        place = os.path.dirname(place)
    return place


def findings(found: Sequence[Disk], spare: int, unknown: Sequence[str] = ()) -> Iterator[Finding]:
    """Yield the disks with too little space for the downloads, or after them; ``unknown`` are those of unknown size."""
    end = f"; unknown size: {listed(unknown)}" if unknown else ""
    for disk in found:
        what = _words(disk) + end
        free, need = gigabytes(disk.free), gigabytes(disk.needed)
        if disk.needed > disk.free:
            yield error(
                "disk",
                f"{disk.mount} has {free} of free space, but {need} are needed ({what}).",
                "Free up space, list fewer or smaller models, or move Docker's data to a larger disk (data-root in "
                "docker_daemon_options).",
                disk.mount,
                f"{free} free",
            )
        elif disk.free - disk.needed < spare:
            downloads = f", and {need} will be downloaded ({what})" if disk.needed else ""
            yield warning(
                "disk",
                f"{disk.mount} has {free} of free space{downloads}. That leaves less than {gigabytes(spare)} for "
                f"chats, logs and the images of the next version.",
                "Free up space, or move Docker's data to a larger disk.",
                disk.mount,
                f"{free} free",
            )


def _words(disk: Disk) -> str:
    large = sorted((load for load in disk.loads if load.size), key=lambda load: -load.size)
    words = [f"{load.what} {gigabytes(load.size)}" for load in large[:MAX_NAMED]]
    rest = large[MAX_NAMED:]
    return ", ".join([*words, f"{len(rest)} more {gigabytes(sum(load.size for load in rest))}"] if rest else words)
