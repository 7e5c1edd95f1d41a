"""The bed's toy models: which of them embed, and that their files are the same on every machine."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest
from testbed import embedder, gguf_files, toys

DIGESTS = {
    "tiny": "df84da947a6e86c78402fbf7dde5782a88b807edc03f94ffd3b83f4530978ce7",
    "tiny2": "945175b3d46309995bba34c5e740a33a1926f4f7ea3663e4015877e4388911fb",
    "tiny-embed": "6a3b9a0ae59c0d185c4dae4c1d8ddac15eb5a940ea5063e949202f0bafb22532",
}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return toys.ensure(tmp_path)


def test_the_files_are_the_same_everywhere(files: dict[str, Path]) -> None:
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == DIGESTS


def test_only_the_embedder_has_a_pooling_type(files: dict[str, Path]) -> None:
    pooling = {}
    for name, path in files.items():
        values = {gguf_files.name_of(pair): pair for pair in gguf_files.taken_apart(path.read_bytes()).pairs}
        found = [pair for key, pair in values.items() if key.endswith(".pooling_type")]
        pooling[name] = [struct.unpack("<I", pair[-4:])[0] for pair in found]
    assert pooling == {"tiny": [], "tiny2": [], "tiny-embed": [embedder.MEAN_POOLING]}


def test_a_chunk_of_open_webui_fits_into_the_context() -> None:
    """A chunk has 1000 characters (CHUNK_SIZE), and two letters or the rest of a word are one token."""
    text = ("the library opens at nine and closes at five on each day of the week " * 20)[:1000]
    assert sum(-(-len(word) // 2) for word in text.split()) + 2 <= embedder.CONTEXT
    assert len(set(embedder.tokens())) == len(embedder.tokens())


def test_a_file_that_is_there_is_not_written_again(files: dict[str, Path], tmp_path: Path) -> None:
    before = {name: path.stat().st_mtime_ns for name, path in files.items()}
    assert {name: path.stat().st_mtime_ns for name, path in toys.ensure(tmp_path).items()} == before
