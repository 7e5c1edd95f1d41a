# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a host: GPUs of all vendors, their drivers, and what containers can use."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Callable, Iterable, Optional, Sequence, Tuple

from . import cdi, containers, driver, needs, nvidia, sysfs
from .values import AMD, INTEL, NVIDIA, Gpu, Slice

_SLICE_NAME = re.compile(r"(?:mig)?(\d+):(\d+)$", re.ASCII)


@dataclass(frozen=True)
class Host:
    """All facts. ``engine`` is None if it was not requested."""

    root: str
    gpus: Tuple[Gpu, ...]
    devices: Tuple[sysfs.Device, ...]
    driver: driver.Driver
    smi: nvidia.Smi
    amd: str = ""
    specs: Tuple[cdi.Spec, ...] = ()
    unread_specs: Tuple[str, ...] = ()
    engine: Optional[containers.Engine] = None

    def of(self, vendor: str) -> list[Gpu]:
        return [gpu for gpu in self.gpus if gpu.vendor == vendor]

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as gpu_info returns them, without findings."""
        intel = next((gpu.driver_version for gpu in self.of(INTEL) if gpu.driver_version), "")
        versions = {NVIDIA: nvidia_version(self.smi, self.driver), AMD: self.amd, INTEL: intel}
        facts: dict[str, Any] = {"gpus": [gpu.as_dict() for gpu in self.gpus], "driver": versions}
        if self.engine:
            facts["container"] = self.engine.as_dict()
        return facts


def ask() -> nvidia.Smi:
    return nvidia.with_slices(nvidia.ask(), pending=True)


def gather(root: str = "/", container: bool = False, asking: Callable[[], nvidia.Smi] = ask) -> Host:
    """Return the facts of this host. /proc, /sys and /dev are below ``root``; ``asking`` runs nvidia-smi."""
    smi = asking()
    found, seen = driver.gather(root), sysfs.devices(root)
    engine = containers.gather(root) if container else None
    specs, unread = cdi.specs(root, engine.folders if engine and engine.folders else cdi.FOLDERS)
    return Host(
        root,
        tuple(_named(gpu, specs, found.wsl) for gpu in gpus(root, smi, seen, found, sysfs.memory_total(root) or 0)),
        tuple(seen),
        found,
        smi,
        sysfs.amd_driver(root),
        tuple(specs),
        tuple(unread),
        engine,
    )


def nvidia_version(smi: nvidia.Smi, found: driver.Driver) -> str:
    """Return the version of NVIDIA's driver, "" if none works."""
    return found.version or next((card.driver for card in smi.cards if card.driver), "") or found.jetson


def gpus(
    root: str, smi: nvidia.Smi, seen: Sequence[sysfs.Device], found: driver.Driver, memory: int
) -> Tuple[Gpu, ...]:
    """Return the GPUs of all vendors. ``memory`` is the host's, in bytes, for GPUs that share it."""
    return (
        *_nvidia(root, smi, seen, found, memory),
        *_amd(root, seen),
        *sysfs.intel_gpus(root, seen, memory),
    )


def _nvidia(root: str, smi: nvidia.Smi, seen: Sequence[sysfs.Device], found: driver.Driver, memory: int) -> list[Gpu]:
    """Return NVIDIA's GPUs: first those that nvidia-smi lists, then those that only the kernel shows."""
    known = {one.bus_id: one for one in found.gpus}
    gpus = [_card(root, card, known.get(card.bus_id), found, memory) for card in smi.cards]
    if not gpus and found.jetson:
        name, capability = driver.jetson_board(root)
        return [
            Gpu(
                NVIDIA,
                0,
                name,
                memory_total=memory,
                unified=True,
                compute_capability=capability,
                driver_version=found.jetson,
                unusable=needs.unusable(nvidia.Card(0, "", name), capability, "", found.jetson),
            )
        ]
    listed = {gpu.bus_id for gpu in gpus}
    following = max((gpu.index for gpu in gpus), default=-1) + 1
    for one in seen:
        if sysfs.VENDORS[one.vendor] == NVIDIA and sysfs.is_gpu(one) and one.bus_id not in listed:
            unlisted = _unlisted(root, one, known.get(one.bus_id), found, following)
            # Without nvidia-smi an unlisted card means nothing.
            gpus.append(replace(unlisted, unusable="gpu-lost" if smi.path else ""))
            following += 1
    return gpus


