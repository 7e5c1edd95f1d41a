# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Open WebUI's embedding engine works, asked before anything depends on it."""

from __future__ import annotations

from typing import Any, Dict

from ..errors import Failure
from .client import Client

ASK = "test the embedding engine"
SETTINGS = "retrieval/embedding"
NO_COLLECTION = "selfhosted-llm-embedding-test"


def refuse_broken_engine(client: Client, collection: str) -> None:
    """Have the server embed one word; raise Failure where it cannot. Costs one call that writes nothing.

    ``collection`` is the base that is to be filled, empty where it is not made yet. Open WebUI 0.6 hides the failure
    of the engine and answers a search in an existing base with null.
    """
    body = {"collection_name": collection or NO_COLLECTION, "query": "test", "k": 1, "hybrid": False}
    try:
        client.post("retrieval/query/doc", ASK, json=body, reads=True)
    except Failure as failure:
        if not _is_bypassed(client):
            raise Failure(_refused(client, failure)) from failure


def _is_bypassed(client: Client) -> bool:
    return bool(client.get_mapping("retrieval/config", ASK).get("BYPASS_EMBEDDING_AND_RETRIEVAL"))


def _refused(client: Client, failure: Failure) -> str:
    settings = client.get_mapping(SETTINGS, ASK)
    engine = settings.get("RAG_EMBEDDING_ENGINE") or "the built-in one"
    address = _address(settings)
    where = f" at {address}" if address else ""
    return (
        f"The embedding engine of Open WebUI at {client.url} does not work, so nothing was uploaded or removed. It is "
        f"{engine}{where} with the model {settings.get('RAG_EMBEDDING_MODEL')!r}. {failure.message} Check that the "
        f"engine answers and has the model, or change the rag.embedding settings."
    )


def _address(settings: Dict[str, Any]) -> str:
    return str((settings.get(f"{settings.get('RAG_EMBEDDING_ENGINE')}_config") or {}).get("url") or "")
