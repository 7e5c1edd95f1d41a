# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a server from its start on this host, and what a person should know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from . import tuning
from .options import whose

Server = Mapping[str, Any]
# Releases of L4T for which Ollama's image has libraries.
JETSONS = ("", "35", "36")


def host_problems(
    its: Server,
    gpu: Mapping[str, Any],
    host: Mapping[str, Any],
    *,
    hostname: str,
    amd_cdi: bool,
    adopt: bool,
    listed: bool,
    toolkit_comes: bool,
) -> list[str]:
    """Return the problems of a server on the host, each in one sentence.

    ``gpu`` is the part of the plan that is the server's, ``host`` what files/look.py printed. ``toolkit_comes`` tells
    that a run, of which this is the check, brings the container toolkit.
    """
    found = [*_nvidia(its, gpu["vendor"], host, hostname, toolkit_comes)]
    found += _amd(its, gpu["vendor"], host, hostname, amd_cdi and not toolkit_comes)
    if (host.get("containers") or {}).get(its["name"], {}).get("foreign") and not adopt:
        option = "the name in ollama_instances" if listed else "ollama_container_name"
        found.append(
            f"{hostname} has a container {its['name']} that this role did not make, and would recreate: set "
            f"ollama_adopt to true to take it over, or {option} to another name."
        )
    return [*found, *(f"{whose(its['name'], listed)}{problem}" for problem in gpu["problems"])]


def notes(
    servers: Sequence[Server], gpu_names: Sequence[str], host: Mapping[str, Any], *, listed: bool, watch: bool
) -> list[str]:
    """Return what a person should know and nothing stops for."""
    names = [its["name"] for its in servers]
    found = []
    strays = [name for name in dict.fromkeys(host.get("ours") or []) if name not in names] if listed else []
    if strays:
        found.append(
            f"Of the role and not in ollama_instances: {', '.join(strays)}. Remove what is no longer wanted by "
            "`docker rm --force NAME`; its volume stays."
        )
    if watch and gpu_names and not host.get("systemd", True):
        found.append(f"Without systemd nobody watches over the GPU of {', '.join(gpu_names)} here.")
    return [*found, *tuning.idle(servers)]


def pulls(containers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the containers into which somebody pulls a model, with what is pulled."""
    return [f"container {name}: {its['pulling']}" for name, its in containers.items() if its["pulling"]]


def _nvidia(its: Server, vendor: str, host: Mapping[str, Any], hostname: str, toolkit_comes: bool) -> Iterator[str]:
    if vendor != "nvidia":
        return
    gives = host.get("nvidia_runtime") or host.get("cdi") or toolkit_comes
    if host.get("engine") and not gives:
        yield (
            f"Docker on {hostname} can give no NVIDIA GPU to a container: apply the role "
            "selfhosted.llm.nvidia_container_toolkit first, or set ollama_gpu to none to run on the CPU."
        )
    told = "JETSON_JETPACK" in its["told"] or "OLLAMA_LLM_LIBRARY" in its["told"]
    if host.get("jetson", "") not in JETSONS and not told:
        yield (
            f"{hostname} is a Jetson of L4T R{host['jetson']}, and Ollama's image has GPU libraries for R35 (JetPack "
            "5) and R36 (JetPack 6) alone: install one of these, set ollama_gpu to none, or use an image that is built "
            "for yours and set JETSON_JETPACK in ollama_environment."
        )


def _amd(its: Server, vendor: str, host: Mapping[str, Any], hostname: str, needs_cdi: bool) -> Iterator[str]:
    version = str(its["version"])
    if its["gpu"] == "amd" and not host.get("kfd"):
        yield (
            f"ollama_gpu is amd, but {hostname} has no /dev/kfd: install the amdgpu driver of ROCm 7, or set "
            "ollama_gpu to none."
        )
    if needs_cdi and vendor == "amd" and host.get("engine") and not host.get("amd_cdi"):
        yield (
            f"ollama_amd_cdi is true, but Docker on {hostname} knows no AMD GPU by CDI: apply the role "
            "selfhosted.llm.amd_container_toolkit first, or set ollama_amd_cdi to false."
        )
    if vendor == "amd" and "@" in version and "rocm" not in version:
        yield (
            f"{hostname} has an AMD GPU and ollama_version pins a digest that is not of the rocm image: give the "
            "digest of the -rocm tag, or set ollama_gpu to none."
        )
