# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stretches of files and bytes, read as if they were one file."""

from __future__ import annotations

import errno
import os
from typing import BinaryIO, Iterator, NamedTuple, Optional, Sequence

READ_SIZE = 1024 * 1024


class Piece(NamedTuple):
    """``size`` bytes of the file at ``path`` from ``offset`` on, or of ``data`` where there is no path.

    A tuple, because a model has thousands.
    """

    size: int
    path: str = ""
    offset: int = 0
    data: bytes = b""

    @classmethod
    def of(cls, data: bytes) -> Piece:
        """Return a piece that is in memory."""
        return cls(len(data), data=data)


class Stream:
    """Pieces one after another; close it after use.

    Has a length and no ``tell``, so that requests announces the length and sends in small parts.
    ``error`` is what went wrong while reading, because a connection that it broke tells another story.
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = [piece for piece in pieces if piece.size]
        self._size = sum(piece.size for piece in self._pieces)
        self._at = 0
        self._done = 0
        self._file: Optional[BinaryIO] = None
        self.error: Optional[OSError] = None

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        while data := self.read(READ_SIZE):
            yield data

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *dummy: object) -> None:
        self._close()

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, ``size`` at most, and none at the end only; raise OSError."""
        if self._at == len(self._pieces) or not size:
            return b""
        piece = self._pieces[self._at]
        wanted = min(size if size >= 0 else READ_SIZE, piece.size - self._done)
        data = piece.data[self._done : self._done + wanted] if not piece.path else self._from_file(piece, wanted)
        self._done += len(data)
        if self._done == piece.size:
            self._at, self._done = self._at + 1, 0
        return data

    def _from_file(self, piece: Piece, wanted: int) -> bytes:
        try:
            if self._file is None or self._file.name != piece.path:
                self._close()
                self._file = open(piece.path, "rb", buffering=0)  # noqa: SIM115
            if self._done == 0:
                self._file.seek(piece.offset)
            data = self._file.read(wanted)
            if not data:
                raise OSError(errno.EIO, "it was cut while it was read", piece.path)
        except OSError as error:
            error.filename = error.filename or piece.path
            self.error = error
            raise
        return data

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def whole(path: str) -> Sequence[Piece]:
    """Return a file as it is now; raise OSError."""
    return [Piece(os.stat(path).st_size, path)]
