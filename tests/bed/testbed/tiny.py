"""A tiny language model in the GGUF format: real enough to load, chat, embed and be quantized.

It goes on in the alphabet from the last letter it was given ("hi" is answered "jklmnopqrstuvwxyz"), the second
one goes backwards; so an answer always ends, is the same at every temperature and tells which weights gave it.

Written by hand, so that no package is needed: the format is a header, typed key-value pairs,
a table of tensors and their aligned data, all little-endian.
"""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

WIDTH, HEADS, FEED, BLOCKS, CONTEXT = 64, 4, 128, 2, 2048
ALIGNMENT = 32
END, FIRST_BYTE, VOCABULARY = 2, 3, 259
# tensor types of the format
F32, F16 = 0, 1
# value types of the format
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
# token types of the format
UNKNOWN, CONTROL, BYTE = 2, 3, 6
_PACK = {UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?"}


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _value(kind: int, value: Any) -> bytes:
    return _text(value) if kind == STRING else struct.pack(_PACK[kind], value)


def _pair(key: str, kind: int, value: Any) -> bytes:
    return _text(key) + struct.pack("<I", kind) + _value(kind, value)


def _list(key: str, kind: int, values: list[Any]) -> bytes:
    head = _text(key) + struct.pack("<IIQ", ARRAY, kind, len(values))
    return head + b"".join(_value(kind, one) for one in values)


def _pairs(name: str) -> list[bytes]:
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    kinds = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256
    return [
        _pair("general.architecture", STRING, "llama"),
        _pair("general.name", STRING, name),
        _pair("general.file_type", UINT32, 1),
        _pair("llama.vocab_size", UINT32, len(tokens)),
        _pair("llama.context_length", UINT32, CONTEXT),
        _pair("llama.embedding_length", UINT32, WIDTH),
        _pair("llama.block_count", UINT32, BLOCKS),
        _pair("llama.feed_forward_length", UINT32, FEED),
        _pair("llama.rope.dimension_count", UINT32, WIDTH // HEADS),
        _pair("llama.attention.head_count", UINT32, HEADS),
        _pair("llama.attention.head_count_kv", UINT32, HEADS),
        _pair("llama.attention.layer_norm_rms_epsilon", FLOAT32, 1e-5),
        _pair("tokenizer.ggml.model", STRING, "llama"),
        _list("tokenizer.ggml.tokens", STRING, tokens),
        _list("tokenizer.ggml.scores", FLOAT32, [0.0] * len(tokens)),
        _list("tokenizer.ggml.token_type", INT32, kinds),
        _pair("tokenizer.ggml.bos_token_id", UINT32, 1),
        _pair("tokenizer.ggml.eos_token_id", UINT32, 2),
        _pair("tokenizer.ggml.unknown_token_id", UINT32, 0),
        _pair("tokenizer.ggml.add_bos_token", BOOL, True),
    ]


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (WIDTH, VOCABULARY)}
    for block in range(BLOCKS):
        shapes |= {
            f"blk.{block}.{part}.weight": (WIDTH, WIDTH) for part in ("attn_q", "attn_k", "attn_v", "attn_output")
        }
        shapes |= {f"blk.{block}.{part}.weight": (WIDTH,) for part in ("attn_norm", "ffn_norm")}
        shapes |= {f"blk.{block}.{part}.weight": (WIDTH, FEED) for part in ("ffn_gate", "ffn_up")}
        shapes[f"blk.{block}.ffn_down.weight"] = (FEED, WIDTH)
    return shapes | {"output_norm.weight": (WIDTH,), "output.weight": (WIDTH, VOCABULARY)}


def _code(token: int) -> int:
    """The entry of a state that stands for a token: one for each letter, and one for all the rest."""
    letter = token - FIRST_BYTE - ord("a")
    return 1 + letter if 0 <= letter < 26 else 27


def _successors(step: int) -> dict[int, int]:
    """Which token follows which code: a walk through the alphabet that ends, so that every answer does."""
    first, last = (1, 26) if step > 0 else (26, 1)
    letters = {code: FIRST_BYTE + ord("a") - 1 + code + step for code in range(1, 27) if code != last}
    return letters | {last: END, 27: FIRST_BYTE + ord("a") - 1 + first}


def _weights(tensor: str, shape: tuple[int, ...], step: int, dice: random.Random) -> tuple[int, bytes]:
    """Type and data of a tensor: noise, and the walk written into the first and the last one."""
    if len(shape) == 1:
        return F32, struct.pack(f"<{shape[0]}f", *[1.0] * shape[0])
    wide, rows = shape
    values = [dice.gauss(0.0, 0.02) for _ in range(wide * rows)]
    if tensor == "token_embd.weight":
        for token in range(rows):
            values[token * wide + _code(token)] += 1.0
    elif tensor == "output.weight":
        for code, token in _successors(step).items():
            values[token * wide + code] += 4.0
    return F16, struct.pack(f"<{len(values)}e", *values)


def gguf(name: str, seed: int, step: int) -> bytes:
    """The file's content; the same name and seed give the same bytes on every machine."""
    dice = random.Random(seed)
    pairs, table, data = _pairs(name), b"", b""
    shapes = _shapes()
    for tensor, shape in shapes.items():
        kind, values = _weights(tensor, shape, step, dice)
        table += _text(tensor) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(data))
        data += values
        data += b"\0" * (-len(data) % ALIGNMENT)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(pairs)) + b"".join(pairs) + table
    return head + b"\0" * (-len(head) % ALIGNMENT) + data


def write(path: Path, content: bytes) -> Path:
    """Write a file, unless it has this content; a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != content:
        fresh = path.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.replace(path)
    return path


def ensure(directory: Path) -> dict[str, Path]:
    """tiny.gguf and tiny2.gguf (other weights) in the directory, written when they are not there."""
    kinds = (("tiny", 1, 1), ("tiny2", 2, -1))
    return {name: write(directory / f"{name}.gguf", gguf(name, seed, step)) for name, seed, step in kinds}
