"""GGUF files of every kind, made from the tiny model: shards, LoRA adapters, and files with a hole.

All is written by hand here and never by the code that is tested. Shards follow llama.cpp's
gguf-split: the first holds all keys, each holds its number, their count and how many tensors all have.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass, replace
from pathlib import Path

from . import tiny

UINT16 = 2
_SIZES = {0: 1, 1: 1, UINT16: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


@dataclass(frozen=True)
class Tensor:
    """One tensor; ``shape`` as the format has it, ``data`` without padding."""

    name: str
    shape: tuple[int, ...]
    kind: int
    data: bytes


@dataclass(frozen=True)
class Parts:
    """A file taken apart: its keys as they are encoded, and its tensors."""

    pairs: tuple[bytes, ...]
    tensors: tuple[Tensor, ...]


def text(value: str) -> bytes:
    """Encode a text as the format does."""
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    """Encode a key with its value."""
    return text(key) + struct.pack("<I", kind) + value


def name_of(encoded: bytes) -> str:
    """Return the key of an encoded pair."""
    return encoded[8 : 8 + struct.unpack_from("<Q", encoded)[0]].decode()


def written(parts: Parts, alignment: int = tiny.ALIGNMENT) -> bytes:
    """Put a file together."""
    table, data = b"", b""
    for tensor in parts.tensors:
        shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
        table += text(tensor.name) + shape + struct.pack("<IQ", tensor.kind, len(data))
        data += tensor.data + bytes(-len(tensor.data) % alignment)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(parts.tensors), len(parts.pairs)) + b"".join(parts.pairs) + table
    return head + bytes(-len(head) % alignment) + data


def taken_apart(content: bytes) -> Parts:
    """Take apart a file of F32 and F16 tensors and the usual alignment."""
    _magic, _version, tensor_count, pair_count = struct.unpack_from("<4sIQQ", content)
    at, pairs, found = 24, [], []
    for _number in range(pair_count):
        end = _value_end(content, _text_end(content, at))
        pairs.append(content[at:end])
        at = end
    for _number in range(tensor_count):
        end = _text_end(content, at)
        (dimensions,) = struct.unpack_from("<I", content, end)
        *shape, kind, offset = struct.unpack_from(f"<{dimensions}QIQ", content, end + 4)
        found.append((content[at + 8 : end].decode(), tuple(shape), kind, offset))
        at = end + 4 + 8 * dimensions + 12
    start = at + -at % tiny.ALIGNMENT
    return Parts(tuple(pairs), tuple(_tensor(content, start, *one) for one in found))


def _text_end(content: bytes | mmap.mmap, at: int) -> int:
    return at + 8 + int(struct.unpack_from("<Q", content, at)[0])


def _value_end(content: bytes | mmap.mmap, at: int) -> int:
    (kind,) = struct.unpack_from("<I", content, at)
    if kind == tiny.STRING:
        return _text_end(content, at + 4)
    if kind != tiny.ARRAY:
        return at + 4 + _SIZES[kind]
    inner, count = struct.unpack_from("<IQ", content, at + 4)
    at += 16
    if inner != tiny.STRING:
        return at + int(_SIZES[inner] * count)
    for _number in range(count):
        at = _text_end(content, at)
    return at


def _tensor(content: bytes, start: int, name: str, shape: tuple[int, ...], kind: int, offset: int) -> Tensor:
    size = {tiny.F32: 4, tiny.F16: 2}[kind]
    for dimension in shape:
        size *= dimension
    return Tensor(name, shape, kind, content[start + offset : start + offset + size])


def split(content: bytes, count: int, first_without_tensors: bool = False) -> list[bytes]:
    """Cut a file into shards; the tensors are shared out in order."""
    parts = taken_apart(content)
    total, holders = len(parts.tensors), count - first_without_tensors
    shares = [parts.tensors[total * at // holders : total * (at + 1) // holders] for at in range(holders)]
    if first_without_tensors:
        shares.insert(0, ())
    return [
        written(Parts((parts.pairs if number == 0 else ()) + marks(number, count, total), share))
        for number, share in enumerate(shares)
    ]


def marks(number: int, count: int, total: int) -> tuple[bytes, ...]:
    """Return the keys of a shard."""
    return (
        pair("split.no", UINT16, struct.pack("<H", number)),
        pair("split.count", UINT16, struct.pack("<H", count)),
        pair("split.tensors.count", tiny.INT32, struct.pack("<i", total)),
    )


def write_shards(
    directory: Path, stem: str, content: bytes, count: int, first_without_tensors: bool = False
) -> list[Path]:
    """Write a file as shards under the names that gguf-split gives."""
    paths = []
    for number, shard in enumerate(split(content, count, first_without_tensors), 1):
        paths.append(directory / f"{stem}-{number:05}-of-{count:05}.gguf")
        paths[-1].write_bytes(shard)
    return paths


def lora(general_type: str = "adapter") -> bytes:
    """A LoRA adapter for the tiny model, with which "hi" is answered "z": after an i comes a z.

    Without a ``general_type`` its header does not say what it is.
    """
    pairs = [
        pair("general.architecture", tiny.STRING, text("llama")),
        pair("adapter.type", tiny.STRING, text("lora")),
        pair("adapter.lora.alpha", tiny.FLOAT32, struct.pack("<f", 1.0)),
    ]
    if general_type:
        pairs.append(pair("general.type", tiny.STRING, text(general_type)))
    from_state, to_token = [0.0] * tiny.WIDTH, [0.0] * tiny.VOCABULARY
    from_state[1 + ord("i") - ord("a")] = 1.0
    to_token[tiny.FIRST_BYTE + ord("z")] = 40.0
    tensors = (
        Tensor("output.weight.lora_a", (tiny.WIDTH, 1), tiny.F32, struct.pack(f"<{tiny.WIDTH}f", *from_state)),
        Tensor("output.weight.lora_b", (1, tiny.VOCABULARY), tiny.F32, struct.pack(f"<{tiny.VOCABULARY}f", *to_token)),
    )
    return written(Parts(tuple(pairs), tensors))


def write_with_hole(path: Path, content: bytes, size: int) -> None:
    """Write a model's file with one more tensor of ``size`` bytes, which takes no room on the disk."""
    parts = taken_apart(content)
    hole = Tensor("hole", (size // 4,), tiny.F32, b"")
    head = written(replace(parts, tensors=(*parts.tensors, hole)))
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)


def overwrite(path: Path, old: bytes, new: bytes) -> None:
    """Replace bytes near the start of a file by as many others."""
    with path.open("r+b") as file:
        at = file.read(1024 * 1024).index(old)
        file.seek(at)
        file.write(new)
