# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of a GGUF header that tell a model's shape."""

from __future__ import annotations

from typing import Any, BinaryIO, Dict, Mapping

ARCHITECTURE = "general.architecture"
TOKENS = "tokenizer.ggml.tokens"
# Lists with a number for each layer are kept.
MAX_KEPT_LIST = 1024
_NEEDED = ("block_count", "embedding_length", "attention.head_count")


def read_keys(content: BinaryIO) -> Mapping[str, Any]:
    """Return a header's keys up to its vocabulary, which stands for its length; raise ValueError where it has none.

    Long texts and lists are left out. Where the model's shape comes after the vocabulary, all keys are read.
    """
    from .reader import LIST, Reader

    reader = Reader(content)
    _version, _tensors, count = reader.start()
    values: Dict[str, Any] = {}
    for _entry in range(count):
        name, kind = reader.key()
        if kind != LIST:
            value = reader.value(kind)
        else:
            of, length = reader.numbers("<IQ")
            if name == TOKENS:
                values[name] = length
                if _has_shape(values):
                    break
            value = reader.entries(of, length, MAX_KEPT_LIST)
        if value is not None and not isinstance(value, dict):
            values[name] = value
    return values


def _has_shape(values: Mapping[str, Any]) -> bool:
    architecture = values.get(ARCHITECTURE)
    return bool(architecture) and all(f"{architecture}.{key}" in values for key in _NEEDED)
