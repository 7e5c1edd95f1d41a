# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that follows from the GPUs that the servers of a host ask for and that the host has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional

from . import devices
from .claims import Claim, asks_for_all, claims, clashes, shown
from .gpus import Gpu, errors_of, gpus_of, labels


def gpu_plan(
    instances: Sequence[Mapping[str, Any]],
    host: Optional[Mapping[str, Any]],
    facts: Mapping[str, Any],
    hostname: str,
    amd_cdi: bool,
) -> dict[str, Any]:
    """Return the plan: ``asking``, ``names``, ``proof``, and ``of`` with the devices of each server by its name.

    ``host`` is None before it was inspected, and ``facts`` are what the module gpu_info returned, where it was asked.
    """
    gpus = gpus_of(facts)
    auto = auto_vendor(host or {})
    # Until the host was inspected, auto may turn out to be anything.
    all_claims = claims(instances, gpus, "auto" if host is None else auto)
    asking = [its["name"] for its in instances if its["gpu"] != "none" and not asks_for_all(its["gpu_devices"])]
    having = [claim for claim in all_claims if claim.vendor not in ("auto", "none")]
    plan: dict[str, Any] = {
        "asking": asking,
        "names": sorted(claim.name for claim in having),
        "proof": {claim.name: devices.proof(claim, gpus) for claim in having},
        "of": {},
    }
    for its in instances:
        vendor = auto if its["gpu"] == "auto" else its["gpu"]
        mine = next((claim for claim in all_claims if claim.name == its["name"]), Claim())
        found = clashes(mine, all_claims)
        told = _problems(mine, vendor, its, gpus, errors_of(facts), host or {}, hostname)
        entry = {"clashes": found, "problems": [*told, *found] if asking else []}
        plan["of"].setdefault(its["name"], {**entry, **_devices(mine, vendor, its, gpus, host or {}, amd_cdi)})
    return plan


def auto_vendor(host: Mapping[str, Any]) -> str:
    """Return the vendor of the GPUs that a host has: nvidia, amd or none."""
    return "nvidia" if host.get("nvidia") or host.get("jetson") else "amd" if host.get("kfd") else "none"


def _devices(
    mine: Claim, vendor: str, its: Mapping[str, Any], gpus: Sequence[Gpu], host: Mapping[str, Any], amd_cdi: bool
) -> dict[str, Any]:
    by_cdi = devices.by_cdi(vendor, host, amd_cdi)
    names = devices.cdi_names(mine, vendor, its["gpu_devices"], gpus) if by_cdi else []
    return {
        "vendor": vendor,
        "by_cdi": by_cdi,
        "device_requests": devices.device_requests(mine, vendor, names),
        "environment": devices.environment(mine, vendor, host, by_cdi),
        "memory": devices.memory(mine, vendor, gpus),
    }


def _problems(
    mine: Claim,
    vendor: str,
    its: Mapping[str, Any],
    gpus: Iterable[Gpu],
    errors: Sequence[str],
    host: Mapping[str, Any],
    hostname: str,
) -> list[str]:
    listed = labels(gpus, vendor)
    if mine.unknown:
        ids = ", ".join(mine.unknown)
        return [f"ollama_gpu_devices names {ids}, which {hostname} does not have: it has {listed}."]
    if mine.short and listed:
        free = f"{hostname} has {len(mine.has)} that no other instance has"
        return [f"ollama_gpu_devices asks for {mine.count} GPUs, and {free}: it has {listed}."]
    if not mine.whole and not listed and (errors or not host.get("nvidia")):
        why = " ".join(errors) or "Set ollama_gpu to none to run on the CPU."
        return [f"ollama_gpu_devices is {shown(its['gpu_devices'])}, and on {hostname} no GPU is ready for it. {why}"]
    return []
