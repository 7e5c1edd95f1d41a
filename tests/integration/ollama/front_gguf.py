"""Writes a GGUF file as Ollama 0.30 and later store it: the same keys and tensors in an order of its own, no padding.

So files that differ in padding alone become one, as there. The order of keys and tensors is that of a recorded answer;
the bytes are not those of the real server, and nothing may compare them with its.
"""

from __future__ import annotations

import mmap
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testbed import gguf_files, tiny

if TYPE_CHECKING:
    from pathlib import Path

# Bytes and values of a block, by the type of a tensor.
BLOCKS = {
    0: (4, 1),
    1: (2, 1),
    2: (18, 32),
    3: (20, 32),
    6: (22, 32),
    7: (24, 32),
    8: (34, 32),
    10: (84, 256),
    11: (110, 256),
    12: (144, 256),
    13: (176, 256),
    14: (210, 256),
    30: (2, 1),
}
QUANTIZATION_VERSION = "general.quantization_version"
# What the server behind, and this double, can load.
ARCHITECTURES = ("llama", "bert", "qwen2", "qwen3", "gemma3")
LLAMA_QUANTIZE = (
    "failed to validate GGUF with llama-quantize without compatibility patches: llama-quantize failed: exit status 1"
)
PIECE = 1 << 20


class Refused(Exception):
    """The server's own words."""


@dataclass(frozen=True)
class Entry:
    """One line of the table of tensors; ``at`` is where its data begins in the file."""

    name: str
    shape: tuple[int, ...]
    kind: int
    at: int

    @property
    def size(self) -> int:
        """The bytes of its data, without padding."""
        size, values = BLOCKS[self.kind]
        count = 1
        for dimension in self.shape:
            count *= dimension
        return count // values * size

    def order(self) -> tuple[int, str]:
        """Return by what it is sorted: what is in no layer comes first."""
        layer = re.match(r"blk\.(\d+)\.", self.name)
        return (int(layer.group(1)) if layer else -1, self.name)


def read(content: mmap.mmap) -> tuple[dict[str, bytes], list[Entry]]:
    """Return the encoded keys by name, and the table of tensors."""
    _magic, _version, tensors, keys = struct.unpack_from("<4sIQQ", content)
    at, pairs, entries = 24, {}, []
    for _number in range(keys):
        end = gguf_files._value_end(content, gguf_files._text_end(content, at))
        encoded = bytes(content[at:end])
        pairs[gguf_files.name_of(encoded)] = encoded
        at = end
    for _number in range(tensors):
        end = gguf_files._text_end(content, at)
        (dimensions,) = struct.unpack_from("<I", content, end)
        *shape, kind, offset = struct.unpack_from(f"<{dimensions}QIQ", content, end + 4)
        entries.append(Entry(bytes(content[at + 8 : end]).decode(), tuple(shape), kind, offset))
        at = end + 4 + 8 * dimensions + 12
    start = at + -at % tiny.ALIGNMENT
    return pairs, [Entry(one.name, one.shape, one.kind, start + one.at) for one in entries]


def text_of(pairs: dict[str, bytes], key: str) -> str:
    """Return a key's text, or nothing."""
    encoded = pairs.get(key, b"")
    return encoded[gguf_files._text_end(encoded, 0) + 12 :].decode() if encoded else ""


def is_language_model(pairs: dict[str, bytes]) -> bool:
    """Tell whether a file is written anew; adapters and projectors stay as they were uploaded."""
    return text_of(pairs, "general.type") in ("", "model") and text_of(pairs, "general.architecture") != "clip"


def rewrite(source: Path, target: Path) -> bool:
    """Write a file anew; tell whether the server does so with a file of this kind. Refused where it is no good one."""
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        pairs, entries = read(content)
        if not is_language_model(pairs):
            return False
        for entry in entries:
            if entry.kind in BLOCKS and entry.at + entry.size > len(content):
                words = f"offset+size ({entry.at + entry.size}) exceeds file size ({len(content)})"
                raise Refused(f'tensor "{entry.name}" {words}')
        known = text_of(pairs, "general.architecture") in ARCHITECTURES
        if not known or any(entry.kind not in BLOCKS for entry in entries):
            raise Refused(LLAMA_QUANTIZE)
        if QUANTIZATION_VERSION not in pairs:
            pairs[QUANTIZATION_VERSION] = gguf_files.pair(QUANTIZATION_VERSION, tiny.UINT32, struct.pack("<I", 2))
        _write(target, list(pairs.values()), sorted(entries, key=Entry.order), content)
    return True


def _write(target: Path, pairs: list[bytes], entries: list[Entry], content: mmap.mmap) -> None:
    table, offset = b"", 0
    for entry in entries:
        shape = struct.pack(f"<I{len(entry.shape)}Q", len(entry.shape), *entry.shape)
        table += gguf_files.text(entry.name) + shape + struct.pack("<IQ", entry.kind, offset)
        offset += entry.size + -entry.size % tiny.ALIGNMENT
    head = b"GGUF" + struct.pack("<IQQ", 3, len(entries), len(pairs)) + b"".join(pairs) + table
    with target.open("wb") as file:
        file.write(head + bytes(-len(head) % tiny.ALIGNMENT))
        for entry in entries:
            for at in range(entry.at, entry.at + entry.size, PIECE):
                file.write(content[at : min(at + PIECE, entry.at + entry.size)])
            file.write(bytes(-entry.size % tiny.ALIGNMENT))
