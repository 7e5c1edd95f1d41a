"""The real language models of the bed: SmolLM2-135M-Instruct, which chats, and all-MiniLM-L6-v2, which embeds.

The image `models` holds their files, taken from packages and converted once; from it they are copied into the cache.
"""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

from . import images
from .engine import BedError, docker, lock, say

CHAT, EMBEDDER = "smollm2:135m", "all-minilm:l6-v2"
# Threads of the server wait for each other, which takes minutes where other processes want the same cores.
THREADS = {"num_thread": 1}
# SmolLM2 may go on for tens of thousands of tokens, and holds its slot of the server also after the client has gone.
PARAMETERS = {"num_predict": 100, "temperature": 0, **THREADS}
_FILES = {EMBEDDER: "all-minilm-l6-v2.gguf"}
# The bed's own build computes neither narrow heads nor, on some processors, quantized weights.
_CHAT_FILES = {True: "smollm2-135m-wide.gguf", False: "smollm2-135m-q4_1.gguf"}


def ensure(directory: Path) -> dict[str, Path]:
    """Return the files by the name of the model, for the Ollama of this bed; what is missing is made, in minutes."""
    names = {CHAT: _CHAT_FILES[images.ALL["ollama"].own], **_FILES}
    with lock("real-models"):
        return {model: _copied(directory / name) for model, name in names.items()}


def _digests() -> dict[str, str]:
    lines = (images.ALL["models"].source / "SHA256SUMS").read_text(encoding="utf-8").split("\n")
    return {name: digest for digest, name in (line.split() for line in lines if line)}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copied(path: Path) -> Path:
    """Copy a file out of the image, unless it is there whole."""
    wanted = _digests()[path.name]
    if path.exists() and _digest(path) == wanted:
        return path
    images.ensure(["models"])
    path.parent.mkdir(parents=True, exist_ok=True)
    container, fresh = f"{images.PREFIX}-models-{uuid.uuid4().hex[:8]}", path.with_suffix(".new")
    docker("create", "--name", container, images.ALL["models"].tag)
    try:
        docker("cp", f"{container}:/models/{path.name}", str(fresh))
    finally:
        docker("rm", "--force", "--volumes", container, check=False)
    if _digest(fresh) != wanted:
        fresh.unlink()
        raise BedError(f"{path.name} in {images.ALL['models'].tag} has another digest than SHA256SUMS tells.")
    fresh.replace(path)
    say(f"{path.name}: {path.stat().st_size / 1e6:.0f} MB in {path.parent}")
    return path
