# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file as a multipart upload that is streamed, never whole in memory."""

from __future__ import annotations

import hashlib
import json
import mimetypes
import os
import uuid
from typing import Any, BinaryIO, Iterator, Mapping

from ...engine.errors import Failure
from .directory import Outside
from .tree import PIECE, Source


class Upload:
    """The body of an upload. The hash is verified before the body ends, so that no other content is ever stored."""

    def __init__(self, source: Source, name: str, metadata: Mapping[str, Any]) -> None:
        boundary = uuid.uuid4().hex
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        mime = mimetypes.guess_type(source.path)[0] or source.mime or "application/octet-stream"
        self._kind = f"multipart/form-data; boundary={boundary}"
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{json.dumps(dict(metadata))}\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n'
            f"Content-Type: {mime}\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._source = source
        self._pieces = self._all()
        self._left = b""

    def __len__(self) -> int:
        return len(self._head) + self._source.size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        return self._all()

    def sign(self, request: Any) -> Any:
        """Set the headers of a request for this body, and start it from the beginning."""
        request.headers["Content-Type"] = self._kind
        self._pieces, self._left = self._all(), b""
        return request

    def read(self, size: int = PIECE) -> bytes:
        """Return the next bytes, ``size`` at most."""
        if not self._left:
            self._left = next(self._pieces, b"")
        piece, self._left = self._left[:size], self._left[size:]
        return piece

    def _all(self) -> Iterator[bytes]:
        yield self._head
        try:
            with self._source.open() as file:
                yield from self._content(file)
        except Outside as error:
            raise Failure(
                f"The file {self._source.path!r} changed while it was read ({error}); run the task again."
            ) from error
        except OSError as error:
            raise Failure(
                f"The file {self._source.path!r} could not be read to its end ({error.strerror}); run the task again."
            ) from error
        yield self._tail

    def _content(self, file: BinaryIO) -> Iterator[bytes]:
        digest, left = hashlib.sha256(), self._source.size
        if os.fstat(file.fileno()).st_size == left:
            while left:
                piece = file.read(min(PIECE, left))
                if not piece:
                    break
                left -= len(piece)
                digest.update(piece)
                # Send the last piece only after the hash is verified.
                if left or digest.hexdigest() == self._source.sha256:
                    yield piece
        if left or digest.hexdigest() != self._source.sha256:
            raise Failure(f"The file {self._source.path!r} changed while it was read; run the task again.")
