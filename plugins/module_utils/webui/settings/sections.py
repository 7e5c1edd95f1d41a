# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings from which the server builds something in memory: only calls of their own rebuild it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any, Collection, Dict, Iterator, List, Mapping, Optional

from ..api.client import Client
from .keys import Path, at

READ, PERMISSIONS = "read the settings", "user.permissions"
WHISPER_MODEL, HYBRID_SEARCH = "audio.stt.whisper_model", "rag.enable_hybrid_search"
EMBEDDING_ENGINE = "rag.embedding_engine"
TOOL_SERVERS, TERMINAL_SERVERS = "tool_server.connections", "terminal_server.connections"
# The server adds these to an entry without them.
ENTRY_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    TOOL_SERVERS: {"type": "openapi", "forward_cookies": False},
    TERMINAL_SERVERS: {
        "id": "",
        "name": "",
        "enabled": True,
        "path": "/openapi.json",
        "key": "",
        "auth_type": "bearer",
        "forward_cookies": False,
    },
}
_ENTRY_NEEDS = {TOOL_SERVERS: ("url", "path", "auth_type", "key", "config"), TERMINAL_SERVERS: ("url",)}


@dataclass(frozen=True)
class Section:
    """A call that writes some settings and rebuilds what the server made of them.

    ``fields`` are the paths of the settings in its body. ``read`` is the call that reads the rest of the body, which
    the write would otherwise lose; without it the rest stays. ``parts`` are the only keys that the body may have.
    ``shows`` is the call that shows the settings, if it is not ``read``.
    """

    write: str
    fields: Mapping[str, Path]
    read: Optional[str] = None
    parts: Collection[str] = field(default_factory=tuple)
    shows: Optional[str] = None

    def body(self, client: Client, settings: Mapping[str, Any]) -> Dict[str, Any]:
        """Return the body that writes some settings over the current ones."""
        answer = client.get_mapping(self.read, READ) if self.read else {}
        body = copy.deepcopy({name: answer[name] for name in self.parts or answer if name in answer})
        for key, value in settings.items():
            *path, last = self.fields[key]
            at = body
            for part in path:
                at = at.setdefault(part, {})
            at[last] = value
        return body


_EMBEDDING = {
    EMBEDDING_ENGINE: ("RAG_EMBEDDING_ENGINE",),
    "rag.embedding_model": ("RAG_EMBEDDING_MODEL",),
    "rag.embedding_batch_size": ("RAG_EMBEDDING_BATCH_SIZE",),
    "rag.enable_async_embedding": ("ENABLE_ASYNC_EMBEDDING",),
    "rag.embedding_concurrent_requests": ("RAG_EMBEDDING_CONCURRENT_REQUESTS",),
}
_ENGINES = {
    "openai": {
        "rag.openai.api_base_url": ("openai_config", "url"),
        "rag.openai.api_key": ("openai_config", "key"),
        # The names before 0.10.
        "rag.openai_api_base_url": ("openai_config", "url"),
        "rag.openai_api_key": ("openai_config", "key"),
    },
    "ollama": {
        "rag.ollama.base_url": ("ollama_config", "url"),
        "rag.ollama.api_key": ("ollama_config", "key"),
        "rag.ollama.url": ("ollama_config", "url"),
        "rag.ollama.key": ("ollama_config", "key"),
    },
    "azure_openai": {
        "rag.azure_openai.base_url": ("azure_openai_config", "url"),
        "rag.azure_openai.api_key": ("azure_openai_config", "key"),
        "rag.azure_openai.api_version": ("azure_openai_config", "version"),
    },
}
AUDIO = Section(
    "audio/config/update",
    {"audio.stt.engine": ("stt", "ENGINE"), WHISPER_MODEL: ("stt", "WHISPER_MODEL")},
    "audio/config",
    ("tts", "stt"),
)
RERANKING = Section(
    "retrieval/config/update",
    {
        HYBRID_SEARCH: ("ENABLE_RAG_HYBRID_SEARCH",),
        "rag.bypass_embedding_and_retrieval": ("BYPASS_EMBEDDING_AND_RETRIEVAL",),
        "rag.reranking_engine": ("RAG_RERANKING_ENGINE",),
        "rag.reranking_model": ("RAG_RERANKING_MODEL",),
        "rag.reranking_batch_size": ("RAG_RERANKING_BATCH_SIZE",),
        "rag.external_reranker_url": ("RAG_EXTERNAL_RERANKER_URL",),
        "rag.external_reranker_api_key": ("RAG_EXTERNAL_RERANKER_API_KEY",),
        "rag.external_reranker_timeout": ("RAG_EXTERNAL_RERANKER_TIMEOUT",),
    },
    shows="retrieval/config",
)
# 0.6 empties these if a write of the retrieval settings leaves them out.
_LIMITS = ("FILE_MAX_SIZE", "FILE_MAX_COUNT", "FILE_IMAGE_COMPRESSION_WIDTH", "FILE_IMAGE_COMPRESSION_HEIGHT")
_CONNECTIONS = (
    Section(
        "/ollama/config/update",
        {
            "ollama.enable": ("ENABLE_OLLAMA_API",),
            "ollama.base_urls": ("OLLAMA_BASE_URLS",),
            "ollama.api_configs": ("OLLAMA_API_CONFIGS",),
        },
        "/ollama/config",
    ),
    Section(
        "/openai/config/update",
        {
            "openai.enable": ("ENABLE_OPENAI_API",),
            "openai.api_base_urls": ("OPENAI_API_BASE_URLS",),
            "openai.api_keys": ("OPENAI_API_KEYS",),
            "openai.api_configs": ("OPENAI_API_CONFIGS",),
        },
        "/openai/config",
    ),
)
_SERVERS = (
    Section("configs/tool_servers", {TOOL_SERVERS: ("TOOL_SERVER_CONNECTIONS",)}, shows="configs/tool_servers"),
    Section("configs/terminal_servers", {TERMINAL_SERVERS: ("TERMINAL_SERVER_CONNECTIONS",)}),
)


