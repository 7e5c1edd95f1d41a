# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel shows of GPUs, whatever their driver: PCI devices, AMD's and Intel's cards, the host's memory."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Iterator, Optional, Sequence, Tuple

from ..host.linux import names, text
from .values import AMD, INTEL, NVIDIA, Gpu

VENDORS = {0x10DE: NVIDIA, 0x1002: AMD, 0x8086: INTEL}
NAMES = {NVIDIA: "NVIDIA", AMD: "AMD", INTEL: "Intel"}
DISPLAY = 0x03
# AMD's Instinct cards are no displays. Intel's devices of this class are no GPUs.
ACCELERATOR = 0x12
NVSWITCH_CLASS = 0x0680
PCI_IDS = ("usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids", "usr/share/pci.ids")
# Processors with a graphics part, as the kernel numbers their architecture (gfx1151 is 110501).
APU_TARGETS = {70000, 80001, 90002, 90012, 100303, 100305, 100306, 110003, 110500, 110501, 110502, 110503}


@dataclass(frozen=True)
class Device:
    """One PCI device. ``driver`` is the driver bound to it, or "". ``nodes`` are its device files of /dev/dri."""

    bus_id: str
    vendor: int
    device: int
    category: int
    driver: str = ""
    nodes: Tuple[str, ...] = ()

    @property
    def ids(self) -> str:
        return f"{self.vendor:04X}:{self.device:04X}"


def number(value: str, base: int = 10) -> int:
    """Return a number that the kernel wrote, or 0."""
    try:
        return int(value, base)
    except ValueError:
        return 0


def memory_total(root: str) -> Optional[int]:
    """Return the memory in bytes, or the limit of the container that this runs in; None if it is unknown."""
    found = re.search(r"^MemTotal:\s+(\d{1,15}) kB", text(root, "proc/meminfo"), re.MULTILINE | re.ASCII)
    if found is None:
        return None
    limits = (text(root, place) for place in ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"))
    return min([int(found.group(1)) * 1024, *(int(limit) for limit in limits if limit.isdecimal())])


def devices(root: str) -> list[Device]:
    """Return the PCI devices of the three vendors that are GPUs or NVSwitches, by their place on the bus."""
    found: list[Device] = []
    for place in names(root, "sys/bus/pci/devices"):
        folder = f"sys/bus/pci/devices/{place}"
        told = dict(line.partition("=")[::2] for line in text(root, f"{folder}/uevent").splitlines())
        vendor, _colon, device = told.get("PCI_ID", "").partition(":")
        one = Device(
            place.lower(),
            number(vendor, 16),
            number(device, 16),
            number(told.get("PCI_CLASS", ""), 16) >> 8,
            told.get("DRIVER", ""),
            tuple(f"/dev/dri/{node}" for node in names(root, f"{folder}/drm") if node.startswith(("card", "render"))),
        )
        # A virtual function is the part of a card that a virtual machine gets.
        if one.vendor in VENDORS and not os.path.islink(os.path.join(root, folder, "physfn")):
            found.append(one)
    return [one for one in found if is_gpu(one) or is_switch(one)]


def is_gpu(one: Device) -> bool:
    kind = one.category >> 8
    return kind == DISPLAY or (kind == ACCELERATOR and VENDORS[one.vendor] == AMD)


def is_switch(one: Device) -> bool:
    """Tell whether this is an NVSwitch, which connects the GPUs of an HGX board."""
    return VENDORS[one.vendor] == NVIDIA and one.category == NVSWITCH_CLASS


def model(root: str, one: Device) -> str:
    """Return the name of a card in the list of pciutils, or its ids."""
    maker = NAMES[VENDORS[one.vendor]]
    for place in PCI_IDS:
        listed = text(root, place)
        block = re.search(rf"^{one.vendor:04x}  .*\n((?:[\t#].*\n?|\n)*)", listed, re.MULTILINE)
        found = block and re.search(rf"^\t{one.device:04x}  (.+)$", block.group(1), re.MULTILINE)
        if found:
            return f"{maker} {found.group(1).strip()}"
    return f"{maker} {one.ids}"


def amd_gpus(root: str, seen: Sequence[Device]) -> list[Gpu]:
    """Return AMD's GPUs with a driver, from /sys."""
    architectures = dict(_architectures(root))
    found: list[Gpu] = []
    for card in _cards(root):
        folder = f"sys/class/drm/{card}/device"
        total = text(root, f"{folder}/mem_info_vram_total")
        if not total.isdecimal():
            continue
        unique = text(root, f"{folder}/unique_id")
        place = _bus_id(root, folder)
        found.append(
            Gpu(
                AMD,
                len(found),
                _amd_name(root, card, place, seen),
                uuid=f"GPU-{unique}" if unique else "",
                bus_id=place,
                memory_total=int(total),
                unified=architectures.get(place) in APU_TARGETS,
                driver_version=amd_driver(root),
                nodes=tuple(f"/dev/dri/{node}" for node in dict.fromkeys((card, *names(root, f"{folder}/drm")))),
            )
        )
    return found


def amd_driver(root: str) -> str:
    """Return the version of AMD's driver, that of the kernel for a built-in driver, "" for no driver."""
    if "amdgpu" not in names(root, "sys/module"):
        return ""
    return text(root, "sys/module/amdgpu/version") or text(root, "proc/sys/kernel/osrelease")


def intel_gpus(root: str, seen: Sequence[Device], memory: int) -> list[Gpu]:
    """Return Intel's GPUs. Only some of their drivers report the memory."""
    cards = {_bus_id(root, f"sys/class/drm/{card}/device"): card for card in _cards(root)}
    found: list[Gpu] = []
    for one in seen:
        if VENDORS[one.vendor] != INTEL or not is_gpu(one):
            continue
        card = f"sys/class/drm/{cards.get(one.bus_id, '-')}"
        own = number(text(root, f"{card}/lmem_total_bytes")) + sum(
            number(text(root, f"{card}/device/{tile}/physical_vram_size_bytes"))
            for tile in names(root, f"{card}/device")
            if tile.startswith("tile")
        )
        # On the first bus it is a part of the processor.
        shared = one.bus_id.startswith("0000:00:")
        total = memory if shared and one.driver else own
        version = text(root, "proc/sys/kernel/osrelease") if one.driver else ""
        found.append(
            Gpu(
                INTEL,
                len(found),
                model(root, one),
                bus_id=one.bus_id,
                memory_total=total,
                unified=shared,
                driver_version=version,
                nodes=one.nodes,
            )
        )
    return found


def _cards(root: str) -> list[str]:
    found = (card for card in names(root, "sys/class/drm") if re.fullmatch(r"card\d{1,4}", card, re.ASCII))
    return sorted(found, key=lambda card: int(card[4:]))


def _bus_id(root: str, folder: str) -> str:
    told = re.search(r"^PCI_SLOT_NAME=(\S+)", text(root, f"{folder}/uevent"), re.MULTILINE)
    return told.group(1).lower() if told else ""


def _amd_name(root: str, card: str, place: str, seen: Sequence[Device]) -> str:
    name = text(root, f"sys/class/drm/{card}/device/product_name")
    if name:
        return name if name.startswith("AMD") else f"AMD {name}"
    one = next((one for one in seen if one.bus_id == place), None)
    return model(root, one) if one else f"AMD GPU ({card})"


def _architectures(root: str) -> Iterator[Tuple[str, int]]:
    """Yield the bus id and the architecture of each GPU that the compute driver lists."""
    nodes = "sys/class/kfd/kfd/topology/nodes"
    for node in names(root, nodes):
        told = dict(
            line.split(None, 1) for line in text(root, f"{nodes}/{node}/properties").splitlines() if " " in line
        )
        place = number(told.get("location_id", ""))
        target = number(told.get("gfx_target_version", ""))
        if target:
            domain = number(told.get("domain", ""))
            yield f"{domain:04x}:{place >> 8 & 0xFF:02x}:{place >> 3 & 0x1F:02x}.{place & 7}", target
