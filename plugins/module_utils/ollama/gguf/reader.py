# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the parts of a GGUF header forwards, from a file or from a stream, and bounds what it makes of them."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO, List, Optional, Tuple

MAGIC = b"GGUF"
# No model comes near these; a damaged count does.
MAX_ENTRIES = 32_768
MAX_NAME = 65_535
MAX_TEXT = 64 * 1024 * 1024
MAX_LIST = 64 * 1024 * 1024
# All lists of texts together: each text costs a step, and the largest vocabularies have a million.
MAX_LISTED_TEXTS = 8_000_000
# What is held in memory: no more of a text, and no more of all names and texts together.
MAX_KEPT_TEXT = 4096
MAX_KEPT = 8 * 1024 * 1024
TEXT, LIST = 8, 9
_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


def damaged() -> ValueError:
    """Return the error for a header that makes no sense."""
    return ValueError("its header is damaged")


class Reader:
    """Reads on in a header. It never goes back, so that a download can be read as it comes."""

    def __init__(self, content: BinaryIO) -> None:
        self._content = content
        self._room = MAX_KEPT
        self._texts = MAX_LISTED_TEXTS

    def start(self) -> Tuple[int, int, int]:
        """Return the version, the number of tensors and the number of keys; raise ValueError for another file."""
        if self._content.read(len(MAGIC)) != MAGIC:
            raise ValueError("it does not begin with 'GGUF'")
        (version,) = self.numbers("<I")
        if version not in (2, 3):
            raise ValueError(f"its version is {version}, and 2 and 3 are what servers read")
        tensors, keys = self.numbers("<QQ")
        if max(tensors, keys) > MAX_ENTRIES:
            raise damaged()
        return version, tensors, keys

    def numbers(self, form: str) -> Tuple[Any, ...]:
        """Return what a format of `struct` describes."""
        return struct.unpack(form, self._bytes(struct.calcsize(form)))

    def name(self, longest: int = MAX_NAME) -> bytes:
        """Return a text of ``longest`` bytes at most."""
        size = self._text_size()
        if size > longest:
            raise damaged()
        return self._kept(size)

    def key(self) -> Tuple[str, int]:
        """Return the name of a key and the type of its value."""
        name = self.name().decode("utf-8", "replace")
        (kind,) = self.numbers("<I")
        return name, kind

    def value(self, kind: int) -> Any:
        """Return a value; of a long text and of a list only its length, as a dictionary."""
        if kind == TEXT:
            size = self._text_size()
            if size <= MAX_KEPT_TEXT:
                return self._kept(size).decode("utf-8", "replace")
            self._content.seek(size, 1)
            return {"bytes": size}
        if kind == LIST:
            of, count = self.numbers("<IQ")
            self.entries(of, count)
            return {"entries": count}
        if kind not in _FORMATS:
            raise damaged()
        return self.numbers(f"<{_FORMATS[kind]}")[0]

    def entries(self, kind: int, count: int, longest: int = 0) -> Optional[List[Any]]:
        """Return a list of numbers with ``longest`` entries at most, and pass over any other."""
        if count > MAX_LIST:
            raise damaged()
        if kind == TEXT:
            self._texts -= count
            if self._texts < 0:
                raise damaged()
            for _entry in range(count):
                self._content.seek(self._text_size(), 1)
            return None
        if kind not in _FORMATS:
            raise damaged()
        if count <= longest:
            return list(self.numbers(f"<{count}{_FORMATS[kind]}"))
        self._content.seek(struct.calcsize(f"<{_FORMATS[kind]}") * count, 1)
        return None

    def _text_size(self) -> int:
        size = int.from_bytes(self._bytes(8), "little")
        if size > MAX_TEXT:
            raise damaged()
        return size

    def _kept(self, size: int) -> bytes:
        self._room -= size
        if self._room < 0:
            raise damaged()
        return self._bytes(size)

    def _bytes(self, size: int) -> bytes:
        data = self._content.read(size)
        if len(data) != size:
            raise ValueError("it ends within its header")
        return data
