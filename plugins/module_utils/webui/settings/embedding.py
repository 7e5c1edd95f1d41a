# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check Open WebUI's embedding engine before anything depends on it.

Ollama 0.32.15 refuses to embed with a chat model (501) and reports the capabilities of each model in `/api/tags`.
Ollama 0.9.3 embeds with every model and reports no capabilities, so models without reported capabilities pass.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence

from ...engine.errors import Failure
from ..api.client import Client
from ..entries.backend_url import same_url, shown_url

ASK = "test the embedding engine"
SETTINGS = "retrieval/embedding"
NO_COLLECTION = "selfhosted-llm-embedding-test"
EMBEDDING = "embedding"
OLLAMA = "ollama"
MAX_NAMED = 3
ENGINE_KEY, MODEL_KEY = "rag.embedding_engine", "rag.embedding_model"
ADDRESS_KEYS = ("rag.ollama.base_url", "rag.ollama.url")
"""The second is the name before Open WebUI 0.10."""


def refuse_broken_engine(client: Client, collection: str) -> None:
    """Let the server embed one word; raise Failure if it cannot. Costs one call that writes nothing.

    ``collection`` is the knowledge base to fill, empty if it does not exist yet. The server embeds the word before it
    looks for the collection, and answers 400 if the engine fails (0.6.43 to 0.12.4).
    """
    body = {"collection_name": collection or NO_COLLECTION, "query": "test", "k": 1, "hybrid": False}
    try:
        client.post("retrieval/query/doc", ASK, json=body, reads=True)
    except Failure as failure:
        if not client.get_mapping("retrieval/config", ASK).get("BYPASS_EMBEDDING_AND_RETRIEVAL"):
            raise Failure(_broken(client, failure)) from failure


def embedding_problem(client: Client, wanted: Mapping[str, Any], changes: Sequence[str]) -> Optional[str]:
    """Return why the model of these settings cannot embed; None if it can or if the server does not report it.

    ``wanted`` are the settings to write, by key. Costs three calls if ``changes`` concern the model of the embedding
    engine, otherwise none.
    """
    if not {ENGINE_KEY, MODEL_KEY, *ADDRESS_KEYS} & set(changes):
        return None
    now = client.get_mapping(SETTINGS, ASK)
    if wanted.get(ENGINE_KEY, now.get("RAG_EMBEDDING_ENGINE")) != OLLAMA:
        return None
    address = next((wanted[key] for key in ADDRESS_KEYS if key in wanted), (now.get("ollama_config") or {}).get("url"))
    return _chat_model(client, str(address or ""), str(wanted.get(MODEL_KEY, now.get("RAG_EMBEDDING_MODEL")) or ""))


def _broken(client: Client, failure: Failure) -> str:
    settings = client.get_mapping(SETTINGS, ASK)
    engine, model = str(settings.get("RAG_EMBEDDING_ENGINE") or ""), str(settings.get("RAG_EMBEDDING_MODEL") or "")
    address = str((settings.get(f"{engine}_config") or {}).get("url") or "")
    why = _chat_model(client, address, model) if engine == OLLAMA else None
    return (
        f"The embedding engine of Open WebUI at {client.url} does not work, so nothing was uploaded or removed. It is "
        f"{engine or 'the built-in one'}{f' at {shown_url(address)}' if address else ''} with the model {model!r}. "
        + (
            f"{why[0].upper()}{why[1:]}."
            if why
            else f"{failure.message} Check that the engine answers and has the model, or change the rag.embedding "
            f"settings."
        )
    )


def _chat_model(client: Client, address: str, model: str) -> Optional[str]:
    rows = _reported(client, address)
    row = next((row for row in rows if _whole(str(row.get("model") or row.get("name"))) == _whole(model)), None)
    can = (row or {}).get("capabilities")
    if not isinstance(can, list) or not can or EMBEDDING in can:
        return None
    able = sorted(str(row.get("model")) for row in rows if EMBEDDING in (row.get("capabilities") or ()))
    other = f"use {' or '.join(able[:MAX_NAMED])}" if able else "pull one that does, such as nomic-embed-text"
    return f"the model {model!r} does not embed (its Ollama reports: {', '.join(map(str, can))}); {other}"


def _reported(client: Client, address: str) -> List[Dict[str, Any]]:
    """Return the models that an Ollama reports; none if no connection has its address, or if it is down."""
    try:
        urls = client.get_mapping("/ollama/config", ASK).get("OLLAMA_BASE_URLS") or []
        place = next((place for place, url in enumerate(urls) if same_url(str(url)) == same_url(address)), None)
        if place is None:
            return []
        rows = client.get_mapping(f"/ollama/api/tags/{place}", ASK).get("models")
    except Failure:
        return []
    return [row for row in rows or () if isinstance(row, dict)]


def _whole(name: str) -> str:
    """Return the name of a model as Ollama compares it: in lower case, with its tag, without its own registry."""
    name = name.strip().lower()
    for prefix in ("registry.ollama.ai/", "library/"):
        name = name.removeprefix(prefix)
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
