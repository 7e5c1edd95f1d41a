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

from .reader import Reader, damaged

ALIGNMENT = 32
MAX_ALIGNMENT = 65536
MAX_TENSOR_NAME = 255
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
    reader = Reader(content)
    version, tensor_count, key_count = reader.start()
    values: Dict[str, Any] = {}
    pairs: List[Pair] = []
    for _entry in range(key_count):
        start = content.tell()
        name, kind = reader.key()
        values[name] = reader.value(kind)
        if detailed:
            pairs.append(Pair(name, start, content.tell()))
    end = 0
    tensors: List[Tensor] = []
    for _entry in range(tensor_count):
        tensor = _tensor(reader)
        end = max(end, tensor.offset + (tensor.size or 0))
        if detailed:
            tensors.append(tensor)
    alignment = values.get("general.alignment", ALIGNMENT)
    if not isinstance(alignment, int) or not 1 <= alignment <= MAX_ALIGNMENT:
        raise damaged()
    start = padded(content.tell(), alignment)
    least = start + end if tensor_count else content.tell()
    return Header(version, values, alignment, start, least, tuple(pairs), tuple(tensors))


def padded(size: int, alignment: int) -> int:
    """Return the next multiple of the alignment."""
    return -(-size // alignment) * alignment


def _tensor(reader: Reader) -> Tensor:
    name = reader.name(MAX_TENSOR_NAME)
    (dimensions,) = reader.numbers("<I")
    if dimensions > 8:
        raise damaged()
    shape = reader.numbers(f"<{dimensions}Q")
    kind, offset = reader.numbers("<IQ")
    size = None
    if kind in _BLOCKS:
        block, size = _BLOCKS[kind][1], _BLOCKS[kind][0]
        values = 1
        for length in shape:
            values *= length
        size *= values // block
    return Tensor(name, struct.pack(f"<I{dimensions}QI", dimensions, *shape, kind), offset, size)
