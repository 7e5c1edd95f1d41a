# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of files and of memory, read as one file."""

from __future__ import annotations

import errno
import os
from typing import BinaryIO, Iterator, NamedTuple, Optional, Sequence

READ_SIZE = 1024 * 1024


class Piece(NamedTuple):
    """``size`` bytes of the file at ``path`` from ``offset``, or of ``data`` if there is no path.

    A tuple, because a model may have thousands of them.
    """

    size: int
    path: str = ""
    offset: int = 0
    data: bytes = b""

    @classmethod
    def of(cls, data: bytes) -> Piece:
        """Return a piece of memory."""
        return cls(len(data), data=data)


class Stream:
    """Pieces read one after another; close it after use.

    It has a length and no ``tell``, so that requests sends the length first and then small parts.
    ``error`` is the read error, because the broken connection would show another one.
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
        """Return the next bytes, at most ``size``, and none only at the end; raise OSError."""
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
                raise OSError(errno.EIO, "it was truncated while it was read", piece.path)
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
    """Return the pieces of a whole file with its current size; raise OSError."""
    return [Piece(os.stat(path).st_size, path)]
