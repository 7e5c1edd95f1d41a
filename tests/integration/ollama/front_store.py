"""The files of an Ollama in a container, as its front reads and writes them."""

from __future__ import annotations

import http.client
import json
import subprocess
import tempfile
import urllib.request
from hashlib import file_digest
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import front_gguf

MODELS = "/root/.ollama/models"
# By this a registry of the tests knows a request that no server would make.
AGENT = "selfhosted.llm front"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
PIECE = 1 << 20


def parts(name: str) -> list[str]:
    """Return host, namespace, model and tag of a name."""
    model, _colon, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", "latest")
    found = model.split("/")
    return [*["registry.ollama.ai", "library"][: max(0, 3 - len(found))], *found, tag]


class Store:
    """The blobs and manifests of a server; ``hosts`` are addresses of registries that only containers can resolve."""

    def __init__(self, target: str, container: str, hosts: dict[str, str]) -> None:
        self.target = urlsplit(target)
        self.container = container
        self.hosts = hosts
        self._written: dict[str, str] = {}

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Ask the server behind; ``body`` is sent as JSON, or as it is where it is a file."""
        connection = http.client.HTTPConnection(self.target.hostname or "", self.target.port, timeout=600)
        headers = {}
        if isinstance(body, Path):
            headers = {"Content-Length": str(body.stat().st_size)}
        file = body.open("rb") if isinstance(body, Path) else None
        data = file or (None if body is None else json.dumps(body).encode())
        try:
            connection.request(method, path, body=data, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
            if file:
                file.close()

    def show(self, name: str) -> dict[str, Any]:
        """Return what the server behind shows of a model; nothing where it shows none."""
        status, content = self.ask("POST", "/api/show", {"model": name})
        return dict(json.loads(content)) if status == 200 else {}

    def has(self, digest: str) -> bool:
        """Tell whether a blob is there."""
        return self.ask("HEAD", f"/api/blobs/{digest}")[0] == 200

    def rewritten(self, digest: str) -> tuple[str, bool]:
        """Return the digest of an uploaded file as it is stored, and whether the store had that before.

        The upload stays beside it. Refused with the server's words where it is not there, no good file, or too large.
        """
        if not self.has(digest):
            place = f"{MODELS}/blobs/{digest.replace(':', '-')}"
            raise front_gguf.Refused(f"open {place}: no such file or directory")
        known = self._written.get(digest)
        if known and self.has(known):
            return known, True
        with tempfile.TemporaryDirectory() as place:
            source, target = Path(place) / "upload", Path(place) / "stored"
            with source.open("wb") as file:
                self._run(f"cat {MODELS}/blobs/{digest.replace(':', '-')}", stdout=file)
            if not front_gguf.rewrite(source, target):
                return digest, True
            with target.open("rb") as file:
                stored = f"sha256:{file_digest(file, 'sha256').hexdigest()}"
            there = self.has(stored)
            if not there and self.ask("POST", f"/api/blobs/{stored}", target)[0] != 201:
                raise front_gguf.Refused(front_gguf.LLAMA_QUANTIZE)
        self._written[digest] = stored
        return stored, there

    def keep_manifest(self, name: str, content: bytes) -> None:
        """Store a manifest as the registry served it; the server's digest of a model is that of this file."""
        path = "/".join(parts(name))
        place = f'"$(find {MODELS}/manifests -ipath "{MODELS}/manifests/{path}" | head -n 1)"'
        # In one step: the server reads manifests at any time.
        self._run(f"cat > {MODELS}/front-$$ && mv {MODELS}/front-$$ {place}", content)

    def manifest(self, name: str, insecure: bool) -> tuple[int, bytes]:
        """Ask the registry of a name for its manifest; return status and body."""
        host, namespace, model, tag = parts(name)[-4:]
        base = self.hosts.get(host) or f"{'http' if insecure else 'https'}://{host}"
        url = f"{base}/v2/{namespace}/{model}/manifests/{tag}"
        request = urllib.request.Request(url, headers={"Accept": MANIFEST, "User-Agent": AGENT})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def _run(self, command: str, content: bytes | None = None, stdout: Any = None) -> None:
        words = ["docker", "exec", "-i", self.container, "sh", "-c", command]
        subprocess.run(words, input=content or b"", stdout=stdout, check=True)
