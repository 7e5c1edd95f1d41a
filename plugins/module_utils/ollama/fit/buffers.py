# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""KV cache and buffers of llama.cpp, by which servers run models from 0.30.0 on.

The batch is in the server's source (0.33.0, server/sched.go). The sums were found by measuring: the six models of
Ollama 0.32.15 in tests/unit/ollama/test_ollama_estimate.py, and 20 shapes with llama.cpp's own library on a processor.
Each is the least that was never too little for any of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Tuple

from .geometry import Geometry
from .graph import SLIDING, Run, kv_cache

# llama.cpp gives each request a whole number of so many tokens.
CONTEXT_STEP = 256
# What is allocated besides for each token: positions, and what alignment takes.
SMALL = 16
BATCH, MEDIUM_BATCH, LARGE_BATCH = 512, 1024, 2048


def batch(context: int, *, embeds: bool, flash: bool, cuda: bool) -> int:
    """Return how many tokens are computed at once, at most: the server takes fewer where memory is short.

    ``context`` is that of all requests together.
    """
    if embeds:
        return min(LARGE_BATCH, context)
    if cuda and not flash:
        return BATCH
    if context > 32768:
        return LARGE_BATCH
    return MEDIUM_BATCH if context > 4096 else BATCH


def run_of(shape: Geometry, context: int, slots: int, kv_type: str, *, flash: bool, cuda: bool) -> Run:
    """Return how a model is run with ``context`` tokens for each of so many requests."""
    whole = slots * (-(-context // CONTEXT_STEP) * CONTEXT_STEP)
    at_once = batch(context * slots, embeds=shape.embeds, flash=flash, cuda=cuda)
    return Run(whole, slots, min(at_once, whole), kv_type)


def cache(shape: Geometry, run: Run) -> Tuple[int, ...]:
    """Return the bytes of each layer's cache, which never holds more than the whole context."""
    if not shape.causal:
        return (0,) * shape.layers
    full = kv_cache(replace(shape, window=0), run, uniform=False)
    return tuple(min(pair) for pair in zip(full, kv_cache(shape, run, uniform=False)))


def computing(shape: Geometry, run: Run, *, flash: bool) -> int:
    """Return the bytes of the buffers for one batch and for what comes out."""
    attention = _attention(shape, run, flash)
    values = max(_feed_forward(shape), attention, shape.vocabulary if shape.embeds and shape.causal else 0)
    # The mask of attention has a value for each token of a request, of two bytes with flash attention, else of four.
    each = 2 if flash else 4
    context = run.context // run.slots
    mask = each * context
    if shape.architecture in SLIDING and shape.window:
        mask += each * min(context, shape.window + run.batch)
    out = 4 * shape.vocabulary * run.slots + (4 * shape.embedding * run.batch if shape.embeds else 0)
    return run.batch * (4 * (values + SMALL) + mask) + out


def _feed_forward(shape: Geometry) -> int:
    """Return the values for each token of the batch between two layers."""
    dense = 3 * shape.feed_forward + 4 * shape.embedding
    if not shape.experts:
        return dense
    used = shape.experts_used or shape.experts
    wide = shape.expert_feed_forward or shape.feed_forward
    return max(dense, 3 * used * wide + 4 * shape.embedding, (2 * used + 5) * shape.embedding)


def _attention(shape: Geometry, run: Run, flash: bool) -> int:
    queries = shape.heads * max(shape.key_length, shape.value_length)
    keys = max(shape.kv_heads, default=0) * max(shape.key_length, shape.value_length)
    if flash:
        return 3 * queries + 2 * keys + 2 * shape.embedding
    return shape.heads * run.context // run.slots + 6 * max(queries, shape.embedding) + 2 * keys
