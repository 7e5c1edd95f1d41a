# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first bytes of a file in a registry: the keys of a GGUF header, without the file.

A file is asked for once, and the connection closed as soon as what is needed was read. So a
registry that knows no ranges costs no more than one that does.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any, BinaryIO, Callable, Iterator, TypeVar, cast
from urllib.parse import urljoin, urlsplit

from ...http.messages import connection_words
from ...http.session import HttpFailure, Session
from ..api import registry
from ..api.names import ModelName

Read = TypeVar("Read")

# The largest vocabularies fill some 10 MiB; a file whose keys come later is not looked at.
MAX_BYTES = 32 * 1024 * 1024
PIECE = 16 * 1024


def read_blob(
    name: ModelName,
    digest: str,
    insecure: bool,
    timeout: float,
    read: Callable[[BinaryIO], Read],
    most: int = MAX_BYTES,
) -> Read:
    """Return what ``read`` makes of the first ``most`` bytes of a model's file.

    ``timeout`` is in seconds and bounds each wait. Raises Failure where the registry does not
    give the file, and what ``read`` raises.
    """
    url = f"{'http' if insecure else 'https'}://{name.host}/v2/{name.namespace}/{name.model}/blobs/{digest}"
    for _hop in range(registry.MAX_REDIRECTS):
        with closing(_asked(url, most, timeout)) as answer:
            if answer.status_code in (200, 206):
                try:
                    return read(cast("BinaryIO", _Start(answer.iter_content(PIECE), most)))
                # All errors of requests are also this.
                except OSError as error:
                    raise HttpFailure("GET", url, connection_words(error, timeout)[0]) from error
            if answer.status_code not in registry.REDIRECTS:
                raise HttpFailure("GET", url, "it does not give the file", answer.status_code)
            url = urljoin(url, answer.headers.get("location", ""))
    raise HttpFailure("GET", url, f"more than {registry.MAX_REDIRECTS} redirects")


def _asked(url: str, most: int, timeout: float) -> Any:
    parts = urlsplit(url)
    headers = {"Range": f"bytes=0-{most - 1}", "Accept-Encoding": "identity"}
    session = Session(f"{parts.scheme}://{parts.netloc}", headers=headers, timeout=timeout, read_only=True)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    # A session reads every answer to its end, and this one may have many gigabytes.
    return session.open(path)


class _Start:
    """The start of an answer, as a file that is only read forwards."""

    def __init__(self, pieces: Iterator[bytes], most: int) -> None:
        self._pieces = pieces
        self._left = most
        self._held = b""

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes, or fewer at the end."""
        wanted = min(size, self._left)
        data = bytearray(self._held)
        while len(data) < wanted:
            piece = next(self._pieces, b"")
            if not piece:
                break
            data += piece
        found, self._held = bytes(data[:wanted]), bytes(data[wanted:])
        self._left -= len(found)
        return found

    def seek(self, offset: int, _whence: int) -> None:
        """Pass over ``offset`` bytes from here."""
        while offset > 0:
            passed = len(self.read(min(offset, PIECE)))
            if not passed:
                raise ValueError("it ends within its header")
            offset -= passed
