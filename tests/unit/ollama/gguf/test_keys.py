"""The keys of a GGUF header, read from its start."""

from __future__ import annotations

import io
import struct

import pytest
from testbed import tiny
from testbed.tiny import BOOL, INT32, STRING, UINT32

from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.geometry import read_geometry
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.gguf.keys import TOKENS, read_keys

SHAPE = [
    tiny._pair("general.architecture", STRING, "llama"),
    tiny._pair("llama.block_count", UINT32, 2),
    tiny._pair("llama.embedding_length", UINT32, 64),
    tiny._pair("llama.attention.head_count", UINT32, 4),
]
VOCABULARY = [tiny._list(TOKENS, STRING, ["a", "bc", "def"])]
AFTER = [tiny._pair("llama.attention.causal", BOOL, False)]


def header(pairs: list[bytes], version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, 0, len(pairs)) + b"".join(pairs)


def test_a_vocabulary_is_counted_and_ends_the_reading() -> None:
    content = io.BytesIO(header(SHAPE + VOCABULARY + AFTER))
    values = read_keys(content)
    assert values[TOKENS] == 3
    assert "llama.attention.causal" not in values
    assert content.tell() < len(header(SHAPE + VOCABULARY))


def test_a_shape_after_the_vocabulary_is_found() -> None:
    lists = [tiny._list("tokenizer.ggml.scores", INT32, [0] * 2000)]
    values = read_keys(io.BytesIO(header(VOCABULARY + lists + SHAPE + AFTER)))
    assert (values[TOKENS], values["llama.block_count"], values["llama.attention.causal"]) == (3, 2, False)
    assert "tokenizer.ggml.scores" not in values


def test_numbers_for_each_layer_are_kept() -> None:
    heads = [tiny._list("llama.attention.head_count_kv", INT32, [4, 0])]
    shape = read_geometry(read_keys(io.BytesIO(header(SHAPE + heads + VOCABULARY))))
    assert shape is not None
    assert (shape.kv_heads, shape.head_width, shape.vocabulary) == ((4, 0), 16, 3)


WHOLE = header(SHAPE + VOCABULARY)


@pytest.mark.parametrize("length", [0, 3, 8, 30, 60, len(WHOLE) - len(VOCABULARY[0]), len(WHOLE) - 20])
def test_a_file_that_ends_within_its_header_is_none(length: int) -> None:
    with pytest.raises(ValueError, match=r"ends within its header|does not begin"):
        read_keys(io.BytesIO(header(SHAPE[:3] + VOCABULARY + SHAPE[3:])[:length]))


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04" + bytes(100),
        header(SHAPE, version=9),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 2**40),
        header([struct.pack("<Q", 2**40)]),
        header([tiny._text("a") + struct.pack("<I", 77)]),
        header([tiny._text("a") + struct.pack("<IIQ", 9, 77, 1)]),
    ],
)
def test_a_damaged_header_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"begin|damaged|version is 9"):
        read_keys(io.BytesIO(content))
