# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a version of Ollama can do; the one place where versions are read and compared."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import Mapping, Optional, Tuple

Version = Tuple[int, int, int]

NEWEST = (999, 0, 0)
"""Builds that a person made from source call themselves 0.0.0, and are as new as can be."""


def parse_version(text: str) -> Version:
    """Return the version that `/api/version` reports, leniently: "0.32.15-rc2" and "v0.9.3" occur."""
    version = _numbers(text)
    return NEWEST if version is None or version == (0, 0, 0) else version


def _numbers(text: str) -> Optional[Version]:
    found = re.search(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?", text)
    return (int(found.group(1)), int(found.group(2) or 0), int(found.group(3) or 0)) if found else None


def is_at_least(server: str, version: str) -> bool:
    """Tell whether a server is of this version or newer; one that cannot be read is newer than all."""
    return parse_version(server) >= (_numbers(version) or NEWEST)


def _since(major: int, minor: int, patch: int = 0) -> Mapping[str, Version]:
    return {"since": (major, minor, patch)}


@dataclass(frozen=True)
class Features:
    """What a server can do, by the version that brought it; the default is what the newest can."""

    context_of_4096: bool = field(default=True, metadata=_since(0, 6, 7))
    """The default context is 4096 tokens or more. Before, 2048."""
    two_slots_at_most: bool = field(default=True, metadata=_since(0, 6, 7))
    """The server tries 2 slots by itself. Before, 4."""
    one_slot: bool = field(default=True, metadata=_since(0, 10))
    """The server uses one slot unless it is told otherwise."""
    renderers: bool = field(default=True, metadata=_since(0, 12))
    """A model may name a renderer and a parser. Before, the server drops them silently."""
    flash_attention_on_cpu: bool = field(default=True, metadata=_since(0, 12))
    """Flash attention, and so a quantized KV cache, works without a GPU."""
    flash_attention_by_architecture: bool = field(default=True, metadata=_since(0, 12, 4))
    """The server turns flash attention on by itself for some architectures."""
    streams_create_safely: bool = field(default=True, metadata=_since(0, 12, 6))
    """A streamed create ends at its first error. Before, it goes on and leaves an empty model behind."""
    keeps_requires: bool = field(default=True, metadata=_since(0, 14))
    """A model may name the version that it needs. Before, the server drops it silently."""
    context_by_gpu_memory: bool = field(default=True, metadata=_since(0, 15, 5))
    """The default context grows with the memory of the GPUs."""
    keeps_manifest_bytes: bool = field(default=True, metadata=_since(0, 19))
    """A pulled manifest is stored as the registry sent it. Before, it is encoded again."""
    rewrites_uploads: bool = field(default=True, metadata=_since(0, 30))
    """Create writes an uploaded GGUF file again, so that its digest is found nowhere afterwards."""
    flash_attention_always: bool = field(default=True, metadata=_since(0, 30))
    """The server turns flash attention on by itself for every architecture that has it."""
    memory_by_file_size: bool = field(default=True, metadata=_since(0, 30))
    """The server estimates memory by the size of the weights' file. Before, by their tensors."""
    only_embedding_models_embed: bool = field(default=True, metadata=_since(0, 30))
    """A runner refuses to embed with a chat model (seen with 0.32.15); 0.9.3 embeds with any model."""

    @classmethod
    def of(cls, version: str) -> Features:
        """Return the features of a version as a server or a person writes it."""
        return cls.of_version(parse_version(version))

    @classmethod
    def of_version(cls, version: Version) -> Features:
        """Return the features of a version that was read."""
        return cls(**{each.name: version >= each.metadata["since"] for each in fields(cls)})
