# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first bytes of a file in a registry: the keys of a GGUF header, without the file.

A file is asked for once, and the connection closed as soon as what is needed was read. So a
registry that knows no ranges costs no more than one that does.
"""

from __future__ import annotations

import struct
from contextlib import closing
from typing import Any, BinaryIO, Callable, Dict, Iterator, Mapping, Optional, TypeVar, cast
from urllib.parse import urljoin, urlsplit

from ...http.messages import connection_words
from ...http.session import HttpFailure, Session
from ..api import registry
from ..api.names import ModelName
from .keys import ARCHITECTURE, TOKENS

Read = TypeVar("Read")

# The largest vocabularies fill some 10 MiB; a file whose keys come later is not looked at.
MAX_BYTES = 32 * 1024 * 1024
MAX_KEYS = 4096
MAX_NAME = 4096
MAX_TEXT = 16 * 1024 * 1024
# Lists with a number for each layer are kept, a vocabulary is counted.
MAX_LIST = 1024
PIECE = 16 * 1024
TEXT, LIST = 8, 9
_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_NEEDED = ("block_count", "embedding_length", "attention.head_count")


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


def read_keys(content: BinaryIO) -> Mapping[str, Any]:
    """Return a header's keys up to its vocabulary, which stands for its length; raise ValueError where it has none.

    Long lists are left out. Where the model's shape comes after the vocabulary, all keys are read.
    """
    if content.read(4) != b"GGUF":
        raise ValueError("it does not begin with 'GGUF'")
    (version,) = _unpack(content, "<I")
    _tensors, keys = _unpack(content, "<QQ")
    if version not in (2, 3) or keys > MAX_KEYS:
        raise ValueError("its header is damaged, or of a version that is not known")
    values: Dict[str, Any] = {}
    for _entry in range(keys):
        name = _text(content, MAX_NAME)
        (kind,) = _unpack(content, "<I")
        if kind != LIST:
            values[name] = _scalar(content, kind)
            continue
        of, count = _unpack(content, "<IQ")
        if name == TOKENS:
            values[name] = count
            if _has_shape(values):
                break
        found = _list(content, of, count)
        if found is not None:
            values[name] = found
    return values


def _has_shape(values: Mapping[str, Any]) -> bool:
    architecture = values.get(ARCHITECTURE)
    return bool(architecture) and all(f"{architecture}.{key}" in values for key in _NEEDED)


def _unpack(content: BinaryIO, form: str) -> Any:
    size = struct.calcsize(form)
    data = content.read(size)
    if len(data) != size:
        raise ValueError("it ends within its header")
    return struct.unpack(form, data)


def _text(content: BinaryIO, longest: int) -> str:
    (size,) = _unpack(content, "<Q")
    if size > longest:
        raise ValueError("its header is damaged")
    data = content.read(size)
    if len(data) != size:
        raise ValueError("it ends within its header")
    return data.decode("utf-8", "replace")


def _scalar(content: BinaryIO, kind: int) -> Any:
    if kind == TEXT:
        return _text(content, MAX_TEXT)
    return _unpack(content, f"<{_format(kind)}")[0]


def _format(kind: int) -> str:
    if kind not in _FORMATS:
        raise ValueError("its header is damaged")
    return _FORMATS[kind]


def _list(content: BinaryIO, kind: int, count: int) -> Optional[list[Any]]:
    """Return a short list of numbers, and pass over any other."""
    if kind == TEXT:
        for _entry in range(count):
            content.seek(_unpack(content, "<Q")[0], 1)
        return None
    form = _format(kind)
    if count > MAX_LIST:
        content.seek(struct.calcsize(f"<{form}") * count, 1)
        return None
    return list(_unpack(content, f"<{count}{form}"))
