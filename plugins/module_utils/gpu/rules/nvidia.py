# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps NVIDIA's GPUs from work, by what the kernel shows of the driver and the cards."""

from __future__ import annotations

import os
import re
import stat
from typing import Iterator, Optional

from .. import driver, needs
from ..host import Host, nvidia_version
from ..sysfs import VENDORS, Device, is_gpu, is_switch
from ..values import ERROR, NVIDIA, WARNING, Gpu, Problem

# Device numbers grow with the generations: Turing is the first that the open module takes, Blackwell the first that
# the proprietary one does not. Drivers after the branch 580 take nothing before Turing.
FIRST_TURING = 0x1E00
FIRST_BLACKWELL = 0x2900
LAST_OLD_BRANCH = 580
READ_WRITE = 0o666
# GPUs of boards whose NVSwitches are not on PCI.
HIDDEN_SWITCHES = re.compile(r"\bB[23]00\b")
RESERVED = re.compile("vfio|pci-stub")


def find(host: Host) -> Iterator[Problem]:
    seen = [one for one in host.devices if VENDORS[one.vendor] == NVIDIA and is_gpu(one)]
    yield from _drivers(host, seen)
    gpus = [gpu for gpu in host.of(NVIDIA) if gpu.driver_version]
    if not gpus:
        return
    yield from _versions(host, gpus)
    if host.driver.version and not host.driver.wsl and not host.driver.jetson:
        yield from _files(host, gpus)
        yield from _fabric(host, gpus)


def _drivers(host: Host, seen: list[Device]) -> Iterator[Problem]:
    """Yield for each card what keeps NVIDIA's driver from it."""
    free = []
    listed = {card.bus_id for card in host.smi.cards}
    for one in seen:
        if RESERVED.search(one.driver):
            yield Problem(
                "passthrough",
                f"The NVIDIA GPU at {one.bus_id} is kept for virtual machines ({one.driver}), so containers do not get "
                f"it: give it back in the kernel's options or /etc/modprobe.d and reboot, if this host shall use it.",
                WARNING,
                one.bus_id,
            )
        elif one.driver and one.driver != "nvidia":
            yield Problem(
                "nouveau",
                f"The driver {one.driver} has the NVIDIA GPU at {one.bus_id}, so NVIDIA's cannot have it: install "
                f"NVIDIA's driver, write `blacklist {one.driver}` to a file in /etc/modprobe.d, make the initramfs "
                f"anew and reboot.",
                gpu=one.bus_id,
            )
        elif not one.driver and not host.driver.version:
            free.append(one)
        elif one.bus_id not in listed:
            problem = unfit(host, one) or (None if one.driver else _not_taken(host, one))
            if problem:
                yield problem
    if free:
        yield _not_loaded(host, free)


def _not_loaded(host: Host, free: list[Device]) -> Problem:
    """Return why no driver is loaded, of which there is one cause for all cards."""
    which = "The NVIDIA GPU" if len(free) == 1 else f"{len(free)} NVIDIA GPUs"
    installed = driver.installed(host.root)
    if not installed:
        return Problem(
            "driver-missing",
            f"{which} (at {_places(free)}) {'has' if len(free) == 1 else 'have'} no driver: install NVIDIA's driver "
            f"{needs.LEAST_DRIVER[0]} or newer, and reboot.",
        )
    if installed == "elsewhere":
        return Problem(
            "module-not-loaded",
            "NVIDIA's driver is installed but has no module for the running kernel: install the headers of this "
            "kernel and run `dkms autoinstall`, or boot the kernel that it was built for.",
        )
    if driver.secure_boot(host.root):
        return Problem(
            "secure-boot",
            "NVIDIA's module is installed but not loaded, and Secure Boot is on, which refuses modules without a known "
            "signature: enrol the key that signed it (`mokutil --import`, then reboot), take a signed driver package, "
            "or switch Secure Boot off.",
        )
    return Problem(
        "module-not-loaded",
        "NVIDIA's module is installed but not loaded: `modprobe nvidia` loads it, or tells with `dmesg` why it cannot "
        "be.",
    )


def unfit(host: Host, one: Device) -> Optional[Problem]:
    """Return why the loaded driver is none for this card, or None where it is one."""
    version = host.driver.version
    if not version:
        return None
    if host.driver.open and one.device < FIRST_TURING:
        return _flavour(one, "open", "proprietary")
    if not host.driver.open and one.device >= FIRST_BLACKWELL:
        return _flavour(one, "proprietary", "open")
    if one.device < FIRST_TURING and needs.numbers(version)[:1] > (LAST_OLD_BRANCH,):
        return Problem(
            "driver-too-new",
            f"The driver {version} no longer takes the NVIDIA GPU at {one.bus_id} ({one.ids}): install the branch "
            f"{LAST_OLD_BRANCH}, the last for cards before Turing.",
            gpu=one.bus_id,
        )
    return None


def _not_taken(host: Host, one: Device) -> Problem:
    return Problem(
        "not-taken",
        f"NVIDIA's driver {host.driver.version} is loaded but does not have the GPU at {one.bus_id} ({one.ids}): "
        f"`dmesg` tells why (NVRM); most often the driver is older than the card, or the card lacks address space.",
        gpu=one.bus_id,
    )


