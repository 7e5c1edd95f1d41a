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
NAME = "bench"
# Passwords cost what they cost on a server that people use.
ENVIRONMENT = {**os.environ, "BED_NAME": NAME, "BED_PASSWORD_COST": "12"}
MODELS = 60
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def bed(*arguments: str) -> None:
    """Run one command of the test bed under the bench's name."""
    subprocess.run([BED, *arguments], check=True, env=ENVIRONMENT)


def docker(*words: str) -> str:
    """Run one docker command; return what it printed."""
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout.strip()


def up(groups: list[str]) -> dict[str, Any]:
    """Start the servers that these groups need; return what the bed tells of them."""
    bed("up", "--only", "ollama,registry" + (",open-webui" if "webui" in groups else ""))
    told: dict[str, Any] = json.loads((ROOT / ".cache" / "bed" / f"{NAME}.json").read_text(encoding="utf-8"))
    return told


def fill_ollama(told: dict[str, Any]) -> list[str]:
    """Give the bed's tiny model that many tags in the registry, pull them all, and return the models' names."""
    # An address that both the server and this machine reach, as `latest` asks the registry from here.
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    address = docker("container", "inspect", "--format", template, told["containers"]["registry"])
    tags = f"{told['registry_url']}/v2/library/tiny/manifests"
    manifest = requests.get(f"{tags}/latest", headers={"Accept": MANIFEST}, timeout=30)
    manifest.raise_for_status()
    names = []
    for number in range(MODELS):
        stored = requests.put(
            f"{tags}/m{number}", data=manifest.content, headers={"Content-Type": MANIFEST}, timeout=30
        )
        stored.raise_for_status()
        names.append(f"{address}:5000/library/tiny:m{number}")
        request = {"model": names[-1], "insecure": True, "stream": False}
        requests.post(f"{told['ollama_url']}/api/pull", json=request, timeout=60).raise_for_status()
    return names


def host() -> dict[str, Any]:
    """Start a bare host with systemd and return an inventory for site.yml on it."""
    bed("host-up", "lab", "--image-load", "ollama", "--image-load", "open-webui")
    gguf = ROOT / ".cache" / "bed" / "tiny.gguf"
    subprocess.run(["docker", "cp", str(gguf), f"{NAME}-lab:/root/tiny.gguf"], check=True)
    return {
        "all": {
            "children": {group: {"hosts": {f"{NAME}-lab": {}}} for group in ("ollama_hosts", "open_webui_hosts")},
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
