"""The model by which the bed's Open WebUI embeds, and one that only embeds."""

from __future__ import annotations

import hashlib
import json
import struct
import urllib.request
from pathlib import Path
from typing import Any

from testbed import gguf_files, tiny

MEAN = 1


def embedder(bed: dict[str, Any]) -> str:
    """Return the name of the model by which the bed's Open WebUI embeds."""
    return "tiny-embed:latest" if bed.get("tiny_embed_gguf") else "tiny:latest"


def create_embedder(bed: dict[str, Any]) -> None:
    """Give the bed's Ollama the model by which its Open WebUI embeds."""
    create(bed, embedder(bed), Path(bed.get("tiny_embed_gguf") or bed["tiny_gguf"]).read_bytes())


def lose_embedder(bed: dict[str, Any]) -> None:
    """Take the model by which the bed's Open WebUI embeds from its Ollama."""
    remove(bed, embedder(bed))


def create_embedding_model(bed: dict[str, Any], name: str) -> None:
    """Give the bed's Ollama a model that by its file only embeds."""
    given = bed.get("tiny_embed_gguf")
    if given:
        create(bed, name, Path(given).read_bytes())
        return
    parts = gguf_files.taken_apart(Path(bed["tiny_gguf"]).read_bytes())
    pooling = gguf_files.pair("llama.pooling_type", tiny.UINT32, struct.pack("<I", MEAN))
    create(bed, name, gguf_files.written(gguf_files.Parts((*parts.pairs, pooling), parts.tensors)))


def create_chat_model(bed: dict[str, Any], name: str) -> None:
    """Give the bed's Ollama a model that chats."""
    create(bed, name, Path(bed["tiny_gguf"]).read_bytes())


def create(bed: dict[str, Any], name: str, content: bytes) -> None:
    """Create a model from the content of a GGUF file."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    model = json.dumps({"model": name, "files": {"m.gguf": digest}, "stream": False}).encode()
    for path, data in ((f"blobs/{digest}", content), ("create", model)):
        urllib.request.urlopen(f"{bed['ollama_url']}/api/{path}", data=data, timeout=60).close()


def remove(bed: dict[str, Any], name: str) -> None:
    """Remove a model."""
    body = json.dumps({"model": name}).encode()
    request = urllib.request.Request(f"{bed['ollama_url']}/api/delete", data=body, method="DELETE")
    urllib.request.urlopen(request, timeout=60).close()
