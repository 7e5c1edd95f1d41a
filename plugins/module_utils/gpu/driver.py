# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of NVIDIA's driver the kernel and the file system show, with nvidia-smi or without."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from typing import Optional, Tuple

from ..host.linux import names, text
from . import command

JETSON_RELEASE = "etc/nv_tegra_release"
# By the chip of a Jetson module: the output of nvidia-smi differs, and older modules have no nvidia-smi.
JETSON_CAPABILITIES = {"tegra210": "5.3", "tegra186": "6.2", "tegra194": "7.2", "tegra234": "8.7", "tegra264": "11.0"}
MANAGER = "nv-fabricmanager"
MANAGER_PLACES = ("usr/bin", "usr/sbin", "usr/local/bin", "opt/nvidia/fabricmanager/bin")
MANAGER_SECONDS = 5.0
# Linux keeps 15 characters of a program's name.
MANAGER_PROCESS = MANAGER[:15]

_VERSION = re.compile(r"\b(\d{2,4}\.\d{1,4}(?:\.\d{1,4})?)\b", re.ASCII)


@dataclass(frozen=True)
class Known:
    """One GPU in the driver's folder of /proc. ``minor`` is the number of its device file, or None."""

    bus_id: str
    name: str
    uuid: str
    minor: Optional[int]


@dataclass(frozen=True)
class Driver:
    """NVIDIA's driver on a host.

    ``version`` is the version of the loaded module, "" if none is loaded. ``open`` means the open flavour. Hosts with
    ``wsl`` or ``jetson`` have no card on PCI; ``jetson`` is the release of its system.
    """

    version: str = ""
    open: bool = False
    gpus: Tuple[Known, ...] = ()
    uvm: bool = False
    wsl: bool = False
    jetson: str = ""


def gather(root: str) -> Driver:
    """Return the facts about NVIDIA's driver."""
    told = text(root, "proc/driver/nvidia/version")
    version = _VERSION.search(told.partition("\n")[0] if told.startswith("NVRM") else "")
    loaded = version.group(1) if version else command.first_line(text(root, "sys/module/nvidia/version"))
    release = text(root, "proc/sys/kernel/osrelease").lower()
    return Driver(
        version=loaded,
        open="Open Kernel Module" in told,
        gpus=tuple(_known(root, place) for place in names(root, "proc/driver/nvidia/gpus")),
        uvm="nvidia_uvm" in names(root, "sys/module"),
        wsl=os.path.exists(os.path.join(root, "dev/dxg")) or "microsoft" in release,
        jetson=jetson(root),
    )


def _known(root: str, place: str) -> Known:
    told = {}
    for line in text(root, f"proc/driver/nvidia/gpus/{place}/information").splitlines():
        key, _colon, value = line.partition(":")
        told[key.strip()] = value.strip()
    minor = told.get("Device Minor", "")
    uuid = told.get("GPU UUID", "")
    return Known(
        place.lower(),
        command.first_line(told.get("Model", "")),
        # A card that has not started yet shows question marks.
        "" if "?" in uuid else command.first_line(uuid),
        int(minor) if minor.isdecimal() else None,
    )


def installed(root: str) -> str:
    """Return for which kernel the driver has modules: "here" (the running one), "elsewhere" (others) or ""."""
    running = text(root, "proc/sys/kernel/osrelease")
    kernels = [kernel for kernel in names(root, "lib/modules") if _has_module(root, kernel)]
    if running in kernels:
        return "here"
    return "elsewhere" if kernels or names(root, "var/lib/dkms/nvidia") else ""


def _has_module(root: str, kernel: str) -> bool:
    return bool(re.search(r"/nvidia(-current)?\.ko[.\w]*:", text(root, f"lib/modules/{kernel}/modules.dep")))


def secure_boot(root: str) -> Optional[bool]:
    """Tell whether Secure Boot is on; None if the firmware's variable cannot be read."""
    folder = os.path.join(root, "sys/firmware/efi/efivars")
    name = next((name for name in names(root, "sys/firmware/efi/efivars") if name.startswith("SecureBoot-")), None)
    if name is None:
        # A host that was not started by UEFI has no Secure Boot.
        return None if os.path.isdir(os.path.join(root, "sys/firmware/efi")) else False
    try:
        with open(os.path.join(folder, name), "rb") as file:
            value = file.read(5)
    except OSError:
        return None
    # The value follows four bytes of attributes.
    return value[4:5] == b"\1" if len(value) == 5 else None


def jetson(root: str) -> str:
    """Return the release of a Jetson's system (36.4.3), or ""."""
    told = text(root, JETSON_RELEASE)
    found = re.search(r"R(\d{1,3}) .*REVISION: ([\d.]+)", told)
    if found:
        return f"{found.group(1)}.{found.group(2)}"
    return "unknown" if told else ""


def jetson_board(root: str) -> Tuple[str, Optional[str]]:
    """Return the model of a Jetson, and the compute capability of its chip."""
    chips = text(root, "proc/device-tree/compatible")
    capability = next((value for chip, value in JETSON_CAPABILITIES.items() if chip in chips), None)
    return command.first_line(text(root, "proc/device-tree/model")) or "NVIDIA Jetson", capability


def manager_runs(root: str) -> bool:
    """Tell whether Fabric Manager runs."""
    return any(
        text(root, f"proc/{process}/comm") == MANAGER_PROCESS for process in names(root, "proc") if process.isdecimal()
    )


def manager_version(root: str) -> Optional[str]:
    """Return the version of Fabric Manager, "" if it is unknown, None if it is not installed."""
    path = shutil.which(MANAGER, path=os.pathsep.join(os.path.join(root, place) for place in MANAGER_PLACES))
    if path is None:
        return None
    found = _VERSION.search(command.run([path, "--version"], MANAGER_SECONDS).out)
    return found.group(1) if found else ""
