# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of the two servers, and the settings that the rules of the doctor need."""

from __future__ import annotations

import json
import re
from typing import Any, Mapping, Sequence

from ..docker.engine import LABEL, Engine
from ..host.linux import text

OLLAMA, OPEN_WEBUI = "ollama", "open-webui"
# The path in a container for the data of its server.
DATA = {OLLAMA: "/root/.ollama", OPEN_WEBUI: "/app/backend/data"}
ROTATED_BY_NATURE = ("local", "journald", "syslog", "none")
MAX_ERROR = 200


def containers(engine: Engine, expected: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the roles' containers, the declared ones, and others with the same servers.

    A declared container that does not exist has the state ``missing``.
    """
    declared = {str(one["name"]): one for one in expected}
    found = []
    for listed in engine.get("/containers/json", all=1) or []:
        name = str((listed.get("Names") or ["/"])[0]).lstrip("/")
        labels = listed.get("Labels") or {}
        desired = declared.get(name)
        kind = labels.get(LABEL) or (desired and desired["kind"]) or kind_of_image(str(listed.get("Image")))
        known = engine.container(str(listed["Id"])) if kind else None
        if known:
            found.append({**entry(known, str(kind)), "declared": desired and without_urls(desired)})
    there = {one["name"] for one in found}
    gone = [
        {"name": name, "kind": desired["kind"], "state": "missing", "declared": without_urls(desired)}
        for name, desired in declared.items()
        if name not in there
    ]
    return sorted(found + gone, key=lambda one: (one["kind"], one["name"]))


def without_urls(desired: Mapping[str, Any]) -> dict[str, Any]:
    """Return a declaration without its URLs, which may contain passwords."""
    return {name: value for name, value in desired.items() if name != "ollama_urls"}


def kind_of_image(reference: str) -> str:
    """Return the server in an image by the name of the image, or ""."""
    last = reference.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return last if last in (OLLAMA, OPEN_WEBUI) else ""


def entry(known: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the facts of a container that the engine has inspected."""
    state, config = known.get("State") or {}, known.get("Config") or {}
    host = known.get("HostConfig") or {}
    return {
        "name": str(known.get("Name", "")).lstrip("/"),
        "kind": kind,
        "ours": LABEL in (config.get("Labels") or {}),
        "image": config.get("Image", ""),
        "state": state.get("Status", ""),
        "health": (state.get("Health") or {}).get("Status", ""),
        "exit_code": state.get("ExitCode", 0),
        # The runtime's error for a container that cannot start, such as a missing GPU.
        "error": " ".join(str(state.get("Error") or "").split())[:MAX_ERROR],
        "out_of_memory": bool(state.get("OOMKilled")) or killed(int(state.get("Pid") or 0)) > 0,
        "restarts": known.get("RestartCount", 0),
        "created": known.get("Created", ""),
        "started": state.get("StartedAt", ""),
        "pid": state.get("Pid", 0),
        "restart_policy": (host.get("RestartPolicy") or {}).get("Name") or "no",
        "log_driver": (host.get("LogConfig") or {}).get("Type", ""),
        "log_rotates": _rotates(host.get("LogConfig") or {}),
        "privileged": bool(host.get("Privileged")),
        "network_mode": host.get("NetworkMode", ""),
        "networks": sorted((known.get("NetworkSettings") or {}).get("Networks") or {}),
        "addresses": _addresses(known),
        "mounts": [_mount(one) for one in known.get("Mounts") or []],
        "ports": _ports(known),
        "gpu": _gpu(host),
    }


def killed(pid: int, root: str = "/") -> int:
    """Return how many processes in the control group of a process the kernel has killed because memory was short.

    Docker reports them late or never: 20.10 does not while the container runs, and on a busy machine it missed 4 of 60
    containers that ended this way.
    """
    groups = dict(re.findall(r"^\d+:([^:\n]*):/(.*)$", text(root, f"proc/{pid}/cgroup"), re.MULTILINE))
    counted = ""
    if "memory" in groups:
        counted = text(root, f"sys/fs/cgroup/memory/{groups['memory']}/memory.oom_control")
    elif "" in groups:
        counted = text(root, f"sys/fs/cgroup/{groups['']}/memory.events")
    found = re.search(r"^oom_kill (\d+)$", counted, re.MULTILINE)
    return int(found.group(1)) if found else 0


def _rotates(log: Mapping[str, Any]) -> bool:
    driver = str(log.get("Type") or "")
    return driver != "json-file" or "max-size" in (log.get("Config") or {}) or driver in ROTATED_BY_NATURE


def _addresses(known: Mapping[str, Any]) -> list[str]:
    networks = (known.get("NetworkSettings") or {}).get("Networks") or {}
    return [one["IPAddress"] for one in networks.values() if one and one.get("IPAddress")]


def _mount(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": one.get("Type", ""),
        "name": one.get("Name", ""),
        "source": one.get("Source", ""),
        "target": one.get("Destination", ""),
        "writable": bool(one.get("RW")),
    }


def _ports(known: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the published ports, also of a stopped container."""
    running = (known.get("NetworkSettings") or {}).get("Ports") or {}
    declared = (known.get("HostConfig") or {}).get("PortBindings") or {}
    found = []
    for inside, bindings in (running or declared).items():
        for one in bindings or []:
            number = str(one.get("HostPort") or "")
            found.append(
                {
                    "address": one.get("HostIp") or "0.0.0.0",  # noqa: S104 - the meaning of an empty address
                    "port": int(number) if number.isdigit() else 0,
                    "inside": int(inside.partition("/")[0]),
                }
            )
    return sorted(found, key=lambda one: (one["port"], one["address"]))


def _gpu(host: Mapping[str, Any]) -> str:
    """Return how the container gets its GPU, or ""."""
    for request in host.get("DeviceRequests") or []:
        if "gpu" in json.dumps(request.get("Capabilities") or []) or request.get("Driver") == "cdi":
            return str(request.get("Driver") or "nvidia")
    devices = [str(one.get("PathInContainer")) for one in host.get("Devices") or []]
    if any(path.startswith("/dev/nvidia") for path in devices):
        return "nvidia"
    return "amd" if "/dev/kfd" in devices else ""
