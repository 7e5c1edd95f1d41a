# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Open WebUI's embedding engine works, asked before anything depends on it.

Ollama 0.32.15 refuses to embed with a chat model (501) and reports what each model can do in `/api/tags`. Ollama 0.9.3
embeds with every model and reports nothing there. So what is not reported is not judged.
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
MOST_NAMED = 3
ENGINE_KEY, MODEL_KEY = "rag.embedding_engine", "rag.embedding_model"
ADDRESS_KEYS = ("rag.ollama.base_url", "rag.ollama.url")
"""The second is the name before Open WebUI 0.10."""


def refuse_broken_engine(client: Client, collection: str) -> None:
    """Have the server embed one word; raise Failure where it cannot. Costs one call that writes nothing.

    ``collection`` is the base that is to be filled, empty where it is not made yet. The server embeds the word before
    it looks for the collection, and answers 400 where the engine fails (0.6.43 to 0.12.4).
    """
    body = {"collection_name": collection or NO_COLLECTION, "query": "test", "k": 1, "hybrid": False}
    try:
        client.post("retrieval/query/doc", ASK, json=body, reads=True)
    except Failure as failure:
        if not client.get_mapping("retrieval/config", ASK).get("BYPASS_EMBEDDING_AND_RETRIEVAL"):
            raise Failure(_broken(client, failure)) from failure


def embedding_problem(client: Client, said: Mapping[str, Any], changes: Sequence[str]) -> Optional[str]:
    """Return why the model of these settings cannot embed; None where it can or where nobody can tell.

    ``said`` are the settings that are about to be written, by key. Costs no call unless ``changes`` are about the
    embedding engine's model, and three where they are.
    """
    if not {ENGINE_KEY, MODEL_KEY, *ADDRESS_KEYS} & set(changes):
        return None
    now = client.get_mapping(SETTINGS, ASK)
    if said.get(ENGINE_KEY, now.get("RAG_EMBEDDING_ENGINE")) != OLLAMA:
        return None
    address = next((said[key] for key in ADDRESS_KEYS if key in said), (now.get("ollama_config") or {}).get("url"))
    return _chat_model(client, str(address or ""), str(said.get(MODEL_KEY, now.get("RAG_EMBEDDING_MODEL")) or ""))


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
    other = f"use {' or '.join(able[:MOST_NAMED])}" if able else "pull one that does, such as nomic-embed-text"
    return f"the model {model!r} does not embed (its Ollama reports: {', '.join(map(str, can))}); {other}"


def _reported(client: Client, address: str) -> List[Dict[str, Any]]:
    """Return the models of an Ollama as that reports them; none where no connection leads there, or it is down."""
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
    """Return the name of a model as Ollama compares it: in small letters, with its tag, without its own registry."""
    name = name.strip().lower()
    for prefix in ("registry.ollama.ai/", "library/"):
        name = name.removeprefix(prefix)
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
