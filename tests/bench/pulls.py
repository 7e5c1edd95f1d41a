"""How fast several models come: by `ollama_models`, and by hand with one request a model, side by side."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
import servers

MODELS = 4
BYTES = 250_000_000
MODULE = "ansible_collections.selfhosted.llm.plugins.modules.ollama_models"
UNITS = {"m": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6}
CONFIG = {"model_format": "gguf", "model_family": "llama", "model_families": ["llama"]}
# Files at full speed, with the header by which Ollama learns where they are.
NGINX = """
worker_processes 1;
events { worker_connections 256; }
http {
    access_log off;
    sendfile on;
    map $request_method:$uri $place { default ""; "~^GET:/v2/.+/blobs/" $scheme://$http_host$request_uri; }
    server {
        listen 5000;
        location / { root /files; add_header Location $place; }
    }
}
"""


class Registry:
    """A registry that is as quick as the disk: nginx of the bed's image with the models as files."""

    name = f"{servers.NAME}-files"

    def __init__(self, told: dict[str, Any]) -> None:
        self.folder = servers.FOLDER / "registry"
        self.gguf = Path(told["tiny_gguf"]).read_bytes()
        self.remove()
        self.folder.mkdir(parents=True)
        (self.folder / "nginx.conf").write_text(NGINX)
        image = servers.docker("container", "inspect", "--format", "{{.Config.Image}}", told["containers"]["registry"])
        servers.docker(
            *("run", "--detach", "--name", self.name, "--network", told["network"]),
            *("--label", f"org.selfhosted.llm.bed={told['bed']}"),
            *("--volume", f"{self.folder}:/files:ro", image),
            *("nginx", "-c", "/files/nginx.conf", "-g", "daemon off;"),
        )
        self.host = f"{self.name}:5000"

    def publish(self, number: int) -> str:
        """Serve a model with random bytes at its end; return its name."""
        place = self.folder / "v2" / "library" / f"m{number}"
        for kind in ("blobs", "manifests"):
            (place / kind).mkdir(parents=True)
        weights = self.gguf + random.Random(number).randbytes(BYTES)
        config = json.dumps({**CONFIG, "number": number}).encode()
        layers = []
        for data, kind in ((weights, "application/vnd.ollama.image.model"), (config, "")):
            digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
            (place / "blobs" / digest).write_bytes(data)
            layers.append({"mediaType": kind or "application/vnd.docker.container.image.v1+json",
                           "digest": digest, "size": len(data)})  # fmt: skip
        manifest = {"schemaVersion": 2, "mediaType": servers.MANIFEST, "config": layers[1], "layers": layers[:1]}
        (place / "manifests" / "1").write_text(json.dumps(manifest))
        return f"{self.host}/library/m{number}:1"

    def remove(self) -> None:
        """Remove it with its files."""
        subprocess.run(["docker", "rm", "--force", self.name], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def spent(container: str, way: Callable[[], object]) -> float:
    """Go one way, and return the seconds from its first request to its last answer, by the server's own log.

    The start of a process is left out: it has rows of its own, and swings more than a pull may differ.
    """
    begun = f"{time.time():.6f}"
    way()
    # The server writes a line when it has answered.
    time.sleep(0.2)
    log = subprocess.run(
        ["docker", "logs", "--timestamps", "--since", begun, container], check=True, capture_output=True, text=True
    )
    answers = [_answer(line) for line in (log.stdout + log.stderr).splitlines() if "[GIN]" in line]
    return max(end for _start, end in answers) - min(start for start, _end in answers)


def _answer(line: str) -> tuple[float, float]:
    """Return when a request came and when it was answered, as a line of the log tells."""
    # Docker writes nanoseconds, of which Python reads no more than six digits.
    end = datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*Z", r"\1+00:00", line.split(maxsplit=1)[0])).timestamp()
    took = sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)(µs|ms|m|s)", line.split("|")[2]))
    return end - took, end


def by_hand(url: str, names: list[str]) -> None:
    """Pull all at once with a curl each."""
    calls = [
        subprocess.Popen(
            ["curl", "-sSN", f"{url}/api/pull", "-d", json.dumps({"model": name, "insecure": True})],
            stdout=subprocess.PIPE,
        )
        for name in names
    ]
    ends = [call.communicate()[0].splitlines()[-1] for call in calls]
    assert ends == [b'{"status":"success"}'] * len(names), ends


def arguments(url: str, names: list[str]) -> dict[str, Any]:
    """Return what `ollama_models` is given to pull all at once."""
    return {"url": url, "workers": MODELS, "models": [{"name": name, "insecure": True} for name in names]}


def by_module(url: str, names: list[str]) -> None:
    """Pull all with one run of the module in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", MODULE],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments(url, names)}),
        env={**os.environ, "PYTHONPATH": str(servers.ROOT / ".cache" / "collections"),
             "PYTHONPYCACHEPREFIX": str(servers.FOLDER / "bytecode")},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"ollama_models failed:\n{done.stdout}\n{done.stderr}")


def forget(url: str, names: list[str]) -> None:
    """Remove the models with their files."""
    for name in names:
        gone = requests.delete(f"{url}/api/delete", json={"model": name}, timeout=60)
        assert gone.status_code in (200, 404), gone.text
