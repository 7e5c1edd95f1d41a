# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory whose files are opened by descriptors, so that nobody can swap the file behind a path meanwhile."""

from __future__ import annotations

import errno
import os
import stat
import weakref
from typing import BinaryIO, List

MAX_LINKS = 40
"""As many as the kernel follows in one path, see path_resolution(7)."""
LINK_OUTSIDE = "it is a link that leads out of the directory"
NOT_REGULAR = "it is no regular file"
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class Outside(Exception):
    """A path that is not a regular file below the directory; the text says what it is."""


class Place:
    """The directory ``root``, which stays the same one whatever is renamed. Raises OSError where it is none."""

    def __init__(self, root: str) -> None:
        self.descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self.descriptor)
        # A link may name the directory by the path of the option, or by its real path. For / nothing is left.
        self._roots = [os.path.abspath(root).rstrip("/"), os.path.realpath(root).rstrip("/")]

    def open(self, path: str) -> BinaryIO:
        """Open a regular file; raise Outside where the path is none, or leads out of the directory by a link.

        Each part of the path is opened by itself and never followed: a link is read, and its parts take its place.
        """
        left, above, links = path.split("/"), [self.descriptor], 0
        opened: List[int] = []
        try:
            while left:
                part = left.pop(0)
                if part in ("", "."):
                    continue
                if part == "..":
                    if len(above) == 1:
                        raise Outside(LINK_OUTSIDE)
                    above.pop()
                    continue
                kind = os.stat(part, dir_fd=above[-1], follow_symlinks=False).st_mode
                if stat.S_ISLNK(kind):
                    links += 1
                    target = os.readlink(part, dir_fd=above[-1])
                    left = self._target(target, links, path).split("/") + left
                    above = above[:1] if target.startswith("/") else above
                elif left:
                    above.append(os.open(part, _FLAGS | os.O_DIRECTORY, dir_fd=above[-1]))
                    opened.append(above[-1])
                else:
                    return _regular(part, kind, above[-1])
            raise Outside(NOT_REGULAR)
        finally:
            for descriptor in opened:
                os.close(descriptor)

    def _target(self, target: str, links: int, path: str) -> str:
        if links > MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        if not target.startswith("/"):
            return target
        for root in self._roots:
            if target == root or target.startswith(f"{root}/"):
                return target[len(root) :]
        raise Outside(LINK_OUTSIDE)


def _regular(name: str, kind: int, above: int) -> BinaryIO:
    # Opening a device may do something; a pipe would wait for its other end, unless it is told not to.
    if not stat.S_ISREG(kind):
        raise Outside(NOT_REGULAR)
    descriptor = os.open(name, _FLAGS | os.O_NONBLOCK, dir_fd=above)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Outside(NOT_REGULAR)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise
