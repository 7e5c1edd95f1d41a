# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role preflight is asked to check on a host, in the form that the module preflight_info takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..containers.images import reference

Server = Mapping[str, Any]
KEYS = {"Debian": "/etc/apt/keyrings/docker.asc"}
RPM_KEY = "/etc/pki/rpm-gpg/RPM-GPG-KEY-docker"


def server_images(servers: Iterable[Server], image: str) -> list[str]:
    """Return the images of the Ollama servers. Where ollama_gpu is auto, the image for AMD is not foreseen."""
    return [reference(image, its["version"], "rocm" if its["gpu"] == "amd" else "") for its in servers]


def preflight_servers(servers: Iterable[Server], embedding_model: str) -> list[dict[str, Any]]:
    """Return what the Ollama servers hold and how they are set."""
    return [_server(its, its["told"], embedding_model) for its in servers]


def _server(its: Server, told: Mapping[str, str], embedding_model: str) -> dict[str, Any]:
    return {
        "name": its["name"],
        "version": str(its["version"]).partition("@")[0],
        "volume": its["volume"],
        "models": [] if its["volume_read_only"] else its["models"],
        "gpu": its["gpu"],
        "gpu_devices": its["gpu_devices"],
        "context_length": told.get("OLLAMA_CONTEXT_LENGTH"),
        "num_parallel": told.get("OLLAMA_NUM_PARALLEL"),
        "kv_cache_type": told.get("OLLAMA_KV_CACHE_TYPE", "f16"),
        "embedding_model": embedding_model,
        "proxies": {
            name: told.get(f"{name.upper()}_PROXY", told.get(f"{name}_proxy", "")) for name in ("http", "https", "no")
        },
    }


def server_ports(servers: Iterable[Server], instances: Sequence[Any] | None) -> list[dict[str, Any]]:
    """Return the ports that the Ollama servers publish, with the options that set them."""
    return [
        {
            "port": its["port"],
            "address": its["bind_address"],
            "option": f"port of {its['name']} in ollama_instances" if instances else "ollama_port",
            "address_option": "ollama_bind_address",
        }
        for its in servers
    ]


def embedding_model(its: Mapping[str, Any], default: Mapping[str, str]) -> str:
    """Return the model of Ollama by which an Open WebUI embeds documents; empty where another engine embeds.

    The settings of the host come first, then its environment, then the default (engine, model).
    """
    settings = its.get("open_webui_settings") or {}
    nested = settings.get("rag") or {}
    environment = its.get("open_webui_environment") or {}

    def said(name: str) -> Any:
        fallback = nested.get(f"embedding_{name}", environment.get(f"RAG_EMBEDDING_{name.upper()}", default[name]))
        return settings.get(f"rag.embedding_{name}", fallback)

    return str(said("model")) if said("engine") == "ollama" else ""


def repository_urls(urls: Mapping[str, str], os_family: str) -> list[dict[str, str]]:
    """Return the repositories that the roles add (docker, nvidia, amd); those of a vendor only where its GPU is."""
    found = []
    if urls.get("docker"):
        found.append(
            {"url": f"{urls['docker']}/gpg", "what": "Docker's packages", "unless": KEYS.get(os_family, RPM_KEY)}
        )
    if urls.get("nvidia"):
        found.append(
            {
                "url": re.sub("/+$", "", urls["nvidia"]) + "/gpgkey",
                "what": "NVIDIA's container toolkit",
                "unless": "/usr/bin/nvidia-ctk",
                "vendor": "nvidia",
            }
        )
    if urls.get("amd"):
        found.append(
            {
                "url": urls["amd"],
                "what": "AMD's container toolkit",
                "unless": "/usr/local/bin/amd-ctk",
                "vendor": "amd",
            }
        )
    return found
