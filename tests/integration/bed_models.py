"""The toy models of the bed, given to its Ollama past all modules."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from pathlib import Path
from typing import Any

EMBEDDER = "tiny-embed:latest"


def create(url: str, name: str, gguf: str, **more: Any) -> None:
    """Create a model from a file on the Ollama at this URL."""
    content = Path(gguf).read_bytes()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    body = {"model": name, "files": {"m.gguf": digest}, "stream": False, **more}
    for path, data in ((f"blobs/{digest}", content), ("create", json.dumps(body).encode())):
        urllib.request.urlopen(urllib.request.Request(f"{url}/api/{path}", data), timeout=60).close()


def create_chat_model(bed: dict[str, Any], name: str = "tiny") -> None:
    """Give the bed's Ollama the toy that goes on in the alphabet from the last letter of a chat."""
    create(bed["ollama_url"], name, bed["tiny_gguf"], template=bed["tiny_template"])


def create_embedder(bed: dict[str, Any], name: str = EMBEDDER) -> None:
    """Give the bed's Ollama the toy that embeds; by default under the name that the bed's Open WebUI uses."""
    create(bed["ollama_url"], name, bed["tiny_embed_gguf"])
