"""What a model was made from: notes of all versions, and what they and a server's words decide."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional, Sequence

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.current import origin
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.current.origin import (
    OTHER,
    SAME,
    UNKNOWN,
    Evidence,
    Source,
    Wanted,
    has_level,
    judge,
    read_sources,
    with_source,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.gguf.weights import Weights

A, B, COPY = (f"sha256:{letter * 64}" for letter in "abc")
PLAIN = Weights("llama", 100, 1, "shapes", "types", "F16")
SMALL = replace(PLAIN, file_type=15, types="others", main_type="Q4_K")


@pytest.mark.parametrize(
    ("note", "sources"),
    [
        ({}, ()),
        ({"served_as": ["x"]}, ()),
        # Written by older versions of the collection.
        ({"made_from": [A]}, (Source((A,), None),)),
        ({"made_from": [B], "sources": [{"files": [A], "quantize": ""}]}, (Source((A,), ""),)),
        ({"sources": [{"files": [A], "quantize": "Q8_0"}, {"files": 3}, 7]}, (Source((A,), "Q8_0"),)),
        ({"made_from": "damaged", "sources": "damaged"}, ()),
        ({"made_from": [1]}, ()),
    ],
)
def test_notes_of_all_versions_are_read(note: dict[str, Any], sources: Sequence[Source]) -> None:
    assert read_sources(note) == tuple(sources)


def test_a_note_holds_several_sources_and_what_older_versions_read() -> None:
    note: dict[str, Any] = {"served_as": ["x"]}
    for files in ((A,), (B,), (A,)):
        note = with_source(note, Source(files, ""))
    assert read_sources(note) == (Source((B,), ""), Source((A,), ""))
    assert (note["made_from"], note["served_as"]) == ([A], ["x"])
    assert [source.files for source in read_sources(with_source({"made_from": [A]}, Source((B,), "")))] == [(A,), (B,)]


def test_a_note_does_not_grow_for_ever() -> None:
    note: dict[str, Any] = {}
    for number in range(origin.MAX_SOURCES + 5):
        note = with_source(note, Source((str(number),), ""))
    assert len(read_sources(note)) == origin.MAX_SOURCES
    assert read_sources(note)[-1].files == (str(origin.MAX_SOURCES + 4),)


@pytest.mark.parametrize(
    ("noted", "shown", "quantize", "there", "verdict"),
    [
        # The server still has the file itself.
        ((), None, "", [A], SAME),
        ((B,), PLAIN, "", [A], SAME),
        # But what was quantized from it is something else.
        ((), PLAIN, "Q8_0", [A], UNKNOWN),
        ((A,), PLAIN, "", [COPY], SAME),
        ((B, A), PLAIN, "", [COPY], SAME),
        ((B,), PLAIN, "", [COPY], OTHER),
        ((), PLAIN, "", [COPY], UNKNOWN),
        ((), None, "", [COPY], UNKNOWN),
        ((), replace(PLAIN, count=9), "", [COPY], OTHER),
        ((), replace(PLAIN, shapes="x"), "", [COPY], OTHER),
        ((), replace(PLAIN, types="x"), "", [COPY], OTHER),
        ((), replace(PLAIN, architecture="qwen2"), "", [COPY], OTHER),
        # Another level explains other types, and is told by itself.
        ((), SMALL, "", [COPY], UNKNOWN),
        ((), SMALL, "Q4_K_M", [COPY], UNKNOWN),
        ((), replace(SMALL, shapes="x"), "Q4_K_M", [COPY], OTHER),
    ],
)
def test_a_note_decides_else_what_the_server_shows(
    noted: Sequence[str], shown: Optional[Weights], quantize: str, there: list[str], verdict: str
) -> None:
    evidence = Evidence(shown, tuple(Source((digest,), "") for digest in noted))
    assert judge(evidence, Wanted(Source((A,), quantize), PLAIN), there) == verdict


def test_weights_that_are_still_to_come_are_others() -> None:
    assert judge(Evidence(PLAIN), Wanted(Source(("those of base as it will be",), "")), [COPY]) == OTHER


@pytest.mark.parametrize(
    ("sources", "shown", "quantize", "level", "has"),
    [
        ((), PLAIN, "", "F16", True),
        ((), SMALL, "", "Q4_K_M", False),
        ((), SMALL, "Q4_K_M", "q4_k_m", True),
        ((), SMALL, "Q8_0", "Q4_K_M", False),
        # An older note does not tell the level.
        ((Source((A,), None),), SMALL, "", "Q4_K_M", False),
        ((Source((A,), "Q4_K_M"),), SMALL, "", "Q4_K_M", False),
        # What came of the same request is as wanted, whatever the server calls it.
        ((Source((A,), ""),), SMALL, "", "unknown", True),
        ((Source((A,), "F32"),), PLAIN, "F32", "unknown", True),
    ],
)
def test_the_level_is_always_compared(
    sources: Sequence[Source], shown: Weights, quantize: str, level: str, has: bool
) -> None:
    assert has_level(Evidence(shown, tuple(sources)), Wanted(Source((A,), quantize), PLAIN), level) is has
