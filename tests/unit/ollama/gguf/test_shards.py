"""Models in several files, and the one file that they were."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from testbed import gguf_files, tiny

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.http.pieces import Stream
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.gguf import file as gguf
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.gguf import header as gguf_header
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.gguf import shards as gguf_shards

if TYPE_CHECKING:
    from collections.abc import Callable

WHOLE = tiny.gguf("tiny", 1, 1)
TOTAL = len(gguf_files.taken_apart(WHOLE).tensors)
OTHER = tiny.gguf("tiny", 2, -1)


def merged(path: Path) -> bytes:
    header, _size = gguf_shards.read_header(str(path), "m")
    with Stream(gguf_shards.merged(str(path), header, "m")[1]) as content:
        return b"".join(content)


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.mark.parametrize("count", [2, 3, 7])
@pytest.mark.parametrize("first_without_tensors", [False, True])
def test_shards_become_the_file_that_was_split_to_the_byte(
    tmp_path: Path, count: int, first_without_tensors: bool
) -> None:
    paths = gguf_files.write_shards(tmp_path, "x", WHOLE, count, first_without_tensors)
    for path in paths:
        file = gguf.inspect(str(path), "m")
        assert (file.digest, file.size, file.name, file.sharded) == (digest(WHOLE), len(WHOLE), "x.gguf", True)
    assert merged(paths[-1]) == WHOLE


def test_tensors_of_types_that_are_not_known_yet_are_taken_up_to_the_next(tmp_path: Path) -> None:
    parts = gguf_files.taken_apart(WHOLE)
    shares = [parts.tensors[:10], parts.tensors[10:]]
    paths = gguf_files.write_shards(tmp_path, "x", WHOLE, 2)
    for number, (path, share) in enumerate(zip(paths, shares)):
        strange = tuple(replace(tensor, kind=999) for tensor in share)
        path.write_bytes(
            gguf_files.written(
                gguf_files.Parts((parts.pairs if number == 0 else ()) + gguf_files.marks(number, 2, TOTAL), strange)
            )
        )
    assert merged(paths[0]) == gguf_files.written(
        replace(parts, tensors=tuple(replace(tensor, kind=999) for tensor in parts.tensors))
    )


def test_the_alignment_is_that_of_the_first_shard(tmp_path: Path) -> None:
    parts = gguf_files.taken_apart(WHOLE)
    aligned = gguf_files.pair("general.alignment", tiny.UINT32, struct.pack("<I", 256))
    parts = replace(parts, pairs=(*parts.pairs, aligned))
    paths = gguf_files.write_shards(tmp_path, "x", WHOLE, 2)
    first = gguf_files.Parts(parts.pairs + gguf_files.marks(0, 2, TOTAL), parts.tensors[:10])
    second = gguf_files.Parts(gguf_files.marks(1, 2, TOTAL), parts.tensors[10:])
    paths[0].write_bytes(gguf_files.written(first, 256))
    paths[1].write_bytes(gguf_files.written(second, 32))
    assert merged(paths[0]) == gguf_files.written(parts, 256)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("x.gguf", 1),
        ("x-00001-of-00003.gguf", 3),
        ("x-00003-of-00003.gguf", 3),
        ("x-00004-of-00003.gguf", 1),
        ("x-00000-of-00003.gguf", 1),
        ("x-00001-of-99999.gguf", 1),
        ("x-1-of-3.gguf", 1),
    ],
)
def test_a_name_tells_of_the_others(name: str, count: int) -> None:
    paths = gguf_shards.paths_of(f"/models/{name}")
    assert len(paths) == count
    assert f"/models/{name}" in paths


def test_a_file_that_has_a_shards_name_alone_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x-00001-of-00003.gguf"
    path.write_bytes(WHOLE)
    file = gguf.inspect(str(path), "m")
    assert (file.digest, file.name, file.sharded) == (digest(WHOLE), path.name, False)


def remove(*numbers: int) -> Callable[[list[Path]], None]:
    def spoil(paths: list[Path]) -> None:
        for number in numbers:
            paths[number].unlink()

    return spoil


def replace_by(number: int, content: bytes) -> Callable[[list[Path]], None]:
    def spoil(paths: list[Path]) -> None:
        paths[number].write_bytes(content)

    return spoil


def with_text(path: Path, old: bytes, new: bytes) -> None:
    path.write_bytes(path.read_bytes().replace(old, new))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (remove(1), "is one of 3 shards, and x-00002-of-00003.gguf is not beside it; copy all of them."),
        (remove(1, 2), "x-00002-of-00003.gguf and 1 more are not beside it"),
        (replace_by(1, gguf_files.split(WHOLE, 3)[2]), "x-00002-of-00003.gguf is shard 3 of 3 with 21 tensors"),
        (replace_by(1, gguf_files.split(WHOLE, 4)[1]), "x-00002-of-00003.gguf is shard 2 of 4 with 21 tensors"),
        (replace_by(1, WHOLE), "x-00002-of-00003.gguf is no shard"),
        (
            replace_by(1, gguf_files.written(gguf_files.Parts(gguf_files.marks(1, 3, TOTAL), ()))),
            "14 of the 21 tensors",
        ),
        (replace_by(2, gguf_files.split(WHOLE, 3, True)[2]), ", of which 4 are held twice"),
        (
            replace_by(1, gguf_files.split(WHOLE, 3)[1][:-40]),
            "x-00002-of-00003.gguf of the model m is not a complete GGUF",
        ),
        (replace_by(1, b""), "x-00002-of-00003.gguf of the model m is not a complete GGUF"),
        (lambda paths: with_text(paths[0], b"general.architecture", b"general.architectura"), "says nothing of a mod"),
        (lambda paths: with_text(paths[2], b"blk.1.", b"blk.0."), "are held twice"),
    ],
)
def test_shards_that_make_no_whole_are_told_in_one_sentence(
    tmp_path: Path, spoil: Callable[[list[Path]], None], words: str
) -> None:
    paths = gguf_files.write_shards(tmp_path, "x", WHOLE, 3)
    spoil(paths)
    with pytest.raises(Failure) as told:
        gguf.inspect(str(paths[0]), "m")
    assert words in told.value.message
    assert "\n" not in told.value.message


def test_a_shard_under_another_name_is_told(tmp_path: Path) -> None:
    paths = gguf_files.write_shards(tmp_path, "x", WHOLE, 3)
    paths[1].rename(tmp_path / "second.gguf")
    with pytest.raises(Failure, match=r"is shard 2 of 3 by its header, but its name does not end in -00002-of-00003\."):
        gguf.inspect(str(tmp_path / "second.gguf"), "m")


def test_an_old_splitter_did_not_count_the_tensors(tmp_path: Path) -> None:
    paths = gguf_files.write_shards(tmp_path, "x", WHOLE, 2)
    for path in paths:
        with_text(path, b"split.tensors.count", b"other.tensors.count")
    added = gguf_files.name_of(gguf_files.taken_apart(merged(paths[0])).pairs[-1])
    assert added == "other.tensors.count"
    assert gguf_files.taken_apart(merged(paths[0])).tensors == gguf_files.taken_apart(WHOLE).tensors


def test_the_header_of_a_merged_file_can_be_read(tmp_path: Path) -> None:
    paths = gguf_files.write_shards(tmp_path, "x", OTHER, 3)
    (tmp_path / "whole").write_bytes(merged(paths[0]))
    with (tmp_path / "whole").open("rb") as content:
        header = gguf_header.read(content)
    assert header.least_size == len(OTHER)
    assert not [name for name in header.values if name.startswith("split.")]
