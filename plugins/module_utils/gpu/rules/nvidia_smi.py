# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nvidia-smi's own words mean."""

from __future__ import annotations

import re
from typing import Iterator, Optional

from .. import nvidia
from ..host import Host
from ..sysfs import VENDORS, Device, is_gpu
from ..values import ERROR, NVIDIA, WARNING, Problem
from .nvidia import unfit

LOST = re.compile(r"Unable to determine the device handle|GPU is lost|fallen off the bus", re.IGNORECASE)
# Said of a handle as well, by a card that is well.
DENIED = re.compile(r"Insufficient Permissions", re.IGNORECASE)
PLACE = re.compile(r"[0-9A-F]{4,8}:[0-9A-F]{2}:[0-9A-F]{2}\.[0-7]", re.IGNORECASE)
MISMATCH = re.compile(r"driver/library version mismatch", re.IGNORECASE)
LIBRARY = re.compile(r"NVML library version:\s*([\d.]{3,20})")
# Words, problem, sentence. A driver that is not loaded has its cause in what the kernel shows.
MEANINGS = (
    (
        re.compile(r"Insufficient Permissions", re.IGNORECASE),
        "permission",
        "nvidia-smi may not look at all there is to see (Insufficient Permissions): run the task with become.",
    ),
    (
        re.compile(r"requires reset", re.IGNORECASE),
        "gpu-lost",
        "A GPU needs a reset before it works again: stop what uses it and run `nvidia-smi --gpu-reset`, or reboot.",
    ),
    (
        re.compile(r"blocked by the operating system", re.IGNORECASE),
        "gpu-blocked",
        (
            "The operating system keeps the GPU from programs here (GPU access blocked by the operating system): on "
            "WSL switch a card in TCC mode to WDDM (`nvidia-smi -dm 0` in Windows), install the newest driver there, "
            "and run `wsl --update` and `wsl --shutdown`; in a container give it the GPU."
        ),
    ),
    (
        re.compile(r"couldn't find libnvidia-ml|NVML Shared Library Not Found", re.IGNORECASE),
        "library-missing",
        (
            "The driver's libraries are not installed (nvidia-smi does not find libnvidia-ml.so): install the driver "
            "whole, not its kernel module alone."
        ),
    ),
)
SILENT = re.compile(r"couldn't communicate with the NVIDIA driver|Driver Not Loaded", re.IGNORECASE)
NONE_FOUND = re.compile(r"No devices were found", re.IGNORECASE)
INFOROM = re.compile(r"infoROM is corrupted at gpu ([0-9A-Fa-f:.]{10,18})", re.IGNORECASE)


def find(host: Host) -> Iterator[Problem]:
    smi = host.smi
    on_pci = any(VENDORS[one.vendor] == NVIDIA and is_gpu(one) for one in host.devices)
    driven = bool(host.driver.version or smi.cards or host.driver.wsl)
    if not smi.path:
        yield from _absent(host)
    elif smi.hangs:
        yield Problem(
            "smi-hangs",
            f"{smi.path} gave no answer within {nvidia.SECONDS:g} s, so the driver or a GPU hangs: look for Xid and "
            f"NVRM in `dmesg`, and reboot the host.",
        )
    elif on_pci or driven:
        yield from _said(host, on_pci)


def _absent(host: Host) -> Iterator[Problem]:
    if host.driver.version and not host.driver.jetson:
        yield Problem(
            "smi-missing",
            "NVIDIA's driver is loaded but nvidia-smi is not installed, so the GPUs' memory is not known: install the "
            "driver's programs (nvidia-utils, nvidia-smi or nvidia-driver-cuda, by distribution).",
            WARNING,
        )


