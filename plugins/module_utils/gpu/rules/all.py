# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All rules about GPUs, with those for AMD and SELinux."""

from __future__ import annotations

import os
import re
from typing import Iterator, Optional, Tuple

from ...host.finding import ERROR, WARNING, Finding, error, warning
from ...host.linux import text
from ..host import Host
from ..sysfs import VENDORS, is_gpu, number
from ..values import AMD, NVIDIA
from . import containers, nvidia, nvidia_modes, nvidia_smi

# The driver that comes with ROCm 7.0.
MIN_AMD_DRIVER = (6, 14)


def find(host: Host) -> list[Finding]:
    """Return all findings, those about the driver first."""
    return [
        *nvidia.find(host),
        *nvidia_modes.find(host),
        *nvidia_smi.find(host),
        *_amd(host),
        *_selinux(host),
        *containers.find(host),
    ]


def _amd(host: Host) -> Iterator[Finding]:
    cards = [one for one in host.devices if VENDORS[one.vendor] == AMD and is_gpu(one)]
    # Next to a working NVIDIA card it is most often the graphics part of the processor, or drives the screen only.
    severity = WARNING if any(gpu.driver_version for gpu in host.of(NVIDIA)) else ERROR
    for one in cards:
        if one.driver not in {"amdgpu", "vfio-pci"}:
            yield Finding(
                "driver-missing",
                # ROCm does not support a card that uses the driver for old cards.
                WARNING if one.driver else severity,
                one.bus_id,
                f"The AMD GPU at {one.bus_id} has {f'the driver {one.driver}' if one.driver else 'no driver'} instead "
                f"of amdgpu.",
                "Install AMD's package amdgpu-dkms, or the kernel's amdgpu module with its firmware, and reboot.",
            )
    if not host.amd or not cards:
        return
    if not os.path.exists(os.path.join(host.root, "dev/kfd")):
        yield Finding(
            "kfd-missing",
            severity,
            "",
            "The driver amdgpu is loaded, but /dev/kfd does not exist, and ROCm needs it.",
            "Use a kernel with HSA_AMD, or install AMD's package amdgpu-dkms.",
        )
    own = re.match(r"(\d{1,3})\.(\d{1,3})", text(host.root, "sys/module/amdgpu/version"), re.ASCII)
    if own and (number(own.group(1)), number(own.group(2))) < MIN_AMD_DRIVER:
        yield Finding(
            "rocm-too-old",
            severity,
            "",
            f"AMD's driver is {host.amd}, older than the one of ROCm 7 ({'.'.join(map(str, MIN_AMD_DRIVER))}), so "
            f"Ollama finds no GPU.",
            "Install a newer amdgpu-dkms and reboot.",
        )


def _selinux(host: Host) -> Iterator[Finding]:
    if text(host.root, "sys/fs/selinux/enforce") != "1":
        return
    allowed = text(host.root, "sys/fs/selinux/booleans/container_use_devices").split()
    confined: Optional[bool] = host.engine.selinux if host.engine and host.engine.answers else None
    vendors: Tuple[str, ...] = tuple(gpu.vendor for gpu in host.gpus if gpu.driver_version and gpu.nodes)
    if allowed[:1] != ["0"] or not vendors or confined is False:
        return
    # Only a warning where Docker was not asked whether it confines containers, or where NVIDIA's policy may allow it.
    certain = bool(confined) and AMD in vendors
    if AMD in vendors or confined:
        report = error if certain else warning
        yield report(
            "selinux",
            "SELinux keeps containers from using GPUs (it is enforcing, and container_use_devices is off).",
            "Run `setsebool -P container_use_devices 1`.",
        )
