# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a model, from the keys of its GGUF header and from its table of tensors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from ..gguf.keys import ARCHITECTURE, TOKENS

# Shapes of tensors by their names.
Shapes = Mapping[str, Sequence[int]]
# Type of a tensor, as `/api/show` names it: bytes of a block, and the values in one.
_BLOCKS = {
    "F64": (8, 1),
    "F32": (4, 1),
    "F16": (2, 1),
    "BF16": (2, 1),
    "Q8_K": (292, 256),
    "Q8_1": (36, 32),
    "Q8_0": (34, 32),
    "Q6_K": (210, 256),
    "Q5_K": (176, 256),
    "Q5_1": (24, 32),
    "Q5_0": (22, 32),
    "Q4_K": (144, 256),
    "Q4_1": (20, 32),
    "Q4_0": (18, 32),
    "Q3_K": (110, 256),
    "Q2_K": (84, 256),
    "MXFP4": (17, 32),
}


@dataclass(frozen=True)
class Geometry:
    """A model's shape. ``kv_heads`` are one number for each layer; lengths are in values, contexts in tokens."""

    architecture: str
    layers: int
    embedding: int
    heads: int
    head_width: int
    kv_heads: Tuple[int, ...]
    key_length: int
    value_length: int
    context: int = 0
    vocabulary: int = 0
    window: int = 0
    feed_forward: int = 0
    experts: int = 0
    experts_used: int = 0
    expert_feed_forward: int = 0
    embeds: bool = False
    causal: bool = True
    vision: Mapping[str, int] = field(default_factory=dict)

    @property
    def flash_attention(self) -> bool:
        """Whether the server can use flash attention with it."""
        return not self.embeds and self.key_length == self.value_length != 0


@dataclass(frozen=True)
class Tensors:
    """Bytes of the weights as the server groups them: for each layer, after the layers, for images."""

    blocks: Tuple[int, ...]
    output: int
    vision: int = 0
    gate_experts: int = 0
    total: int = 0


def read_geometry(values: Mapping[str, Any], shapes: Optional[Shapes] = None) -> Optional[Geometry]:
    """Return the shape that a header's keys tell, or None where they tell too little.

    Lists that were passed over are no lists here; ``shapes`` of the tensors stand in for them.
    """
    shapes = shapes or {}
    architecture = str(values.get(ARCHITECTURE) or "")

    def number(key: str, default: int = 0) -> int:
        found = _numbers(values.get(f"{architecture}.{key}"))
        return max(found) if found else default

    layers, embedding = number("block_count"), number("embedding_length")
    if not architecture or layers < 1 or embedding < 1:
        return None
    heads = _numbers(values.get(f"{architecture}.attention.head_count")) or (1,)
    head_width = embedding // min(heads) if min(heads) > 0 else 0
    key_length = number("attention.key_length", head_width)
    return Geometry(
        architecture=architecture,
        layers=layers,
        embedding=embedding,
        heads=max(heads),
        head_width=head_width,
        kv_heads=_kv_heads(values, architecture, layers, key_length, shapes),
        key_length=key_length,
        value_length=number("attention.value_length", head_width),
        context=number("context_length"),
        vocabulary=_vocabulary(values, architecture, shapes),
        window=number("attention.sliding_window"),
        feed_forward=number("feed_forward_length"),
        experts=number("expert_count"),
        experts_used=number("expert_used_count"),
        expert_feed_forward=number("expert_feed_forward_length"),
        embeds=f"{architecture}.pooling_type" in values,
        causal=values.get(f"{architecture}.attention.causal") is not False,
        vision=_vision(values, architecture),
    )


def _numbers(value: Any) -> Tuple[int, ...]:
    found = value if isinstance(value, (list, tuple)) else [value]
    return tuple(int(one) for one in found if isinstance(one, (int, float)) and not isinstance(one, bool))


def _kv_heads(values: Mapping[str, Any], architecture: str, layers: int, width: int, shapes: Shapes) -> Tuple[int, ...]:
    key = f"{architecture}.attention.head_count_kv"
    counts = _numbers(values.get(key))
    if len(counts) == 1:
        return counts * layers
    if counts:
        return (counts + (counts[-1],) * layers)[:layers]
    keys = [shapes.get(f"blk.{layer}.attn_k.weight") for layer in range(layers)]
    if key in values and width and any(keys):
        # `/api/show` leaves long lists out; a layer without keys is one without a cache.
        return tuple(int(shape[-1]) // width if shape else 0 for shape in keys)
    return (1,) * layers


def _vocabulary(values: Mapping[str, Any], architecture: str, shapes: Shapes) -> int:
    tokens = values.get(TOKENS)
    if isinstance(tokens, int):
        return tokens
    table = shapes.get("token_embd.weight")
    if table:
        return int(table[-1])
    return max(_numbers(values.get(f"{architecture}.vocab_size")), default=0)


def _vision(values: Mapping[str, Any], architecture: str) -> Dict[str, int]:
    prefix = f"{architecture}.vision."
    found = {key[len(prefix) :]: _numbers(value) for key, value in values.items() if key.startswith(prefix)}
    return {key: max(counts) for key, counts in found.items() if counts}


def read_tensors(table: Sequence[Mapping[str, Any]], layers: int) -> Optional[Tensors]:
    """Return the sizes by a table of tensors (``name``, ``type``, ``shape``), or None where it is not understood."""
    blocks = [0] * layers
    rest: Dict[str, int] = {}
    vision = experts = total = 0
    for tensor in table:
        name = str(tensor.get("name"))
        size = _size(tensor)
        if size is None:
            return None
        total += size
        parts = name.split(".")
        if parts[0] == "blk" and len(parts) > 2 and parts[1].isdigit() and int(parts[1]) < layers:
            blocks[int(parts[1])] += size
            experts += size if parts[1:3] == ["0", "ffn_gate_exps"] else 0
        elif parts[0] == "v":
            vision += size
        else:
            rest[parts[0]] = rest.get(parts[0], 0) + size
    if not any(blocks):
        return None
    # Where both ends share one table it is counted once, as the last.
    output = rest.get("output_norm", 0) + rest.get("output", rest.get("token_embd", 0))
    return Tensors(tuple(blocks), output, vision, experts, total)


def _size(tensor: Mapping[str, Any]) -> Optional[int]:
    shape = tensor.get("shape")
    if tensor.get("type") not in _BLOCKS or not isinstance(shape, (list, tuple)):
        return None
    size, in_block = _BLOCKS[str(tensor["type"])]
    values = 1
    for length in shape:
        values *= int(length)
    return values * size // in_block


def tensors_of_file(size: int, geometry: Geometry) -> Tensors:
    """Return sizes by that of the whole file, where no table is known: an upper bound, all of it in the layers."""
    each = size // geometry.layers
    blocks = (each + size % geometry.layers,) + (each,) * (geometry.layers - 1)
    gate = each // 3 if geometry.experts else 0
    return Tensors(blocks, 0, gate_experts=gate, total=size)
