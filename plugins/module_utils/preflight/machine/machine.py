# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine itself is: memory, processor, kernel, cgroups, clock."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from typing import FrozenSet, Iterator, Optional, Tuple

from ...host.finding import ERROR, WARNING, Finding, error, listed, warning
from ...host.linux import clock_synchronised, text
from ...host.units import gigabytes
from ...ollama.fit.hardware import memory_total

# The architectures of the official images, as image registries name them.
PLATFORMS = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
# Docker's minimum, and the kernel of the oldest distribution that the roles support (RHEL 8).
MIN_KERNEL, GOOD_KERNEL = (3, 10), (4, 18)
CONTROLLERS = ("memory", "cpu", "pids")
# Certificates and apt's lists tolerate only minutes.
MAX_SKEW = 300.0


@dataclass(frozen=True)
class Machine:
    """The facts of a machine.

    ``memory`` is in bytes, ``cgroups`` "v2", "v1" or "", ``synchronised`` None if the kernel does not report it.
    """

    memory: int
    architecture: str
    flags: FrozenSet[str]
    kernel: str
    cgroups: str
    controllers: FrozenSet[str]
    systemd: bool
    synchronised: Optional[bool]


@dataclass(frozen=True)
class MemoryNeeds:
    """Bytes. Less than ``least`` is an error, less than ``good`` a warning; ``large`` is for models of 13B and more."""

    least: int
    good: int
    large: int


def gather(root: str = "/") -> Machine:
    """Return the facts of this machine; /proc and /sys are below ``root``."""
    cgroups, controllers = _cgroups(os.path.join(root, "sys/fs/cgroup"))
    return Machine(
        memory=memory_total(root),
        architecture=platform.machine(),
        flags=_flags(text(root, "proc/cpuinfo")),
        kernel=text(root, "proc/sys/kernel/osrelease"),
        cgroups=cgroups,
        controllers=controllers,
        systemd=os.path.isdir(os.path.join(root, "run/systemd/system")),
        synchronised=clock_synchronised(),
    )


def _flags(cpuinfo: str) -> FrozenSet[str]:
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", cpuinfo, re.MULTILINE)
    return frozenset(found.group(1).split()) if found else frozenset()


def _cgroups(mount: str) -> Tuple[str, FrozenSet[str]]:
    unified = text(mount, "cgroup.controllers").split()
    if unified:
        return "v2", frozenset(unified)
    names = frozenset(name for name in CONTROLLERS if os.path.isdir(os.path.join(mount, name)))
    return ("v1", names) if names else ("", names)


def findings(machine: Machine, needs: MemoryNeeds, *, rocm: bool = False) -> Iterator[Finding]:
    """Yield what is wrong with a machine; ``rocm`` means that a server uses an AMD GPU."""
    yield from memory(machine, needs)
    yield from cpu(machine, rocm)
    yield from kernel(machine)
    yield from cgroups(machine)
    if machine.synchronised is False:
        yield warning(
            "time",
            "No time service synchronises the clock. Once it is minutes off, certificates and sign-ins fail.",
            "Enable a time service (`timedatectl set-ntp true`, or chrony).",
            "clock",
            "not synchronised",
        )


def memory(machine: Machine, needs: MemoryNeeds) -> Iterator[Finding]:
    """Yield whether the memory is too small, or small."""
    has = gigabytes(machine.memory)
    if machine.memory < needs.least:
        yield error(
            "memory",
            f"The host has {has} of memory, but needs at least {gigabytes(needs.least)}.",
            "Add memory, use another machine, or lower preflight_memory_min if its models are small enough.",
            "memory",
            has,
        )
    elif machine.memory < needs.good:
        yield warning(
            "memory",
            f"The host has {has} of memory, and {gigabytes(needs.good)} are recommended.",
            "Use small models and short contexts, or add memory.",
            "memory",
            has,
        )


def cpu(machine: Machine, rocm: bool) -> Iterator[Finding]:
    """Yield whether images exist for the processor, and whether it runs Ollama's fast back ends."""
    name = machine.architecture
    platform = PLATFORMS.get(name)
    if platform is None or (rocm and platform != "amd64"):
        need = "x86_64" if rocm else "x86_64 or arm64"
        what = "Ollama's image for AMD GPUs is" if rocm else "the images are"
        fix = "Set ollama_gpu to none, or use another machine." if rocm and platform else "Use another machine."
        yield error("cpu", f"The processor is {name}, and {what} for {need} only.", fix, "processor", name)
    elif platform == "amd64" and "avx2" not in machine.flags:
        has = "AVX but not AVX2" if "avx" in machine.flags else "neither AVX nor AVX2"
        end = "" if "avx" in machine.flags else ", and other programs may fail with 'Illegal instruction'"
        yield warning(
            "cpu",
            f"The processor has {has}, so Ollama uses a slow back end{end}.",
            "Use a newer processor, or in a virtual machine expose the host's (CPU type host).",
            "processor",
            has,
        )


def kernel(machine: Machine) -> Iterator[Finding]:
    """Yield whether the kernel is too old for Docker, or old."""
    found = re.match(r"(\d+)\.(\d+)", machine.kernel)
    version = (int(found.group(1)), int(found.group(2))) if found else None
    if version is None or version >= GOOD_KERNEL:
        return
    too_old = version < MIN_KERNEL
    need = ".".join(map(str, MIN_KERNEL if too_old else GOOD_KERNEL))
    why = "which Docker does not support" if too_old else "older than any that these roles support"
    yield Finding(
        "kernel",
        ERROR if too_old else WARNING,
        "kernel",
        f"The kernel is {machine.kernel}, {why} ({need} or newer is needed).",
        "Upgrade the distribution.",
        machine.kernel,
    )


def cgroups(machine: Machine) -> Iterator[Finding]:
    """Yield what is missing of cgroups, which Docker needs to limit containers."""
    missing = [name for name in CONTROLLERS if name not in machine.controllers]
    if not machine.cgroups:
        yield error(
            "cgroups",
            "No cgroups are mounted at /sys/fs/cgroup, and Docker cannot start containers without them.",
            "Boot with systemd.",
            "cgroups",
            "none",
        )
    elif missing:
        yield warning(
            "cgroups",
            f"The controller {listed(missing)} of cgroups {machine.cgroups} is missing, so Docker cannot limit it for "
            f"containers.",
            "Remove cgroup_disable from the kernel's command line.",
            "cgroups",
            f"no {listed(missing)}",
        )
    elif machine.cgroups == "v1":
        yield warning(
            "cgroups",
            "The host has cgroups v1, which Docker and systemd are dropping.",
            "Boot with systemd.unified_cgroup_hierarchy=1, or upgrade the distribution.",
            "cgroups",
            "v1",
        )
    if not machine.systemd:
        yield warning(
            "cgroups",
            "The host does not run systemd, so only an init script starts Docker after a reboot.",
            "Boot with systemd if the machine is to run for long.",
            "systemd",
            "no systemd",
        )


def clock_skew(skew: Optional[float]) -> Iterator[Finding]:
    """Yield whether the clock is off; ``skew`` is how many seconds it is ahead of the registries' clocks."""
    if skew is None or abs(skew) <= MAX_SKEW:
        return
    figure = f"{abs(skew) / 60:.0f} minutes {'ahead of' if skew > 0 else 'behind'}"
    yield error(
        "time",
        f"The clock is {figure} the clocks of the registries (at most {MAX_SKEW / 60:.0f} are tolerated), so "
        f"certificates and package lists are rejected.",
        "Set the clock, and enable a time service (`timedatectl set-ntp true`, or chrony).",
        "clock",
        figure,
    )
