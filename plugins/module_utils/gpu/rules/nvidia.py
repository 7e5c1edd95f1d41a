# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules: what keeps NVIDIA GPUs from working, by what the kernel shows of the driver and the cards."""

from __future__ import annotations

import os
import re
import stat
from typing import Iterator, Optional, Tuple

from ...host.finding import ERROR, WARNING, Finding, error, warning
from .. import driver, needs
from ..host import Host, nvidia_version
from ..sysfs import VENDORS, Device, is_gpu, is_switch
from ..values import NVIDIA, Gpu

# Device numbers grow with the generations: Turing is the first that the open module supports, Blackwell the first that
# the proprietary module does not. Drivers after the branch 580 support nothing before Turing.
FIRST_TURING = 0x1E00
FIRST_BLACKWELL = 0x2900
LAST_OLD_BRANCH = 580
READ_WRITE = 0o666
# GPUs on boards whose NVSwitches are not on PCI.
HIDDEN_SWITCHES = re.compile(r"\bB[23]00\b")
RESERVED = re.compile("vfio|pci-stub")


def find(host: Host) -> Iterator[Finding]:
    cards = [one for one in host.devices if VENDORS[one.vendor] == NVIDIA and is_gpu(one)]
    yield from _drivers(host, cards)
    gpus = [gpu for gpu in host.of(NVIDIA) if gpu.driver_version]
    if not gpus:
        return
    yield from _versions(host, gpus)
    if host.driver.version and not host.driver.wsl and not host.driver.jetson:
        yield from _files(host, gpus)
        yield from _fabric(host, gpus)


def _drivers(host: Host, cards: list[Device]) -> Iterator[Finding]:
    """Yield for each card why NVIDIA's driver is not bound to it."""
    free = []
    listed = {card.bus_id for card in host.smi.cards}
    for one in cards:
        if RESERVED.search(one.driver):
            yield warning(
                "passthrough",
                f"The NVIDIA GPU at {one.bus_id} is reserved for virtual machines ({one.driver}), so containers cannot "
                f"use it.",
                "If this host is to use it, release it in the kernel's options or /etc/modprobe.d, and reboot.",
                one.bus_id,
            )
        elif one.driver and one.driver != "nvidia":
            yield error(
                "nouveau",
                f"The driver {one.driver} is bound to the NVIDIA GPU at {one.bus_id}, so NVIDIA's cannot use it.",
                f"Install NVIDIA's driver, write `blacklist {one.driver}` to a file in /etc/modprobe.d, create the "
                f"initramfs again, and reboot.",
                one.bus_id,
            )
        elif not one.driver and not host.driver.version:
            free.append(one)
        elif one.bus_id not in listed:
            found = unfit(host, one) or (None if one.driver else _not_bound(host, one))
            if found:
                yield found
    if free:
        yield _not_loaded(host, free)


def _not_loaded(host: Host, free: list[Device]) -> Finding:
    """Return why no driver is loaded, which has one cause for all cards."""
    which = "The NVIDIA GPU" if len(free) == 1 else f"{len(free)} NVIDIA GPUs"
    installed = driver.installed(host.root)
    if not installed:
        return error(
            "driver-missing",
            f"{which} (at {_places(free)}) {'has' if len(free) == 1 else 'have'} no driver.",
            f"Install NVIDIA's driver {needs.MIN_DRIVER[0]} or newer, and reboot.",
        )
    if installed == "elsewhere":
        return error(
            "module-not-loaded",
            "NVIDIA's driver is installed, but has no module for the running kernel.",
            "Install the headers of this kernel and run `dkms autoinstall`, or boot the kernel that it was built for.",
        )
    if driver.secure_boot(host.root):
        return error(
            "secure-boot",
            "NVIDIA's module is installed but not loaded, and Secure Boot is on, which rejects modules without a known "
            "signature.",
            "Enrol the key that signed the module (`mokutil --import`, then reboot), install a signed driver package, "
            "or switch Secure Boot off.",
        )
    return error(
        "module-not-loaded",
        "NVIDIA's module is installed but not loaded.",
        "Run `modprobe nvidia`; if that fails, `dmesg` shows why.",
    )


def unfit(host: Host, one: Device) -> Optional[Finding]:
    """Return why the loaded driver does not support this card, or None if it does."""
    version = host.driver.version
    if not version:
        return None
    if host.driver.open and one.device < FIRST_TURING:
        return _flavour(one, "open", "proprietary")
    if not host.driver.open and one.device >= FIRST_BLACKWELL:
        return _flavour(one, "proprietary", "open")
    if one.device < FIRST_TURING and needs.numbers(version)[:1] > (LAST_OLD_BRANCH,):
        return error(
            "driver-too-new",
            f"The driver {version} no longer supports the NVIDIA GPU at {one.bus_id} ({one.ids}).",
            f"Install the branch {LAST_OLD_BRANCH}, the last for cards before Turing.",
            one.bus_id,
        )
    return None


def _not_bound(host: Host, one: Device) -> Finding:
    return error(
        "not-taken",
        f"NVIDIA's driver {host.driver.version} is loaded, but not bound to the GPU at {one.bus_id} ({one.ids}).",
        "Search `dmesg` for NVRM; most often the driver is older than the card, or the card lacks address space.",
        one.bus_id,
    )