def sections(engine: Any, by_key: bool) -> List[Section]:
    """Return the calls for settings that need one of their own, for the embedding engine in use.

    The call for embeddings stores the address and the key of that engine only; before 0.10 of all engines.
    """
    engines = [name for name in _ENGINES if name == engine or (engine in _ENGINES and not by_key)]
    fields = {key: path for name in engines for key, path in _ENGINES[name].items()}
    embedding = Section("retrieval/embedding/update", {**_EMBEDDING, **fields}, "retrieval/embedding")
    reranking = RERANKING if by_key else replace(RERANKING, read=RERANKING.shows, parts=_LIMITS)
    return [embedding, reranking, AUDIO, *_CONNECTIONS, *_SERVERS]


def in_force(client: Client, keys: Collection[str], saved: Collection[str]) -> Dict[str, Any]:
    """Return the values in force of settings that were never saved, as far as the server shows them (before 0.10)."""
    found: Dict[str, Any] = {}
    if PERMISSIONS in keys and PERMISSIONS not in saved:
        found[PERMISSIONS] = client.get_mapping("users/default/permissions", READ)
    for section in sections("openai", by_key=False):
        place = section.shows or section.read
        if place and section.fields.keys() & set(keys) and not section.fields.keys() <= {*saved, *found}:
            answer = client.get_mapping(place, READ)
            found.update({key: at(answer, path) for key, path in section.fields.items()})
    return {key: value for key, value in found.items() if value is not None}


def filled(key: str, value: Any) -> Any:
    """Return a list of servers with the defaults that Open WebUI adds to its entries."""
    defaults = ENTRY_DEFAULTS.get(key)
    if not defaults or not isinstance(value, list):
        return value
    return [{**defaults, **entry} if isinstance(entry, Mapping) else entry for entry in value]


def entry_problems(key: str, wanted: Any) -> Iterator[str]:
    """Yield the missing keys of entries of a list of servers."""
    for number, entry in enumerate(wanted if key in _ENTRY_NEEDS and isinstance(wanted, list) else ()):
        lacking = [name for name in _ENTRY_NEEDS[key] if isinstance(entry, Mapping) and name not in entry]
        if lacking:
            yield f"{key}[{number}] lacks {', '.join(lacking)}; set it (null or an empty text for none)"


def connection_problems(wanted: Mapping[str, Any]) -> Iterator[str]:
    """Yield where the parallel lists of connections do not match; ``wanted`` has all of them."""
    urls, keys = wanted.get("openai.api_base_urls"), wanted.get("openai.api_keys")
    if isinstance(urls, list) and isinstance(keys, list) and len(urls) != len(keys):
        yield (
            f"openai.api_keys would have {len(keys)} entries and openai.api_base_urls {len(urls)}; set a key for each "
            f"(an empty one for none), or use webui_connections"
        )
    for kind, name in (("openai", "openai.api_base_urls"), ("ollama", "ollama.base_urls")):
        places = {str(place) for place in range(len(wanted.get(name) or ()))}
        for place in (wanted.get(f"{kind}.api_configs") or {}).keys() - places:
            yield f"{kind}.api_configs.{place} belongs to no connection; they are numbered from 0 as in {name}"
