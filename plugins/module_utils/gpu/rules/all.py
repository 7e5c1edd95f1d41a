# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps GPUs from work, each as one sentence: the cause and the way out."""

from __future__ import annotations

import os
import re
from typing import Iterator, Optional, Tuple

from ...host.linux import text
from ..host import Host
from ..sysfs import VENDORS, is_gpu, number
from ..values import AMD, ERROR, NVIDIA, WARNING, Problem
from . import containers, nvidia, nvidia_modes, nvidia_smi

# Of the driver that comes with ROCm 7.0.
AMD_LEAST = (6, 14)


def find(host: Host) -> list[Problem]:
    """Return all problems, those of the driver first."""
    return [
        *nvidia.find(host),
        *nvidia_modes.find(host),
        *nvidia_smi.find(host),
        *_amd(host),
        *_selinux(host),
        *containers.find(host),
    ]


def _amd(host: Host) -> Iterator[Problem]:
    seen = [one for one in host.devices if VENDORS[one.vendor] == AMD and is_gpu(one)]
    # Beside a card of NVIDIA's that works it is most often a processor's graphics, or for the screen only.
    grave = WARNING if any(gpu.driver_version for gpu in host.of(NVIDIA)) else ERROR
    for one in seen:
        if one.driver not in {"amdgpu", "vfio-pci"}:
            yield Problem(
                "driver-missing",
                f"The AMD GPU at {one.bus_id} has {f'the driver {one.driver}' if one.driver else 'no driver'} and not "
                f"amdgpu: install AMD's amdgpu-dkms, or the kernel's module and its firmware, and reboot.",
                # A card that the driver of old cards has is none for ROCm.
                WARNING if one.driver else grave,
                one.bus_id,
            )
    if not host.amd or not seen:
        return
    if not os.path.exists(os.path.join(host.root, "dev/kfd")):
        yield Problem(
            "kfd-missing",
            "The driver amdgpu is loaded but there is no /dev/kfd, by which ROCm reaches GPUs: use a kernel with "
            "HSA_AMD, or install AMD's amdgpu-dkms.",
            grave,
        )
    own = re.match(r"(\d{1,3})\.(\d{1,3})", text(host.root, "sys/module/amdgpu/version"), re.ASCII)
    if own and (number(own.group(1)), number(own.group(2))) < AMD_LEAST:
        yield Problem(
            "rocm-too-old",
            f"AMD's driver is {host.amd}, older than that of ROCm 7 ({'.'.join(map(str, AMD_LEAST))}), with which "
            f"Ollama finds no GPU: install a newer amdgpu-dkms and reboot.",
            grave,
        )


def _selinux(host: Host) -> Iterator[Problem]:
    if text(host.root, "sys/fs/selinux/enforce") != "1":
        return
    allowed = text(host.root, "sys/fs/selinux/booleans/container_use_devices").split()
    confined: Optional[bool] = host.engine.selinux if host.engine and host.engine.answers else None
    wanted: Tuple[str, ...] = tuple(gpu.vendor for gpu in host.gpus if gpu.driver_version and gpu.nodes)
    if allowed[:1] != ["0"] or not wanted or confined is False:
        return
    # Whether Docker confines containers was not asked, or it does and NVIDIA's policy may be there.
    sure = bool(confined) and AMD in wanted
    if AMD in wanted or confined:
        yield Problem(
            "selinux",
            "SELinux keeps containers from GPUs (enforcing, and container_use_devices is off): run "
            "`setsebool -P container_use_devices 1`.",
            ERROR if sure else WARNING,
        )
