# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the model that documents are embedded with embeds at all, by the header of its file."""

from __future__ import annotations

from typing import Iterator, Sequence, Tuple

from ...engine.errors import Failure
from ...host.finding import Finding
from ...ollama.api.client import parse_version
from ...ollama.api.names import ModelName
from .models import Entry, Known

REFUSES = (0, 30, 0)
"""From here on a runner refuses to embed with a chat model (seen with 0.32.15). 0.9.3 embeds with every model."""


def finding(entry: Entry, alternatives: Sequence[Tuple[str, Known]]) -> Iterator[Finding]:
    """Yield a finding where an entry is the server's embedding model and cannot embed, as far as that is known."""
    server = entry.server
    if not server.embedding_model or parse_version(server.version) < REFUSES:
        return
    try:
        wanted = ModelName.parse(server.embedding_model).key
    except Failure:
        return
    if entry.desired.name.key != wanted:
        return
    shapes = [known.model.shape for _name, known in alternatives]
    if shapes and all(shape is not None and not shape.embeds for shape in shapes):
        say = (
            f"The model {entry.desired.name.display} is to embed documents for Open WebUI, and by its file it is a "
            f"chat model, with which Ollama {server.version} does not embed: list one that does, such as "
            f"nomic-embed-text, and name it by RAG_EMBEDDING_MODEL in open_webui_environment, or by "
            f"rag.embedding_model in open_webui_settings."
        )
        yield Finding("embedding", say, "a chat model", "a model that embeds", stops=True)
