"""A tiny embedding model in the GGUF format, of the architecture that most embedding models have (BERT).

Its tokens are pairs of letters, its layers do nothing, and the vector of a text is the mean of its tokens'
vectors. So texts with the same words are near each other, and the same text has the same vector everywhere.
"""

from __future__ import annotations

import random
import string
import struct
from itertools import product
from typing import TYPE_CHECKING

from . import tiny
from .gguf_files import Parts, Tensor, written

if TYPE_CHECKING:
    from pathlib import Path

NAME = "tiny-embed"
WIDTH, HEADS, FEED, CONTEXT = 64, 2, 64, 512
MEAN_POOLING = 1
NORMAL = 1
# The ids of BERT's own vocabulary, which llama.cpp assumes where a file names none.
PAD, UNKNOWN, BEGIN, SEPARATOR, MASK = 0, 100, 101, 102, 103
SPECIAL = {PAD: "[PAD]", UNKNOWN: "[UNK]", BEGIN: "[CLS]", SEPARATOR: "[SEP]", MASK: "[MASK]"}
WORD_START = "\u2581"


def tokens() -> list[str]:
    """Return the vocabulary: every letter, digit and pair of letters, at the start of a word and within one."""
    special = [SPECIAL.get(number, f"[unused{number}]") for number in range(MASK + 1)]
    letters, pairs = string.ascii_lowercase + string.digits, product(string.ascii_lowercase, repeat=2)
    pieces = [*letters, *("".join(pair) for pair in pairs)]
    return [*special, *(WORD_START + piece for piece in pieces), *pieces]


def _pairs(vocabulary: list[str]) -> tuple[bytes, ...]:
    numbers = {
        "vocab_size": len(vocabulary),
        "context_length": CONTEXT,
        "embedding_length": WIDTH,
        "block_count": 1,
        "feed_forward_length": FEED,
        "attention.head_count": HEADS,
        "pooling_type": MEAN_POOLING,
    }
    # "seperator" is how llama.cpp spells it.
    ids = {"unknown": UNKNOWN, "bos": BEGIN, "cls": BEGIN, "eos": SEPARATOR, "seperator": SEPARATOR}
    ids |= {"padding": PAD, "mask": MASK}
    kinds = [tiny.CONTROL if text.startswith("[") else NORMAL for text in vocabulary]
    return (
        tiny._pair("general.architecture", tiny.STRING, "bert"),
        tiny._pair("general.name", tiny.STRING, NAME),
        tiny._pair("general.file_type", tiny.UINT32, 1),
        *(tiny._pair(f"bert.{key}", tiny.UINT32, value) for key, value in numbers.items()),
        tiny._pair("bert.attention.layer_norm_epsilon", tiny.FLOAT32, 1e-12),
        tiny._pair("bert.attention.causal", tiny.BOOL, False),
        tiny._pair("tokenizer.ggml.model", tiny.STRING, "bert"),
        tiny._pair("tokenizer.ggml.pre", tiny.STRING, "default"),
        tiny._pair("tokenizer.ggml.token_type_count", tiny.UINT32, 2),
        tiny._list("tokenizer.ggml.tokens", tiny.STRING, vocabulary),
        tiny._list("tokenizer.ggml.token_type", tiny.INT32, kinds),
        *(tiny._pair(f"tokenizer.ggml.{key}_token_id", tiny.UINT32, value) for key, value in ids.items()),
    )


def _full(name: str, value: float, *shape: int) -> Tensor:
    count = 1
    for size in shape:
        count *= size
    return Tensor(name, shape, tiny.F32, struct.pack("<f", value) * count)


def _norm(name: str) -> tuple[Tensor, ...]:
    return _full(f"{name}.weight", 1.0, WIDTH), _full(f"{name}.bias", 0.0, WIDTH)


def _nothing(name: str, columns: int = WIDTH, rows: int = WIDTH) -> tuple[Tensor, ...]:
    """A layer whose output is zero, so that only what bypasses it counts."""
    weight = Tensor(f"blk.0.{name}.weight", (columns, rows), tiny.F16, bytes(2 * columns * rows))
    return weight, _full(f"blk.0.{name}.bias", 0.0, rows)


def gguf() -> bytes:
    """Return the file's content; the same bytes on every machine."""
    dice, vocabulary = random.Random(3), tokens()
    values = [dice.uniform(-1, 1) for _ in range(WIDTH * len(vocabulary))]
    # Every text ends with this token, which must not make all texts alike.
    values[SEPARATOR * WIDTH : (SEPARATOR + 1) * WIDTH] = [0.0] * WIDTH
    parts = Parts(
        _pairs(vocabulary),
        (
            Tensor("token_embd.weight", (WIDTH, len(vocabulary)), tiny.F16, struct.pack(f"<{len(values)}e", *values)),
            _full("token_types.weight", 0.0, WIDTH, 2),
            _full("position_embd.weight", 0.0, WIDTH, CONTEXT),
            *_norm("token_embd_norm"),
            *(tensor for name in ("attn_q", "attn_k", "attn_v", "attn_output") for tensor in _nothing(name)),
            *_norm("blk.0.attn_output_norm"),
            *_nothing("ffn_up", WIDTH, FEED),
            *_nothing("ffn_down", FEED, WIDTH),
            *_norm("blk.0.layer_output_norm"),
        ),
    )
    return written(parts)


def ensure(directory: Path) -> dict[str, Path]:
    """Write tiny-embed.gguf into the directory, unless it is there; return its path by name."""
    return {NAME: tiny.write(directory / f"{NAME}.gguf", gguf())}