def _flavour(one: Device, has: str, needs: str) -> Problem:
    return Problem(
        "module-flavour",
        f"The {has} kernel module does not take the NVIDIA GPU at {one.bus_id} ({one.ids}): install the {needs} one of "
        f"the same driver.",
        gpu=one.bus_id,
    )


def _places(seen: list[Device]) -> str:
    return ", ".join(one.bus_id for one in seen)


def _versions(host: Host, gpus: list[Gpu]) -> Iterator[Problem]:
    version = nvidia_version(host.smi, host.driver)
    # A Jetson's system has its own numbers, and images of its own.
    old = not host.driver.jetson and needs.old_driver(version, None)
    if old:
        yield Problem(
            "driver-too-old",
            f"NVIDIA's driver is {version}, and Ollama needs {needs.LEAST_DRIVER[0]} or newer: install a newer one and "
            f"reboot.",
        )
    for gpu in gpus:
        if needs.old_card(gpu.compute_capability):
            yield Problem(
                "gpu-too-old",
                f"{gpu.name} has compute capability {gpu.compute_capability}, and Ollama supports 5.0 and newer: use "
                f"another card, or the CPU (ollama_gpu: none).",
                gpu=gpu.bus_id or None,
            )
        elif not old and not host.driver.jetson and needs.old_driver(gpu.driver_version, gpu.compute_capability):
            yield Problem(
                "driver-too-old",
                f"NVIDIA's driver is {gpu.driver_version}, and for {gpu.name}, of compute capability "
                f"{gpu.compute_capability}, Ollama needs {needs.LEAST_DRIVER_OLD_CARDS[0]} or newer: install a newer "
                f"one and reboot.",
                gpu=gpu.bus_id or None,
            )


def _files(host: Host, gpus: list[Gpu]) -> Iterator[Problem]:
    if not host.driver.uvm:
        yield Problem(
            "uvm-missing",
            "The module nvidia_uvm is not loaded, without which CUDA finds no GPU: run `modprobe nvidia_uvm`, and name "
            "it in /etc/modules-load.d/nvidia.conf so that it is loaded at the next start.",
            WARNING,
        )
    for path in ("/dev/nvidiactl", *(node for gpu in gpus for node in gpu.nodes)):
        problem = _file(host, path)
        if problem:
            yield problem


def _file(host: Host, path: str) -> Optional[Problem]:
    place = os.path.join(host.root, path.lstrip("/"))
    try:
        mode = os.stat(place).st_mode
    except FileNotFoundError:
        return Problem(
            "device-missing",
            f"The driver is loaded but {path} is not there: run `nvidia-modprobe -c 0 -u`, and enable "
            f"nvidia-persistenced, which makes it at each start.",
        )
    except OSError as error:
        return Problem(
            "permission", f"{path} cannot be looked at ({error.strerror}): run the task with become.", WARNING
        )
    if stat.S_IMODE(mode) & READ_WRITE == READ_WRITE:
        return None
    mine = os.access(place, os.R_OK | os.W_OK)
    return Problem(
        "permission",
        f"{path} has mode {stat.S_IMODE(mode):04o}, so not everybody may use the GPU: set NVreg_DeviceFileMode=0666 "
        f"for the module nvidia in /etc/modprobe.d and reboot, or run as a user who may.",
        WARNING if mine else ERROR,
    )


def _fabric(host: Host, gpus: list[Gpu]) -> Iterator[Problem]:
    """Yield what keeps GPUs that are joined by NVSwitches from starting: CUDA fails there until all are joined."""
    hidden = [gpu for gpu in gpus if HIDDEN_SWITCHES.search(gpu.name)]
    seen = any(is_switch(one) for one in host.devices)
    if not seen and len(hidden) < 2:
        return
    say = _manager(host)
    if say:
        # A virtual machine may have such GPUs and leave the switches to its host.
        yield Problem("fabric-manager", say, ERROR if seen else WARNING)
    if hidden and not os.path.isdir(os.path.join(host.root, "sys/module/ib_umad")):
        yield Problem(
            "fabric-manager",
            "The module ib_umad is not loaded, without which Fabric Manager does not reach the NVSwitches of these "
            "GPUs: run `modprobe ib_umad`, name it in /etc/modules-load.d, and restart nvidia-fabricmanager.",
            WARNING,
        )


def _manager(host: Host) -> Optional[str]:
    """Return what is wrong with Fabric Manager, or None."""
    have, wanted = driver.manager_version(host.root), host.driver.version
    package = f"nvidia-fabricmanager-{wanted.partition('.')[0]} in version {wanted}"
    if have is None:
        return (
            f"The GPUs are joined by NVSwitches and Fabric Manager is not installed, so CUDA does not start: install "
            f"{package}, and enable the service nvidia-fabricmanager."
        )
    if have and have != wanted:
        return (
            f"Fabric Manager is {have} and the driver is {wanted}, and it works only with its own version: install "
            f"{package}, and restart the service nvidia-fabricmanager."
        )
    if not driver.manager_runs(host.root):
        return (
            "The GPUs are joined by NVSwitches and Fabric Manager does not run, so CUDA does not start: run "
            "`systemctl enable --now nvidia-fabricmanager`; its journal tells why it stopped."
        )
    return None
