# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The header of a GGUF file: enough to know that the file is whole, and what the server makes of it.

A server before 0.17.1 makes a useless model of a file that was cut, and a damaged header may
end its process, so a file is checked before it is sent.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, BinaryIO, Dict, List, Mapping, NamedTuple, Optional, Tuple

MAGIC = b"GGUF"
ALIGNMENT = 32
MAX_ALIGNMENT = 65536
# No model comes near these; a damaged count does.
MAX_ENTRIES = 32_768
MAX_NAME = 65_535
MAX_TENSOR_NAME = 255
MAX_TEXT = 64 * 1024 * 1024
MAX_LIST = 64 * 1024 * 1024
# All lists of texts together: each text costs a step, and the largest vocabularies have a million.
MAX_LISTED_TEXTS = 8_000_000
# What is held in memory: no more of a text, and no more of all names and texts together.
MAX_KEPT_TEXT = 4096
MAX_KEPT = 8 * 1024 * 1024
TEXT, LIST = 8, 9
_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
# Type of a tensor: bytes of a block, and the values in one.
_BLOCKS = {
    0: (4, 1),
    1: (2, 1),
    2: (18, 32),
    3: (20, 32),
    6: (22, 32),
    7: (24, 32),
    8: (34, 32),
    9: (36, 32),
    10: (84, 256),
    11: (110, 256),
    12: (144, 256),
    13: (176, 256),
    14: (210, 256),
    15: (292, 256),
    16: (66, 256),
    17: (74, 256),
    18: (98, 256),
    19: (50, 256),
    20: (18, 32),
    21: (110, 256),
    22: (82, 256),
    23: (136, 256),
    24: (1, 1),
    25: (2, 1),
    26: (4, 1),
    27: (8, 1),
    28: (8, 1),
    29: (56, 256),
    30: (2, 1),
    34: (54, 256),
    35: (66, 256),
    39: (17, 32),
}


class Tensor(NamedTuple):
    """``shape`` is the encoded shape and type, ``offset`` counts from the start of the data.

    ``size`` is in bytes, without padding; None where the type is not known here.
    """

    name: bytes
    shape: bytes
    offset: int
    size: Optional[int]


class Pair(NamedTuple):
    """Where a key with its value lies in the file, in bytes."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Header:
    """``values`` are the file's keys without long texts and lists; ``least_size`` is how long a whole file is.

    ``pairs`` and ``tensors`` are filled where they were asked for.
    """

    version: int
    values: Mapping[str, Any]
    alignment: int
    data_start: int
    least_size: int
    pairs: Tuple[Pair, ...] = ()
    tensors: Tuple[Tensor, ...] = ()


def read(content: BinaryIO, detailed: bool = False) -> Header:
    """Read a header from the file's start; raise ValueError that says what is wrong with it.

    ``detailed`` fills ``pairs`` and ``tensors``. Takes 20 MB of memory at most, whatever the header says.
    """
    reader = _Reader(content)
    if content.read(len(MAGIC)) != MAGIC:
        raise ValueError("it does not begin with 'GGUF'")
    (version,) = reader.numbers("<I")
    if version not in (2, 3):
        raise ValueError(f"its version is {version}, and 2 and 3 are what servers read")
    tensor_count, key_count = reader.numbers("<QQ")
    if max(tensor_count, key_count) > MAX_ENTRIES:
        raise _damaged()
    values: Dict[str, Any] = {}
    pairs: List[Pair] = []
    for _entry in range(key_count):
        start = content.tell()
        name = reader.name(MAX_NAME).decode("utf-8", "replace")
        (kind,) = reader.numbers("<I")
        values[name] = reader.value(kind)
        if detailed:
            pairs.append(Pair(name, start, content.tell()))
    end = 0
    tensors: List[Tensor] = []
    for _entry in range(tensor_count):
        tensor = reader.tensor()
        end = max(end, tensor.offset + (tensor.size or 0))
        if detailed:
            tensors.append(tensor)
    alignment = values.get("general.alignment", ALIGNMENT)
    if not isinstance(alignment, int) or not 1 <= alignment <= MAX_ALIGNMENT:
        raise _damaged()
    start = padded(content.tell(), alignment)
    least = start + end if tensor_count else content.tell()
    return Header(version, values, alignment, start, least, tuple(pairs), tuple(tensors))


def padded(size: int, alignment: int) -> int:
    """Return the next multiple of the alignment."""
    return -(-size // alignment) * alignment


def _damaged() -> ValueError:
    return ValueError("its header is damaged")


class _Reader:
    """Reads on in a header, and bounds what it makes of it."""

    def __init__(self, content: BinaryIO) -> None:
        self._content = content
        self._room = MAX_KEPT
        self._texts = MAX_LISTED_TEXTS

    def numbers(self, form: str) -> Tuple[Any, ...]:
        return struct.unpack(form, self._bytes(struct.calcsize(form)))

    def name(self, longest: int) -> bytes:
        size = self._text_size()
        if size > longest:
            raise _damaged()
        return self._kept(size)

    def value(self, kind: int) -> Any:
        if kind == TEXT:
            size = self._text_size()
            if size <= MAX_KEPT_TEXT:
                return self._kept(size).decode("utf-8", "replace")
            self._content.seek(size, 1)
            return {"bytes": size}
        if kind == LIST:
            return self._list()
        if kind not in _FORMATS:
            raise _damaged()
        return self.numbers(f"<{_FORMATS[kind]}")[0]

    def tensor(self) -> Tensor:
        name = self.name(MAX_TENSOR_NAME)
        (dimensions,) = self.numbers("<I")
        if dimensions > 8:
            raise _damaged()
        shape = self.numbers(f"<{dimensions}Q")
        kind, offset = self.numbers("<IQ")
        size = None
        if kind in _BLOCKS:
            block, size = _BLOCKS[kind][1], _BLOCKS[kind][0]
            values = 1
            for length in shape:
                values *= length
            size *= values // block
        return Tensor(name, struct.pack(f"<I{dimensions}QI", dimensions, *shape, kind), offset, size)

    def _list(self) -> Any:
        """Pass over a list and return its length: vocabularies are long and nobody asks for them."""
        kind, count = self.numbers("<IQ")
        if count > MAX_LIST:
            raise _damaged()
        if kind == TEXT:
            self._texts -= count
            if self._texts < 0:
                raise _damaged()
            for _entry in range(count):
                self._content.seek(self._text_size(), 1)
        elif kind in _FORMATS:
            self._content.seek(struct.calcsize(f"<{_FORMATS[kind]}") * count, 1)
        else:
            raise _damaged()
        return {"entries": count}

    def _text_size(self) -> int:
        size = int.from_bytes(self._bytes(8), "little")
        if size > MAX_TEXT:
            raise _damaged()
        return size

    def _kept(self, size: int) -> bytes:
        self._room -= size
        if self._room < 0:
            raise _damaged()
        return self._bytes(size)

    def _bytes(self, size: int) -> bytes:
        data = self._content.read(size)
        if len(data) != size:
            raise ValueError("it ends within its header")
        return data