def _flavour(one: Device, has: str, needs: str) -> Finding:
    return error(
        "module-flavour",
        f"The {has} kernel module does not support the NVIDIA GPU at {one.bus_id} ({one.ids}).",
        f"Install the {needs} module of the same driver.",
        one.bus_id,
    )


def _places(cards: list[Device]) -> str:
    return ", ".join(one.bus_id for one in cards)


def _versions(host: Host, gpus: list[Gpu]) -> Iterator[Finding]:
    version = nvidia_version(host.smi, host.driver)
    # A Jetson's system has its own version numbers, and its own images.
    old = not host.driver.jetson and needs.old_driver(version, None)
    if old:
        yield error(
            "driver-too-old",
            f"NVIDIA's driver is {version}, and Ollama needs {needs.MIN_DRIVER[0]} or newer.",
            "Install a newer driver and reboot.",
        )
    for gpu in gpus:
        if needs.old_card(gpu.compute_capability):
            yield error(
                "gpu-too-old",
                f"{gpu.name} has compute capability {gpu.compute_capability}, and Ollama needs 5.0 or newer.",
                "Use another card, or the CPU (ollama_gpu: none).",
                gpu.bus_id,
            )
        elif not old and not host.driver.jetson and needs.old_driver(gpu.driver_version, gpu.compute_capability):
            yield error(
                "driver-too-old",
                f"NVIDIA's driver is {gpu.driver_version}, and for {gpu.name} (compute capability "
                f"{gpu.compute_capability}) Ollama needs {needs.MIN_DRIVER_OLD_CARDS[0]} or newer.",
                "Install a newer driver and reboot.",
                gpu.bus_id,
            )


def _files(host: Host, gpus: list[Gpu]) -> Iterator[Finding]:
    if not host.driver.uvm:
        yield warning(
            "uvm-missing",
            "The module nvidia_uvm is not loaded, and CUDA finds no GPU without it.",
            "Run `modprobe nvidia_uvm`, and add it to /etc/modules-load.d/nvidia.conf to load it at each start.",
        )
    for path in ("/dev/nvidiactl", *(node for gpu in gpus for node in gpu.nodes)):
        found = _file(host, path)
        if found:
            yield found


def _file(host: Host, path: str) -> Optional[Finding]:
    place = os.path.join(host.root, path.lstrip("/"))
    try:
        mode = os.stat(place).st_mode
    except FileNotFoundError:
        return error(
            "device-missing",
            f"The driver is loaded, but {path} does not exist.",
            "Run `nvidia-modprobe -c 0 -u`, and enable nvidia-persistenced, which creates it at each start.",
            path,
        )
    except OSError as fault:
        return warning("permission", f"{path} cannot be read ({fault.strerror}).", "Run the task with become.", path)
    if stat.S_IMODE(mode) & READ_WRITE == READ_WRITE:
        return None
    report = warning if os.access(place, os.R_OK | os.W_OK) else error
    return report(
        "permission",
        f"{path} has mode {stat.S_IMODE(mode):04o}, so not every user may use the GPU.",
        "Set NVreg_DeviceFileMode=0666 for the module nvidia in /etc/modprobe.d and reboot, or run as a user who may.",
        path,
    )


def _fabric(host: Host, gpus: list[Gpu]) -> Iterator[Finding]:
    """Yield why GPUs that NVSwitches connect do not start: CUDA fails until all are connected."""
    hidden = [gpu for gpu in gpus if HIDDEN_SWITCHES.search(gpu.name)]
    visible = any(is_switch(one) for one in host.devices)
    if not visible and len(hidden) < 2:
        return
    fault = _manager(host)
    if fault:
        # A virtual machine may have such GPUs and leave the switches to its host.
        yield Finding("fabric-manager", ERROR if visible else WARNING, "", *fault)
    if hidden and not os.path.isdir(os.path.join(host.root, "sys/module/ib_umad")):
        yield warning(
            "fabric-manager",
            "The module ib_umad is not loaded, and Fabric Manager does not reach the NVSwitches of these GPUs without "
            "it.",
            "Run `modprobe ib_umad`, add it to /etc/modules-load.d, and restart nvidia-fabricmanager.",
        )


def _manager(host: Host) -> Optional[Tuple[str, str]]:
    """Return what is wrong with Fabric Manager and how to fix it, or None."""
    version, needed = driver.manager_version(host.root), host.driver.version
    package = f"nvidia-fabricmanager-{needed.partition('.')[0]} in version {needed}"
    if version is None:
        return (
            "NVSwitches connect the GPUs and Fabric Manager is not installed, so CUDA does not start.",
            f"Install {package}, and enable the service nvidia-fabricmanager.",
        )
    if version and version != needed:
        return (
            f"Fabric Manager is {version} and the driver is {needed}, and both must have the same version.",
            f"Install {package}, and restart the service nvidia-fabricmanager.",
        )
    if not driver.manager_runs(host.root):
        return (
            "NVSwitches connect the GPUs and Fabric Manager does not run, so CUDA does not start.",
            "Run `systemctl enable --now nvidia-fabricmanager`; its journal shows why it stopped.",
        )
    return None
