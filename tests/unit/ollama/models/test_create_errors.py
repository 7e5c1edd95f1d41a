"""What an error of a create means, where the server's words do not tell."""

from __future__ import annotations

from typing import Optional

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.models import create_errors

MB = 1_000_000
# Recorded from 0.32.15, of a full disk and of an unknown architecture.
QUANTIZE = (
    "failed to validate GGUF with llama-quantize without compatibility patches: llama-quantize failed: exit status 1"
)
FULL = "write /root/.ollama/models/blobs/sha256-1: no space left on device"


@pytest.mark.parametrize(
    ("words", "architecture", "free", "space", "named"),
    [
        (QUANTIZE, "llama", 52, True, False),
        (QUANTIZE, "future", 900, False, True),
        # Nobody can tell which.
        (QUANTIZE, "future", 52, True, True),
        (QUANTIZE, "llama", 900, True, True),
        (QUANTIZE, "llama", None, True, True),
        (QUANTIZE, "future", None, True, True),
        (FULL, "future", None, True, False),
        (FULL, "llama", 3, True, False),
        ("no such type", "future", 3, False, False),
        ('tensor "a" offset+size (9) exceeds file size (8)', "llama", 3, False, False),
    ],
)
def test_a_cause_is_disk_space_or_the_architecture_or_both_where_nobody_knows(
    words: str, architecture: str, free: Optional[int], space: bool, named: bool
) -> None:
    found = create_errors.cause(words, [architecture], 98 * MB, None if free is None else free * MB)
    assert ("disk space" in found) is space
    assert (f"the architecture {architecture}" in found) is named
    assert ("98.0 MB are needed" in found) is space


def test_what_stays_is_told_with_its_size_and_what_removes_it() -> None:
    assert create_errors.leftover({}) == ""
    told = create_errors.leftover({"/m.gguf": 98 * MB, "/n.gguf": 2 * MB})
    assert told.startswith("The server keeps the upload of /m.gguf, /n.gguf (100.0 MB), which no model needs")
    assert "ollama_prune" in told
