# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""KV cache and compute graph of a model, as servers before 0.30.0 estimate them before they load it.

The formulas are facts about the server (v0.9.3, fs/ggml/ggml.go), and are named by architecture there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Tuple

from .geometry import Geometry, Tensors

# Every nth layer sees the whole context, the others a window that slides over it.
SLIDING = {"gemma3": 6, "gptoss": 2, "gpt-oss": 2}
KV_BYTES = {"f16": 2.0, "q8_0": 1.0, "q4_0": 0.5}


@dataclass(frozen=True)
class Run:
    """How a model is run: ``context`` tokens of all ``slots`` together, computed ``batch`` at a time."""

    context: int
    slots: int
    batch: int
    kv_cache_type: str


def kv_cache(shape: Geometry, run: Run, *, uniform: bool) -> Tuple[int, ...]:
    """Return the bytes of each layer's cache; ``uniform`` gives each as many heads as the widest has."""
    width = (shape.key_length + shape.value_length) * KV_BYTES[run.kv_cache_type]
    every = SLIDING.get(shape.architecture)
    window = run.slots * shape.window + run.batch
    widest = max(shape.kv_heads, default=0)
    found = []
    for layer, own in enumerate(shape.kv_heads):
        slides = every is not None and shape.window > 0 and (layer + 1) % every != 0
        tokens = window if slides else run.context
        found.append(int(tokens * width * (widest if uniform else own)))
    return tuple(found)


@dataclass(frozen=True)
class _Terms:
    """The names that the formulas share: batch, context, embedding, vocabulary, heads, KV heads, their widths."""

    b: int
    c: int
    e: int
    v: int
    h: int
    kv: int
    d: int
    k: int

    @property
    def logits(self) -> int:
        """What the last layer computes."""
        return 4 * self.b * (self.e + self.v)

    @property
    def table(self) -> int:
        """A table of the vocabulary in 6.5625 bits a value."""
        return self.e * self.v * 105 // 128

    @property
    def scores(self) -> int:
        """The values of attention for one token of the batch."""
        return self.c * (1 + self.h)


Sizes = Tuple[int, int]


def _llama(t: _Terms) -> Sizes:
    full = max(4 * t.b * (1 + 4 * t.e + t.scores), t.logits)
    attention = 4 * t.b * (1 + t.e + max(t.c, t.e)) + t.e * t.e * 9 // 16 + 4 * t.c * (t.b * t.h + t.d * t.kv)
    return full, 4 * t.b * t.e + max(attention, t.logits + t.table)


def _gemma(t: _Terms) -> Sizes:
    full = max(t.logits, 4 * t.b * (2 + t.scores + 2 * t.e + 2 * t.k * t.h))
    attention = 4 * t.b * (2 * t.e + 1 + 2 * t.k * t.h + t.scores) + 4 * t.k * t.c * 8 + t.e * t.k * t.h * 9 // 16
    return full, max(t.logits + t.table, attention)


def _gemma3n(t: _Terms) -> Sizes:
    full, partial = _gemma(t)
    return 4 * full, 4 * partial


def _command_r(t: _Terms) -> Sizes:
    full = max(t.logits, 4 * t.b * (2 + 4 * t.e + t.scores))
    attention = 4 * t.b * (1 + 2 * t.e + t.scores) + 4 * t.e * t.c + t.e * t.e * 9 // 16
    return full, max(t.logits + t.table, attention)


def _qwen2(t: _Terms) -> Sizes:
    full = max(t.logits, 4 * t.b * (1 + 2 * t.e + t.scores))
    return full, max(t.logits + t.table, 4 * (t.b * (1 + 2 * t.e + t.scores) + t.e * (1 + t.c)))


def _phi2(t: _Terms) -> Sizes:
    full = max(t.logits, 4 * t.b * (1 + 4 * t.e + t.scores))
    return full, max(4 * t.b * (2 * t.e + t.v) + t.table, 4 * t.b * (2 + 3 * t.e + t.scores))


def _stablelm(t: _Terms) -> Sizes:
    full = 4 * t.b * (t.scores + 3 * t.e + 2)
    return full, max(4 * t.b * (t.v + 2 * t.e), full)


def _deepseek2(t: _Terms) -> Sizes:
    logits, heads = 4 * t.b * (3 * t.e + t.v), t.k * t.kv
    scores = t.c * (1 + t.kv)
    full = max(logits, 4 * t.b * (3 * t.e + 2 + scores + 2 * heads))
    attention = 4 * t.b * (2 * t.e + 1 + 2 * heads + scores) + 4 * heads * t.c + t.e * heads * 9 // 16
    return full, max(logits + t.table, attention)


def _chatglm(t: _Terms) -> Sizes:
    fused = t.e + 2 * t.k * t.kv
    full = max(t.logits, 4 * t.b * (2 + 2 * t.e + t.scores + t.k * t.h + fused))
    attention = 4 * t.b * (1 + 2 * t.e + t.k * t.h + t.scores) + 8 * t.k * t.c + 4 * fused
    return full, max(t.logits + t.table, attention)


_BY_ARCHITECTURE: Dict[str, Callable[[_Terms], Sizes]] = {
    "llama": _llama,
    "llama4": _llama,
    "gemma": _gemma,
    "gemma2": _gemma,
    "gemma3": _gemma,
    "gemma3n": _gemma3n,
    "command-r": _command_r,
    "qwen2": _qwen2,
    "phi2": _phi2,
    "stablelm": _stablelm,
    "deepseek2": _deepseek2,
    "chatglm": _chatglm,
}


def graph(shape: Geometry, run: Run, tensors: Tensors, kv_total: int) -> Sizes:
    """Return the bytes of the compute graph where all layers are on one device, and where they are not."""
    widest = max(shape.kv_heads, default=0)
    terms = _Terms(
        b=run.batch,
        c=run.context,
        e=shape.embedding,
        v=shape.vocabulary,
        h=shape.heads,
        kv=widest,
        d=shape.head_width,
        k=shape.key_length,
    )
    known = _BY_ARCHITECTURE.get(shape.architecture)
    if known is None:
        partial = shape.heads // (min(shape.kv_heads, default=0) or 1) * kv_total // 6
        return partial, partial
    full, partial = known(terms)
    if tensors.gate_experts and shape.architecture in ("llama", "llama4"):
        partial = _experts(terms, tensors.gate_experts, shape.feed_forward)
    return full, partial


def _experts(t: _Terms, gate: int, feed_forward: int) -> int:
    heads = t.d * t.kv
    return max(
        3 * gate + 4 * t.b * (2 * feed_forward + t.kv + t.e + t.c + heads),
        4 * (t.c * t.b * t.h + t.c * heads + t.b * 1024 + heads * t.b),
    )


def vision_graph(shape: Geometry) -> int:
    """Return the bytes of the graph for images, where the weights for them are in the same file."""
    seen = shape.vision
    patch = seen.get("patch_size", 0)
    if not seen.get("block_count") or not patch:
        return 0
    heads, width = seen.get("attention.head_count", 0), seen.get("embedding_length", 0)
    channels = seen.get("num_channels", 0)
    if shape.architecture in ("gemma3", "mistral3"):
        side = seen.get("image_size", 0)
        patches = (side // patch) ** 2
        return 4 * (side * side * channels + width * patch + patches * patches * heads)
    if shape.architecture == "qwen25vl":
        pixels = seen.get("max_pixels", 28 * 28 * 1280)
        patches = pixels // (patch * patch)
        return 4 * (3 * pixels * channels + patches * patches * heads + width * patches)
    return 0
