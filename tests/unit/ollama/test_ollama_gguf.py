"""Headers of GGUF files, whole, cut and damaged."""

from __future__ import annotations

import contextlib
import io
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama import gguf, gguf_header

if TYPE_CHECKING:
    from collections.abc import Sequence


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


PAIRS = (
    pair("general.architecture", 8, text("llama")),
    pair("llama.block_count", 4, struct.pack("<I", 2)),
    pair("general.some", 7, b"\1"),
    pair("tokens", 9, struct.pack("<IQ", 8, 2) + text("a") + text("bc")),
    pair("scores", 9, struct.pack("<IQff", 6, 2, 0.5, 1.5)),
)
CHAT = pair("tokenizer.chat_template", 8, text("{{ messages }}"))


def tensor(name: str, shape: Sequence[int], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def whole(pairs: Sequence[bytes] = PAIRS, version: int = 3, kind: int = 0) -> bytes:
    tensors = [tensor("a", (8, 4), kind, 0), tensor("b", (16,), kind, 128)]
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs)) + b"".join(pairs) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + bytes(128 + 64)


def test_a_header_is_read_without_its_lists() -> None:
    header = gguf_header.read(io.BytesIO(whole()))
    assert header.least_size == len(whole())
    assert header.values == {
        "general.architecture": "llama",
        "llama.block_count": 2,
        "general.some": True,
        "tokens": {"entries": 2},
        "scores": {"entries": 2},
    }


def test_a_type_of_tensors_that_is_not_known_yet_is_no_error() -> None:
    assert gguf_header.read(io.BytesIO(whole(kind=999))).least_size < len(whole(kind=999))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "does not begin"),
        (b"GGML" + whole()[4:], "does not begin"),
        (b"GGUF", "ends within its header"),
        (whole(version=1), "its version is 1"),
        (whole()[:100], "ends within its header"),
        (whole()[:8] + b"\xff" * 8 + whole()[16:], "its header is damaged"),
        (whole()[:24] + b"\xff" * 8 + whole()[32:], "its header is damaged"),
        (whole([pair("x", 77, b"")]), "its header is damaged"),
        (whole([pair("x", 9, struct.pack("<IQ", 77, 1))]), "its header is damaged"),
        (whole([pair("x", 9, struct.pack("<IQQ", 8, 1, 2**63))]), "its header is damaged"),
        (whole([pair("x", 9, struct.pack("<IQ", 8, 2**40))]), "its header is damaged"),
        (whole([pair("general.alignment", 4, bytes(4))]), "its header is damaged"),
    ],
)
def test_a_damaged_header_is_told(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        gguf_header.read(io.BytesIO(data))


@given(st.integers(0, len(whole()) - 1), st.integers(0, 255))
def test_no_damage_of_one_byte_breaks_the_reader(place: int, value: int) -> None:
    damaged = bytearray(whole())
    damaged[place] = value
    with contextlib.suppress(ValueError):
        gguf_header.read(io.BytesIO(bytes(damaged)))


@given(size=st.integers(0, len(whole()) - 1))
def test_every_cut_is_seen(size: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.gguf"
    path.write_bytes(whole()[:size])
    with pytest.raises(Failure, match=r"^The file .* of the model m is no whole GGUF file: .*; bring it anew\.$"):
        gguf.inspect(str(path), "m")


@pytest.mark.parametrize(("pairs", "chat"), [(PAIRS, False), ([*PAIRS, CHAT], True)])
def test_a_file_is_read_through(tmp_path: Path, pairs: Sequence[bytes], chat: bool) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(whole(pairs))
    file = gguf.inspect(str(path), "m")
    assert file.size == len(whole(pairs))
    assert file.digest.startswith("sha256:")
    assert file.has_chat_template is chat


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"cannot be read on this host .No such file"):
        gguf.inspect(str(tmp_path / "none"), "m")
    with pytest.raises(Failure, match="Is a directory"):
        gguf.inspect(str(tmp_path), "m")
