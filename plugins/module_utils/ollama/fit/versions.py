# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server's version decides about the memory of a model."""

from __future__ import annotations

from typing import Tuple

from ...host.units import GIB
from ..api.features import Features, Version

# Architectures that take one request at a time, whatever is asked for.
ONE_SLOT = frozenset(
    (
        "lfm2",
        "lfm2moe",
        "mllama",
        "nemotron_h",
        "nemotron_h_moe",
        "nemotron_h_omni",
        "qwen35",
        "qwen35moe",
        "qwen3next",
        "qwen3vl",
        "qwen3vlmoe",
    )
)
# For these a server from 0.12.4 on turns flash attention on by itself; from 0.30.0 on for all that can.
_FLASH = frozenset(
    (
        "bert",
        "gemma3",
        "gpt-oss",
        "gptoss",
        "lfm2",
        "lfm2moe",
        "mistral3",
        "olmo3",
        "qwen3",
        "qwen35",
        "qwen35moe",
        "qwen3moe",
        "qwen3next",
        "qwen3vl",
        "qwen3vlmoe",
    )
)


def default_context(version: Version, gpu_memory: int) -> int:
    """Return the context in tokens where nothing sets it; ``gpu_memory`` is that of all GPUs in bytes."""
    features = Features.of_version(version)
    if not features.context_of_4096:
        return 2048
    if not features.context_by_gpu_memory:
        return 4096
    if gpu_memory >= 47 * GIB:
        return 262144
    return 32768 if gpu_memory >= 23 * GIB else 4096


def parallel_tries(version: Version) -> Tuple[int, ...]:
    """Return the numbers of slots that the server tries by itself.

    The first that is wholly on GPUs is taken, the last where none is, and the first on a host without GPUs.
    """
    features = Features.of_version(version)
    if features.one_slot:
        return (1,)
    return (2, 1) if features.two_slots_at_most else (4, 1)


def flash_attention(version: Version, architecture: str) -> bool:
    """Tell whether the server turns flash attention on by itself."""
    features = Features.of_version(version)
    return features.flash_attention_always or (features.flash_attention_by_architecture and architecture in _FLASH)


def flash_attention_on_cpu(version: Version) -> bool:
    """Tell whether flash attention, and so a quantized KV cache, works without a GPU."""
    return Features.of_version(version).flash_attention_on_cpu


def predicts_by_file(version: Version) -> bool:
    """Tell whether the server goes by the size of the weights' file; before 0.30.0 it goes by their tensors."""
    return Features.of_version(version).memory_by_file_size
