# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a healthy host with a GPU, in the format of host_info."""

from __future__ import annotations

from typing import Any

GIB = 1024**3
NETWORK = {
    "name": "llm",
    "internal": False,
    "egress": "closed",
    "in_force": True,
    "kept": True,
    "opened": False,
    "mtu": 1500,
    "uplink_mtu": 1500,
}


def container(kind: str, name: str, port: int, inside: int, image: str, data: str, gpu: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "ours": True,
        "image": image,
        "state": "running",
        "health": "healthy",
        "exit_code": 0,
        "error": "",
        "out_of_memory": False,
        "restarts": 0,
        "created": "2026-11-26T04:05:00.791270849Z",
        "started": "2026-11-26T04:05:01.402792611Z",
        "pid": 2738,
        "restart_policy": "unless-stopped",
        "log_driver": "json-file",
        "log_rotates": True,
        "privileged": False,
        "network_mode": "llm",
        "networks": ["llm"],
        "addresses": ["172.18.0.2"],
        "mounts": [{"type": "volume", "name": name, "source": f"/var/lib/docker/volumes/{name}/_data", "target": data}],
        "ports": [{"address": "127.0.0.1", "port": port, "inside": inside}],
        "gpu": gpu,
        "declared": {
            "name": name,
            "kind": kind,
            "image": image,
            "address": "127.0.0.1",
            "port": port,
            "volume": name,
            "network": "llm",
            "egress": "closed",
        },
    }


def healthy() -> dict[str, Any]:
    """Return the facts of a host without findings; a new mapping each time, to change."""
    ollama = container("ollama", "ollama", 11434, 11434, "ollama/ollama:0.32.15", "/root/.ollama", "cdi")
    image = "ghcr.io/open-webui/open-webui:0.12.4"
    webui = container("open-webui", "open-webui", 3001, 8080, image, "/app/backend/data")
    return {
        "host": {
            "name": "gpu1",
            "os": "Debian GNU/Linux 12 (bookworm)",
            "kernel": "6.1.0-28-amd64",
            "architecture": "x86_64",
            "user": "root",
            "container": False,
        },
        "engine": {
            "installed": True,
            "answers": True,
            "error": "",
            "version": "28.5.1",
            "root": "/var/lib/docker",
            "live_restore": True,
            "swarm": False,
            "tcp": [],
        },
        "containers": [ollama, webui],
        "servers": [
            {
                "name": "ollama",
                "kind": "ollama",
                "answers": True,
                "error": "",
                "version": "0.32.15",
                "seconds": 0.004,
                "models": 3,
                "loaded": [],
                "computes_on": "gpu",
                "gpu_lost": "",
            },
            {
                "name": "open-webui",
                "kind": "open-webui",
                "answers": True,
                "error": "",
                "version": "0.12.4",
                "seconds": 0.012,
                "ready": True,
                "ollamas": [{"url": "http://ollama:11434", "reached": True, "error": ""}],
            },
        ],
        "volumes": [{"name": "ollama", "exists": True}, {"name": "open-webui", "exists": True}],
        "networks": [dict(NETWORK)],
        "ports": [
            {"address": "0.0.0.0", "port": 22, "pid": 85, "process": "sshd"},
            {"address": "::", "port": 22, "pid": 85, "process": "sshd"},
            {"address": "127.0.0.1", "port": 11434, "pid": 800, "process": "docker-proxy"},
        ],
        "disks": [
            {
                "path": "/",
                "holds": ["the system", "Docker"],
                "size": 900 * GIB,
                "free": 400 * GIB,
                "inodes": 1000000,
                "inodes_free": 900000,
                "read_only": False,
            }
        ],
        "memory": {
            "total": 64 * GIB,
            "available": 48 * GIB,
            "swap_total": 8 * GIB,
            "swap_free": 8 * GIB,
            "pressure": 0.0,
        },
        "clock": True,
        "units": [{"name": "docker.service", "active": "active", "sub": "running"}],
        "reboot": "",
        "files": [{"path": "/etc/open-webui/secret_key", "exists": True, "mode": "0600", "uid": 0}],
        "gpu": {
            "gpus": [
                {"name": "NVIDIA L40S", "memory_total": 48 * GIB, "driver_version": "580.95.05", "uuid": "GPU-1"},
                {"name": "NVIDIA L40S", "memory_total": 48 * GIB, "driver_version": "580.95.05", "uuid": "GPU-2"},
            ],
            "findings": [],
        },
        "converged": {"at": 1795665600, "mark": {"containers": [ollama["declared"], webui["declared"]]}},
        "not_gathered": [],
    }
