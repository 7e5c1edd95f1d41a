# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine and the server are told of the GPUs that a server has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Union

from ..values import is_list
from .claims import Claim
from .gpus import Gpu

# The server in the container does not see /etc/nv_tegra_release, by which it would choose the library for a Jetson.
JETPACKS = {"35": "5", "36": "6"}


def by_cdi(vendor: str, host: Mapping[str, Any], amd_cdi: bool) -> bool:
    """Tell whether the GPU is given by CDI.

    NVIDIA's is wherever it can be: by NVIDIA's hook a container loses it at a daemon-reload. AMD's devices are not
    lost, so there it is a matter of choice.
    """
    return bool(host.get("cdi")) if vendor == "nvidia" else amd_cdi if vendor == "amd" else False


def device_requests(claim: Claim, vendor: str, cdi_names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the device requests for the engine; by CDI where there are names for it."""
    if cdi_names:
        # With a count where there is none to give, too: Docker tells it as 0, and nothing would be another container.
        return [{"driver": "cdi", "count": 0, "device_ids": list(cdi_names)}]
    if vendor != "nvidia":
        return []
    common = {"driver": "nvidia", "capabilities": [["gpu"]]}
    ids = list(claim.requested)
    # A count of the first GPUs stays a count.
    if ids and ids != [str(one) for one in range(claim.count)]:
        return [{**common, "count": 0, "device_ids": ids}]
    return [{**common, "count": claim.count or -1}]


def cdi_names(claim: Claim, vendor: str, devices: Any, gpus: Sequence[Gpu]) -> list[str]:
    """Return the CDI names of the GPUs."""
    kind = f"{vendor}.com/gpu="
    said = [str(one) for one in devices] if is_list(devices) else []
    return [_cdi_name(one, kind, said, vendor, gpus) for one in claim.requested] or [f"{kind}all"]


def _cdi_name(name: str, kind: str, said: Sequence[str], vendor: str, gpus: Sequence[Gpu]) -> str:
    # Specifications of older toolkits name a GPU by its index alone, and AMD's in an order of its own.
    known = [cdi for gpu in gpus if gpu.vendor == vendor and name in (gpu.key, gpu.uuid) for cdi in gpu.cdi]
    full = kind + name
    return full if full in said or full in known or not known else known[0]


def environment(claim: Claim, vendor: str, host: Mapping[str, Any], is_by_cdi: bool) -> dict[str, str]:
    """Return the variables by which the server finds its GPUs."""
    jetpack = JETPACKS.get(host.get("jetson", "")) if vendor == "nvidia" else None
    jetson = {"JETSON_JETPACK": jetpack} if jetpack else {}
    # The image asks for every NVIDIA GPU by itself where the engine's default runtime is NVIDIA's, which would give the
    # GPU a second time where CDI gives it.
    if vendor == "none" or (vendor == "nvidia" and is_by_cdi):
        return {"NVIDIA_VISIBLE_DEVICES": "void", **jetson}
    if vendor == "amd" and claim.requested and not is_by_cdi:
        return {"ROCR_VISIBLE_DEVICES": ",".join(claim.requested)}
    return jetson


def memory(claim: Claim, vendor: str, gpus: Sequence[Gpu]) -> Union[str, list[int]]:
    """Return the bytes of each GPU that a server has, for what fits.

    ``all`` leaves it to the module ollama_fit, where a server has all GPUs, or such as have no memory of their own.
    Where it has a MIG device it sees the first one and nothing else.
    """
    if vendor == "none":
        return []
    known = [gpu for gpu in gpus if gpu.vendor == vendor and gpu.key in claim.has]
    parts = [gpu.bytes for gpu in known if gpu.mig and gpu.bytes]
    if parts:
        return parts[:1]
    usable = [gpu for gpu in known if gpu.usable]
    sizes = [gpu.bytes for gpu in usable if gpu.bytes]
    if not known or any(gpu.unified for gpu in usable) or (usable and not sizes):
        return "all"
    return sizes


def proof(claim: Claim, gpus: Sequence[Gpu]) -> dict[str, Any]:
    """Return what a container must show. A process sees one MIG device at the most, and beside it no whole GPU."""
    known = [gpu for gpu in gpus if gpu.vendor == claim.vendor and gpu.key in claim.has]
    is_mig = any(":" in key or "MIG" in key for key in claim.has) or any(gpu.mig for gpu in known)
    return {
        "amd": claim.vendor == "amd",
        "uuids": [gpu.uuid for gpu in known if gpu.uuid] if claim.vendor == "nvidia" else [],
        "count": len(claim.has) if claim.has and not is_mig else 1,
    }
