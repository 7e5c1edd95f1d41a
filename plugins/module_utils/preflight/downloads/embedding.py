# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the model that documents are embedded with embeds at all, by the header of its file."""

from __future__ import annotations

from typing import Iterator, Sequence, Tuple

from ...engine.errors import Failure
from ...host.finding import Finding, error
from ...ollama.api.features import Features
from ...ollama.api.names import ModelName
from .models import Entry, Known


def finding(entry: Entry, alternatives: Sequence[Tuple[str, Known]]) -> Iterator[Finding]:
    """Yield a finding if an entry is the embedding model of the server and is known to be unable to embed."""
    server = entry.server
    if not server.embedding_model or not Features.of(server.version).only_embedding_models_embed:
        return
    try:
        wanted = ModelName.parse(server.embedding_model).key
    except Failure:
        return
    if entry.desired.name.key != wanted:
        return
    shapes = [known.model.shape for _name, known in alternatives]
    if shapes and all(shape is not None and not shape.embeds for shape in shapes):
        yield error(
            "embedding",
            f"The model {entry.desired.name.display} is to embed documents for Open WebUI, but its file is a chat "
            f"model, and Ollama {server.version} embeds only with embedding models.",
            "List an embedding model, such as nomic-embed-text, and set RAG_EMBEDDING_MODEL in open_webui_environment, "
            "or rag.embedding_model in open_webui_settings, to it.",
            entry.desired.name.display,
            "a chat model",
        )
