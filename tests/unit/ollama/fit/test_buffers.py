"""What servers from 0.30.0 on take for a model: never more than is said to fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit import buffers as fit_buffers
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.demand import (
    MARGIN,
    Model,
    Settings,
    context_of,
    demand,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.geometry import Geometry

NEW = (0, 32, 15)
MB = 1_000_000


def shape(architecture: str, layers: int, width: int, heads: int, kv_heads: int, feed: int, **more: Any) -> Geometry:
    head = more.pop("head", width // heads)
    known: dict[str, Any] = {"context": 8192, "vocabulary": 32000, **more}
    return Geometry(
        architecture, layers, width, heads, head, (kv_heads,) * layers, head, head, feed_forward=feed, **known
    )


SMALL = shape("llama", 12, 1024, 16, 8, 4096)
LARGE = shape("llama", 16, 2048, 32, 8, 8192)
QWEN2 = shape("qwen2", 24, 896, 14, 2, 4864)
QWEN3 = shape("qwen3", 28, 1024, 16, 8, 3072)


@pytest.mark.parametrize(
    ("geometry", "file", "context", "server"),
    [
        (SMALL, 509, 4096, 647),
        (SMALL, 509, 32768, 794),
        (LARGE, 2209, 4096, 2414),
        (LARGE, 2209, 8192, 2628),
        (QWEN2, 831, 8192, 1022),
        (QWEN3, 836, 8192, 1377),
    ],
)
def test_a_real_server_takes_no_more_than_is_said(geometry: Geometry, file: int, context: int, server: int) -> None:
    """Hold the six models that Ollama 0.32.15 loaded on a processor, in MB (`size` of /api/ps)."""
    model = Model(file * MB, geometry)
    tokens = context_of(model, context, Settings(NEW), 0)
    asked = demand(model, tokens, 1, "f16", NEW)
    ratio = asked.on_cpu / (server * MB)
    assert 1 <= ratio <= 1 + (MARGIN + 1) / 100
    assert asked.margin == pytest.approx(asked.on_cpu * MARGIN / (100 + MARGIN), rel=0.001)


GEMMA3 = shape("gemma3", 6, 1152, 4, 1, 6912, head=256, vocabulary=60000, context=32768, window=512)
EXPERTS = shape("qwen3moe", 2, 2048, 32, 4, 4096, vocabulary=8000, experts=16, experts_used=8, expert_feed_forward=768)
WIDE_HEADS = shape("qwen3", 2, 512, 32, 4, 1024, head=128, vocabulary=259)
MANY_WORDS = shape("llama", 2, 512, 8, 2, 1024, vocabulary=128000)


@pytest.mark.parametrize(
    ("geometry", "context", "slots", "flash", "cache", "buffers"),
    [
        (SMALL, 8192, 1, True, 192.0, 80.02),
        (SMALL, 8192, 1, False, 192.0, 568.02),
        (LARGE, 4096, 1, False, 128.0, 286.01),
        (GEMMA3, 4096, 1, True, 9.0, 54.27),
        (GEMMA3, 32768, 1, True, 39.5, 165.54),
        (EXPERTS, 4096, 1, True, 8.0, 88.01),
        (WIDE_HEADS, 8192, 1, True, 32.0, 66.02),
        (MANY_WORDS, 40000, 1, True, 39.25, 189.05),
        (MANY_WORDS, 1024, 4, True, 4.0, 9.01),
    ],
)
def test_buffers_are_no_smaller_than_those_of_llama_cpp(
    geometry: Geometry, context: int, slots: int, flash: bool, cache: float, buffers: float
) -> None:
    """Hold figures in MiB that llama.cpp's library (v0.5.0, on a processor) printed for files of these shapes."""
    run = fit_buffers.run_of(geometry, context, slots, "f16", flash=flash, cuda=False)
    assert sum(fit_buffers.cache(geometry, run)) / 2**20 == cache
    said = fit_buffers.computing(geometry, run, flash=flash) / 2**20
    assert buffers <= said <= buffers * 1.6


@pytest.mark.parametrize(
    ("context", "embeds", "flash", "cuda", "batch"),
    [
        (4096, False, True, False, 512),
        (4097, False, True, True, 1024),
        (32768, False, True, False, 1024),
        (32769, False, True, False, 2048),
        (131072, False, False, True, 512),
        (131072, False, False, False, 2048),
        (512, True, True, False, 512),
        (8192, True, True, False, 2048),
    ],
)
def test_the_batch_is_the_most_that_the_server_takes(
    context: int, embeds: bool, flash: bool, cuda: bool, batch: int
) -> None:
    assert fit_buffers.batch(context, embeds=embeds, flash=flash, cuda=cuda) == batch


def test_an_older_server_does_the_sum_itself_and_needs_no_margin() -> None:
    assert demand(Model(509 * MB, SMALL), 4096, 1, "f16", (0, 9, 3)).margin == 0


def test_a_model_that_only_reads_has_buffers_and_no_cache() -> None:
    reads = replace(SMALL, architecture="bert", causal=False, embeds=True, context=512)
    asked = demand(Model(509 * MB, reads), 512, 1, "f16", NEW)
    assert asked.kv_cache == 0
    assert asked.graph_full > 0
