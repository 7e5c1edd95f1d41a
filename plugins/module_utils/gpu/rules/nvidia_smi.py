# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules: what the messages of nvidia-smi mean."""

from __future__ import annotations

import re
from typing import Iterator

from ...host.finding import ERROR, WARNING, Finding, error, warning
from .. import nvidia
from ..host import Host
from ..sysfs import VENDORS, Device, is_gpu
from ..values import NVIDIA
from .nvidia import unfit

LOST = re.compile(r"Unable to determine the device handle|GPU is lost|fallen off the bus", re.IGNORECASE)
# nvidia-smi adds this to a handle that it may not open although the card works.
DENIED = re.compile(r"Insufficient Permissions", re.IGNORECASE)
PLACE = re.compile(r"[0-9A-F]{4,8}:[0-9A-F]{2}:[0-9A-F]{2}\.[0-7]", re.IGNORECASE)
MISMATCH = re.compile(r"driver/library version mismatch", re.IGNORECASE)
LIBRARY = re.compile(r"NVML library version:\s*([\d.]{3,20})")
# Pattern, id, message, fix. Why a driver is not loaded is found in what the kernel shows instead.
MEANINGS = (
    (
        re.compile(r"Insufficient Permissions", re.IGNORECASE),
        "permission",
        "nvidia-smi may not read everything (Insufficient Permissions).",
        "Run the task with become.",
    ),
    (
        re.compile(r"requires reset", re.IGNORECASE),
        "gpu-lost",
        "A GPU needs a reset before it works again.",
        "Stop the programs that use it and run `nvidia-smi --gpu-reset`, or reboot.",
    ),
    (
        re.compile(r"blocked by the operating system", re.IGNORECASE),
        "gpu-blocked",
        "The operating system keeps programs from using the GPU (GPU access blocked by the operating system).",
        (
            "On WSL switch a card in TCC mode to WDDM (`nvidia-smi -dm 0` in Windows), install the newest driver in "
            "Windows, and run `wsl --update` and `wsl --shutdown`; in a container, pass the GPU to the container."
        ),
    ),
    (
        re.compile(r"couldn't find libnvidia-ml|NVML Shared Library Not Found", re.IGNORECASE),
        "library-missing",
        "The driver's libraries are not installed (nvidia-smi does not find libnvidia-ml.so).",
        "Install the whole driver, not only its kernel module.",
    ),
)
SILENT = re.compile(r"couldn't communicate with the NVIDIA driver|Driver Not Loaded", re.IGNORECASE)
NONE_FOUND = re.compile(r"No devices were found", re.IGNORECASE)
INFOROM = re.compile(r"infoROM is corrupted at gpu ([0-9A-Fa-f:.]{10,18})", re.IGNORECASE)


def find(host: Host) -> Iterator[Finding]:
    smi = host.smi
    on_pci = any(VENDORS[one.vendor] == NVIDIA and is_gpu(one) for one in host.devices)
    has_driver = bool(host.driver.version or smi.cards or host.driver.wsl)
    if not smi.path:
        yield from _absent(host)
    elif smi.hangs:
        yield error(
            "smi-hangs",
            f"{smi.path} gave no answer within {nvidia.SECONDS:g} seconds, so the driver or a GPU hangs.",
            "Search `dmesg` for Xid and NVRM, and reboot the host.",
        )
    elif on_pci or has_driver:
        yield from _messages(host, on_pci)


def _absent(host: Host) -> Iterator[Finding]:
    if host.driver.version and not host.driver.jetson:
        yield warning(
            "smi-missing",
            "NVIDIA's driver is loaded, but nvidia-smi is not installed, so the GPU memory is unknown.",
            "Install the driver's programs (nvidia-utils, nvidia-smi or nvidia-driver-cuda, by distribution).",
        )


