"""Puts the tiny model into the registry by the real road: create it in Ollama and push it."""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.request
from pathlib import Path

from .engine import BedError, say


def _call(method: str, url: str, body: bytes | dict[str, object] | None = None) -> bytes:
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    # without it the registry would convert a manifest to an older form, and cannot
    accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
    request = urllib.request.Request(url, data=data, method=method, headers=accept)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            content: bytes = answer.read()
    except urllib.error.HTTPError as error:
        raise BedError(f"{method} {url}: {error.code} {error.read().decode(errors='replace')}") from error
    if b'"error"' in content:
        raise BedError(f"{method} {url}: {content.decode(errors='replace').splitlines()[-1]}")
    return content


def _has(registry_url: str, model: str) -> bool:
    try:
        _call("GET", f"{registry_url}/v2/library/{model}/manifests/latest")
    except BedError:
        return False
    return True


def fill(ollama_url: str, registry_url: str, host: str, models: dict[str, Path]) -> None:
    """Pushes library/<name> for each model that the registry lacks, and leaves no trace in Ollama."""
    for name, path in models.items():
        if _has(registry_url, name):
            continue
        content = path.read_bytes()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        model = f"{host}/library/{name}"
        _call("POST", f"{ollama_url}/api/blobs/{digest}", content)
        _call("POST", f"{ollama_url}/api/create", {"model": model, "files": {path.name: digest}})
        _call("POST", f"{ollama_url}/api/push", {"model": model, "insecure": True, "stream": False})
        _call("DELETE", f"{ollama_url}/api/delete", {"model": model})
        say(f"registry: serves {model}")
