"""What a file's header and a server's words tell of the same weights."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from typing import Any, Optional

import pytest
from testbed import gguf_files

from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.gguf import header as gguf_header
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.gguf import weights
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.gguf.weights import Weights

TABLE = (
    ("token_embd.weight", 1, (64, 259)),
    ("blk.0.attn_norm.weight", 0, (64,)),
    ("blk.0.ffn_up.weight", 1, (64, 128)),
)
NAMES = {0: "F32", 1: "F16", 12: "Q4_K", 8: "Q8_0", 77: "type 77"}


def header(table: Any = TABLE, file_type: Optional[int] = 1) -> Weights:
    pairs = [gguf_files.pair("general.architecture", 8, gguf_files.text("llama"))]
    if file_type is not None:
        pairs.append(gguf_files.pair("general.file_type", 4, struct.pack("<I", file_type)))
    rows = b"".join(
        gguf_files.text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, 0)
        for name, kind, shape in table
    )
    head = b"GGUF" + struct.pack("<IQQ", 3, len(table), len(pairs)) + b"".join(pairs) + rows
    return weights.of_header(gguf_header.read(io.BytesIO(head), detailed=True))


def shown(table: Any = TABLE, file_type: Optional[int] = 1, **more: Any) -> Weights:
    """What `/api/show` says, in the form that was recorded from 0.32.15."""
    info = {"general.architecture": "llama", "general.parameter_count": 24832, **more}
    if file_type is not None:
        info["general.file_type"] = file_type
    rows = [{"name": name, "type": NAMES[kind], "shape": list(shape)} for name, kind, shape in table]
    return weights.of_shown({"model_info": info, "tensors": rows})


def test_a_file_and_what_a_server_shows_of_its_copy_are_alike() -> None:
    copy = shown(tuple(reversed(TABLE)), **{"general.quantization_version": 2})
    assert header() == copy
    assert (copy.count, copy.level, copy.main_type) == (64 * 259 + 64 + 64 * 128, "F16", "F16")


def test_a_dimension_of_one_value_at_the_end_goes_in_a_copy() -> None:
    with_one = (*TABLE[:2], ("blk.0.ffn_up.weight", 1, (64, 128, 1)))
    assert header(with_one) == shown()


@pytest.mark.parametrize(
    ("table", "types", "differ"),
    [
        (TABLE, True, False),
        (TABLE[:2], False, True),
        ((*TABLE[:2], ("blk.0.ffn_up.weight", 1, (128, 64))), False, True),
        ((*TABLE[:2], ("blk.0.ffn_down.weight", 1, (64, 128))), False, True),
        ((*TABLE[:2], ("blk.0.ffn_up.weight", 12, (64, 128))), False, False),
        ((*TABLE[:2], ("blk.0.ffn_up.weight", 12, (64, 128))), True, True),
    ],
)
def test_names_shapes_and_types_tell_files_apart(table: Any, types: bool, differ: bool) -> None:
    assert weights.differ(header(), shown(table), types=types) is differ


def test_what_a_server_does_not_show_tells_nothing() -> None:
    older = weights.of_shown({"model_info": {"general.architecture": "llama", "general.parameter_count": 24832}})
    assert not weights.differ(header(), older, types=True)
    assert weights.differ(header(), replace(older, count=1), types=True)
    assert weights.differ(header(), replace(older, architecture="qwen2"), types=True)
    assert weights.of_shown({}) == Weights()
    assert weights.of_shown({"model_info": None, "tensors": [{"name": "x", "type": "F16", "shape": None}]}) == Weights()


@pytest.mark.parametrize(
    ("one", "other", "same", "level"),
    [
        (header(), shown(), True, "F16"),
        (header(), shown(file_type=15), False, "F16"),
        (header(file_type=None), shown(), True, "F16"),
        # llama.cpp marks what it guessed.
        (header(file_type=None), shown(file_type=1025), True, "F16"),
        (header(file_type=None), shown(tuple((name, 12, shape) for name, _kind, shape in TABLE), 15), False, "F16"),
        # A level that has no name here.
        (header(tuple((name, 77, shape) for name, _kind, shape in TABLE), 99), shown(file_type=99), True, "type 77"),
        (header(), Weights(), True, "F16"),
    ],
)
def test_levels_are_compared_by_number_else_by_the_types_of_most_values(
    one: Weights, other: Weights, same: bool, level: str
) -> None:
    assert weights.same_level(one, other) is same
    assert one.level == level


def test_facts_survive_the_ledger_and_damage_is_nothing() -> None:
    assert weights.of_facts(header().facts()) == header()
    for damage in (None, {}, {"architecture": 3}, {"count": "x"}, {"nosuch": 1}, [1], "text"):
        assert weights.of_facts(damage) in (None, Weights())
