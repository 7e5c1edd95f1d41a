"""The start of a file in a registry, read as it comes."""

from __future__ import annotations

from typing import BinaryIO, cast

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.gguf.keys import TOKENS, read_keys
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.gguf.remote import _Start
from unit.ollama.gguf.test_keys import WHOLE


def test_no_more_than_the_limit_is_read() -> None:
    pieces = iter([bytes(7)] * 1000)
    start = _Start(pieces, 100)
    assert len(start.read(60)) == 60
    with pytest.raises(ValueError, match="ends within"):
        start.seek(60, 1)
    assert 1000 - len(list(pieces)) == -(-100 // 7)


def test_pieces_of_any_size_make_the_same_header() -> None:
    for size in (1, 3, 1000):
        pieces = (WHOLE[start : start + size] for start in range(0, len(WHOLE), size))
        assert read_keys(cast(BinaryIO, _Start(pieces, 10**6)))[TOKENS] == 3
