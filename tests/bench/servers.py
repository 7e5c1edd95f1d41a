"""The servers and the host that are measured: a bed of the bench's own, filled for it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".cache" / "bench"
BED = str(ROOT / "tests" / "bed" / "bed")
ENVIRONMENT = {**os.environ, "BED_NAME": "bench"}
ACCOUNTS = 20
MODELS = 10


def bed(*arguments: str) -> None:
    """Run one command of the test bed under the bench's name."""
    subprocess.run([BED, *arguments], check=True, env=ENVIRONMENT)


def emails() -> list[str]:
    """Return the accounts that the server is filled with."""
    return [f"user{number}@example.org" for number in range(ACCOUNTS)]


def models() -> list[str]:
    """Return the models that the server is filled with."""
    return [f"model{number}" for number in range(MODELS)]


def fill() -> dict[str, Any]:
    """Start both servers, fill them, and return the variables that the plays need."""
    bed("up", "--only", "ollama,open-webui")
    told = json.loads((ROOT / ".cache" / "bed" / "bench.json").read_text(encoding="utf-8"))
    signed_in = requests.post(
        told["webui_url"] + "/api/v1/auths/signin",
        json={"email": told["admin_email"], "password": told["admin_password"]},
        timeout=30,
    )
    signed_in.raise_for_status()
    token = signed_in.json()["token"]
    for email in emails():
        # 400: the account is there from an earlier run.
        added = requests.post(
            told["webui_url"] + "/api/v1/auths/add",
            headers={"Authorization": f"Bearer {token}"},
            json={"email": email, "name": email, "password": "bench", "role": "user"},
            timeout=30,
        )
        assert added.status_code in (200, 400), added.text
    _models(told)
    return {"ollama_url": told["ollama_url"], "webui_url": told["webui_url"], "token": token}


def _models(told: dict[str, Any]) -> None:
    import hashlib

    data = Path(told["tiny_gguf"]).read_bytes()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    requests.post(f"{told['ollama_url']}/api/blobs/{digest}", data=data, timeout=30).raise_for_status()
    for name in models():
        made = requests.post(
            told["ollama_url"] + "/api/create",
            json={"model": name, "files": {"tiny.gguf": digest}, "stream": False},
            timeout=60,
        )
        made.raise_for_status()


def host() -> dict[str, Any]:
    """Start a bare host with systemd and return an inventory for site.yml on it."""
    bed("host-up", "lab", "--image-load", "ollama", "--image-load", "open-webui")
    gguf = ROOT / ".cache" / "bed" / "tiny.gguf"
    subprocess.run(["docker", "cp", str(gguf), "bench-lab:/root/tiny.gguf"], check=True)
    return {
        "all": {
            "children": {group: {"hosts": {"bench-lab": {}}} for group in ("ollama_hosts", "open_webui_hosts")},
            "vars": {
                "ansible_connection": "community.docker.docker",
                "ansible_python_interpreter": "/usr/bin/python3",
                "ollama_image": "selfhosted-llm-bed/ollama",
                "ollama_version": "0.9.3",
                "ollama_pull": "never",
                "ollama_models": [{"name": "tiny", "files": "/root/tiny.gguf"}],
                "open_webui_image": "selfhosted-llm-bed/open-webui",
                "open_webui_version": "0.12.4",
                "open_webui_pull": "never",
                "open_webui_admin_email": "admin@example.org",
                "open_webui_admin_password": "{{ lookup('ansible.builtin.password', '" + str(FOLDER) + "/admin') }}",
                "open_webui_users": [{"email": "ada@example.org", "password": "measured, never used"}],
            },
        }
    }