def _said(host: Host, on_pci: bool) -> Iterator[Problem]:
    smi = host.smi
    complaints = [f"{card.complaint} {card.bus_id}" for card in smi.cards if card.complaint]
    words = "\n".join([smi.said, *complaints])
    found = [*_lost(words), *_mismatch(host, words), *_inforom(words)]
    grave = ERROR if not smi.cards else WARNING
    found += [
        Problem(problem, say, grave if problem == "permission" else ERROR)
        for pattern, problem, say in MEANINGS
        if pattern.search(words)
    ]
    none = bool(NONE_FOUND.search(words))
    if none:
        found += _none_found(host, on_pci)
    # Why no module is loaded, or no card taken, is told already, by what the kernel shows.
    explained = none or (SILENT.search(words) and not host.driver.version)
    if not found and not explained and (not smi.cards or smi.code or complaints):
        found.append(_fails(host, complaints))
    yield from found
    if smi.cards:
        yield from _unlisted(host, {problem.gpu for problem in found})


def _unlisted(host: Host, told: set[Optional[str]]) -> Iterator[Problem]:
    """Yield the cards that the driver has and nvidia-smi passes over without a word."""
    for one in host.devices:
        if one.bus_id not in told and _passed_over(host, one):
            yield Problem(
                "gpu-lost",
                f"The driver has the GPU at {one.bus_id} but nvidia-smi does not list it, so its start failed or it is "
                f"excluded: look for NVRM and Xid in `dmesg`.",
                gpu=one.bus_id,
            )


def _lost(words: str) -> Iterator[Problem]:
    lines = (PLACE.search(line) for line in words.splitlines() if LOST.search(line) and not DENIED.search(line))
    for place in sorted({nvidia.bus_id(found.group()) if found else "" for found in lines}):
        yield Problem(
            "gpu-lost",
            f"{f'The GPU at {place}' if place else 'A GPU'} no longer answers (it fell off the bus or hangs): look for "
            f"Xid in `dmesg`, check its power and seat, and reboot the host.",
            gpu=place or None,
        )


def _mismatch(host: Host, words: str) -> Iterator[Problem]:
    if not MISMATCH.search(words):
        return
    library = LIBRARY.search(words)
    versions = f" ({library.group(1)} and {host.driver.version})" if library and host.driver.version else ""
    yield Problem(
        "library-mismatch",
        f"The driver's libraries and its loaded module are of different versions{versions}, because the driver was "
        f"updated: reboot the host.",
    )


def _inforom(words: str) -> Iterator[Problem]:
    for place in INFOROM.findall(words):
        yield Problem(
            "inforom",
            f"The infoROM of the GPU at {nvidia.bus_id(place) or place} is corrupted, so some of its figures are "
            f"wrong: it works on, but have the vendor look at it.",
            WARNING,
            nvidia.bus_id(place) or None,
        )


def _none_found(host: Host, on_pci: bool) -> Iterator[Problem]:
    if not on_pci and not host.driver.wsl:
        yield Problem(
            "gpu-absent",
            "NVIDIA's driver is loaded but there is no NVIDIA GPU on PCI: check its seat and power, or remove the "
            "driver if the host has none.",
            WARNING,
        )
    elif host.driver.wsl or any(_passed_over(host, one) for one in host.devices):
        yield Problem(
            "no-devices",
            "NVIDIA's driver cannot start any of the GPUs that it has: `dmesg` tells why (NVRM); most often a card "
            "lacks power, or the driver is not whole.",
        )


def _passed_over(host: Host, one: Device) -> bool:
    """Tell whether the driver has this card, nvidia-smi does not list it, and no reason for that is known."""
    listed = {card.bus_id for card in host.smi.cards}
    mine = VENDORS[one.vendor] == NVIDIA and is_gpu(one) and one.driver == "nvidia" and one.bus_id not in listed
    return mine and unfit(host, one) is None


def _fails(host: Host, complaints: list[str]) -> Problem:
    smi = host.smi
    words = smi.words if smi.said or not complaints else complaints[0].strip()
    return Problem(
        "smi-fails",
        f"{smi.path} fails ({words.rstrip('.')}): run it by hand, look at `dmesg`, and reinstall the driver if it is "
        f"not whole.",
        WARNING if smi.cards else ERROR,
    )
