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
from typing import Any, BinaryIO, Dict, Mapping

MAGIC = b"GGUF"
ALIGNMENT = 32
# No model comes near these; a damaged count does.
MOST_ENTRIES = 1_000_000
LONGEST_TEXT = 64 * 1024 * 1024
LONGEST_LIST = 64 * 1024 * 1024
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


@dataclass(frozen=True)
class Header:
    """``values`` are the file's keys without their long lists; ``least_size`` is how long a whole file is."""

    values: Mapping[str, Any]
    least_size: int


def read(content: BinaryIO) -> Header:
    """Read a header from the file's start; raise ValueError that says what is wrong with it."""
    if content.read(len(MAGIC)) != MAGIC:
        raise ValueError("it does not begin with 'GGUF'")
    (version,) = _numbers(content, "<I")
    if version not in (2, 3):
        raise ValueError(f"its version is {version}, and 2 and 3 are what servers read")
    tensors, keys = _numbers(content, "<QQ")
    if max(tensors, keys) > MOST_ENTRIES:
        raise ValueError("its header is damaged")
    values: Dict[str, Any] = {}
    for _entry in range(keys):
        name = _text(content)
        (kind,) = _numbers(content, "<I")
        values[name] = _value(content, kind)
    end = 0
    for _entry in range(tensors):
        end = max(end, _tensor_end(content))
    alignment = values.get("general.alignment", ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1:
        raise ValueError("its header is damaged")
    start = -(-content.tell() // alignment) * alignment
    return Header(values, start + end if tensors else content.tell())


def _numbers(content: BinaryIO, form: str) -> tuple[Any, ...]:
    size = struct.calcsize(form)
    data = content.read(size)
    if len(data) != size:
        raise ValueError("it ends within its header")
    return struct.unpack(form, data)


def _text_size(content: BinaryIO) -> int:
    (size,) = _numbers(content, "<Q")
    if size > LONGEST_TEXT:
        raise ValueError("its header is damaged")
    return int(size)


def _text(content: BinaryIO) -> str:
    size = _text_size(content)
    data = content.read(size)
    if len(data) != size:
        raise ValueError("it ends within its header")
    return data.decode("utf-8", "replace")


def _value(content: BinaryIO, kind: int) -> Any:
    if kind == TEXT:
        return _text(content)
    if kind == LIST:
        return _list(content)
    if kind not in _FORMATS:
        raise ValueError("its header is damaged")
    return _numbers(content, f"<{_FORMATS[kind]}")[0]


def _list(content: BinaryIO) -> Any:
    """Pass over a list and return its length: vocabularies are long and nobody asks for them."""
    kind, count = _numbers(content, "<IQ")
    if count > LONGEST_LIST:
        raise ValueError("its header is damaged")
    if kind == TEXT:
        for _entry in range(count):
            content.seek(_text_size(content), 1)
    elif kind in _FORMATS:
        content.seek(struct.calcsize(f"<{_FORMATS[kind]}") * count, 1)
    else:
        raise ValueError("its header is damaged")
    return {"entries": count}


def _tensor_end(content: BinaryIO) -> int:
    _text(content)
    (dimensions,) = _numbers(content, "<I")
    if dimensions > 8:
        raise ValueError("its header is damaged")
    values = 1
    for size in _numbers(content, f"<{dimensions}Q"):
        values *= size
    kind, offset = _numbers(content, "<IQ")
    block, in_block = _BLOCKS.get(kind, (0, 1))
    return int(offset + values // in_block * block)