def _card(root: str, card: nvidia.Card, known: Optional[driver.Known], found: driver.Driver, memory: int) -> Gpu:
    capability = card.compute_capability or (driver.jetson_board(root)[1] if found.jetson else None)
    version = card.driver or found.version or found.jetson
    return Gpu(
        NVIDIA,
        card.index,
        card.name or (known.name if known else "") or "NVIDIA GPU",
        card.uuid,
        card.bus_id,
        memory if card.unified else card.memory or 0,
        card.unified,
        capability,
        version,
        card.persistence,
        card.mig,
        card.slices,
        nodes=_nodes(known),
        unusable=needs.unusable(card, capability, version, found.jetson),
    )


def _unlisted(root: str, one: sysfs.Device, known: Optional[driver.Known], found: driver.Driver, index: int) -> Gpu:
    """Return a GPU that nvidia-smi does not list, from what the kernel shows."""
    return Gpu(
        NVIDIA,
        index,
        (known and known.name) or sysfs.model(root, one),
        known.uuid if known else "",
        one.bus_id,
        driver_version=found.version if known or one.driver == "nvidia" else "",
        nodes=_nodes(known),
    )


def _nodes(known: Optional[driver.Known]) -> Tuple[str, ...]:
    return () if known is None or known.minor is None else (f"/dev/nvidia{known.minor}",)


def _amd(root: str, seen: Sequence[sysfs.Device]) -> list[Gpu]:
    gpus = sysfs.amd_gpus(root, seen)
    listed = {gpu.bus_id for gpu in gpus}
    for one in seen:
        if sysfs.VENDORS[one.vendor] == AMD and sysfs.is_gpu(one) and one.bus_id not in listed:
            gpus.append(Gpu(AMD, len(gpus), sysfs.model(root, one), bus_id=one.bus_id, nodes=one.nodes))
    return gpus


def _named(gpu: Gpu, specs: Iterable[cdi.Spec], wsl: bool) -> Gpu:
    """Return a GPU with the CDI names of the GPU and its MIG devices."""
    names: dict[str, None] = {}
    parts: dict[int, dict[str, None]] = {}
    for spec in specs:
        if spec.kind != f"{gpu.vendor}.com/gpu":
            continue
        for name, nodes in spec.devices:
            part = _part(gpu, name)
            if part is not None:
                parts.setdefault(part.index, {})[f"{spec.kind}={name}"] = None
            elif _means(gpu, name, nodes) or (wsl and name == cdi.ALL):
                names[f"{spec.kind}={name}"] = None
    slices = tuple(replace(one, cdi_names=tuple(parts.get(one.index, ()))) for one in gpu.slices)
    return replace(gpu, cdi_names=tuple(names), slices=slices)


def slice_place(name: str) -> Optional[Tuple[int, int]]:
    """Return the indexes of GPU and MIG device in a CDI name such as 0:1; None for other names."""
    found = _SLICE_NAME.match(name)
    return (int(found.group(1)), int(found.group(2))) if found else None


def _part(gpu: Gpu, name: str) -> Optional[Slice]:
    return next((one for one in gpu.slices if name == one.uuid or slice_place(name) == (gpu.index, one.index)), None)


def _means(gpu: Gpu, name: str, nodes: Tuple[str, ...]) -> bool:
    if name == cdi.ALL or slice_place(name) or name.startswith("MIG-"):
        return False
    if gpu.nodes and nodes:
        # The device files are right even if the order of the GPUs has changed since.
        return bool(set(gpu.nodes) & set(nodes))
    return name in {str(gpu.index), f"gpu{gpu.index}", gpu.uuid, gpu.bus_id} - {""}