def _messages(host: Host, on_pci: bool) -> Iterator[Finding]:
    smi = host.smi
    complaints = [f"{card.complaint} {card.bus_id}" for card in smi.cards if card.complaint]
    words = "\n".join([smi.said, *complaints])
    found = [*_lost(words), *_mismatch(host, words), *_inforom(words)]
    denied = ERROR if not smi.cards else WARNING
    found += [
        Finding(name, denied if name == "permission" else ERROR, "", message, fix)
        for pattern, name, message, fix in MEANINGS
        if pattern.search(words)
    ]
    none = bool(NONE_FOUND.search(words))
    if none:
        found += _none_found(host, on_pci)
    # The rules about the kernel report why no module is loaded, or no card is bound to it.
    explained = none or (SILENT.search(words) and not host.driver.version)
    if not found and not explained and (not smi.cards or smi.code or complaints):
        found.append(_fails(host, complaints))
    yield from found
    if smi.cards:
        yield from _unlisted(host, {one.subject for one in found})


def _unlisted(host: Host, reported: set[str]) -> Iterator[Finding]:
    """Yield the cards that the driver has and nvidia-smi silently skips."""
    for one in host.devices:
        if one.bus_id not in reported and _skipped(host, one):
            yield error(
                "gpu-lost",
                f"The driver is bound to the GPU at {one.bus_id}, but nvidia-smi does not list it: it failed to start "
                f"or is excluded.",
                "Search `dmesg` for NVRM and Xid.",
                one.bus_id,
            )


def _lost(words: str) -> Iterator[Finding]:
    lines = (PLACE.search(line) for line in words.splitlines() if LOST.search(line) and not DENIED.search(line))
    for place in sorted({nvidia.bus_id(found.group()) if found else "" for found in lines}):
        yield error(
            "gpu-lost",
            f"{f'The GPU at {place}' if place else 'A GPU'} no longer answers (it fell off the bus or hangs).",
            "Search `dmesg` for Xid, check its power and seat, and reboot the host.",
            place,
        )


def _mismatch(host: Host, words: str) -> Iterator[Finding]:
    if not MISMATCH.search(words):
        return
    library = LIBRARY.search(words)
    versions = f" ({library.group(1)} and {host.driver.version})" if library and host.driver.version else ""
    yield error(
        "library-mismatch",
        f"The driver's libraries and its loaded module have different versions{versions}, because the driver was "
        f"updated.",
        "Reboot the host.",
    )


def _inforom(words: str) -> Iterator[Finding]:
    for place in INFOROM.findall(words):
        yield warning(
            "inforom",
            f"The infoROM of the GPU at {nvidia.bus_id(place) or place} is corrupted, so some of its values are wrong.",
            "The GPU still works; let the vendor check it.",
            nvidia.bus_id(place),
        )


def _none_found(host: Host, on_pci: bool) -> Iterator[Finding]:
    if not on_pci and not host.driver.wsl:
        yield warning(
            "gpu-absent",
            "NVIDIA's driver is loaded, but there is no NVIDIA GPU on PCI.",
            "Check the card's seat and power, or remove the driver if the host has no card.",
        )
    elif host.driver.wsl or any(_skipped(host, one) for one in host.devices):
        yield error(
            "no-devices",
            "NVIDIA's driver cannot start any of its GPUs.",
            "Search `dmesg` for NVRM; most often a card lacks power, or the driver is incomplete.",
        )


def _skipped(host: Host, one: Device) -> bool:
    """Tell whether the driver is bound to this card, nvidia-smi does not list it, and the reason is unknown."""
    listed = {card.bus_id for card in host.smi.cards}
    bound = VENDORS[one.vendor] == NVIDIA and is_gpu(one) and one.driver == "nvidia" and one.bus_id not in listed
    return bound and unfit(host, one) is None


def _fails(host: Host, complaints: list[str]) -> Finding:
    smi = host.smi
    words = smi.words if smi.said or not complaints else complaints[0].strip()
    report = warning if smi.cards else error
    return report(
        "smi-fails",
        f"{smi.path} fails ({words.rstrip('.')}).",
        "Run it by hand, read `dmesg`, and reinstall the driver if it is incomplete.",
    )
