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

from ...host.finding import Finding, gigabytes, listed
from ...host.linux import clock_synchronised, text
from ...ollama.fit.hardware import memory_total

# The names that image registries give the processors of the official images.
PLATFORMS = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
# Docker's own floor, and that of the oldest distribution that the roles know (RHEL 8).
LEAST_KERNEL, GOOD_KERNEL = (3, 10), (4, 18)
CONTROLLERS = ("memory", "cpu", "pids")
# Certificates and apt's lists allow no more than minutes.
MOST_SKEW = 300.0


@dataclass(frozen=True)
class Machine:
    """What was measured.

    ``memory`` is in bytes, ``cgroups`` "v2", "v1" or "", ``synchronised`` None where the kernel does not say.
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
    """Bytes. Below ``least`` a host is refused, below ``good`` warned; ``large`` is for models of 13B and more."""

    least: int
    good: int
    large: int


def look(root: str = "/") -> Machine:
    """Return what the machine is; ``root`` is where /proc and /sys are looked for."""
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
    """Yield what is wrong with a machine; ``rocm`` says that an AMD GPU is to be used."""
    yield from memory(machine, needs)
    yield from cpu(machine, rocm)
    yield from kernel(machine)
    yield from cgroups(machine)
    if machine.synchronised is False:
        yield Finding(
            "time",
            "The clock is not synchronised, and once it is minutes off neither certificates nor sign-ins work: "
            "enable a time service (`timedatectl set-ntp true`, or chrony).",
            "not synchronised",
            "synchronised",
        )


def memory(machine: Machine, needs: MemoryNeeds) -> Iterator[Finding]:
    """Yield whether the memory is too small, or small."""
    has = gigabytes(machine.memory)
    if machine.memory < needs.least:
        say = (
            f"The memory is {has}, and {gigabytes(needs.least)} are the least: add memory, take another machine, or "
            f"lower preflight_memory_least if its models are that small."
        )
        yield Finding("memory", say, has, gigabytes(needs.least), stops=True)
    elif machine.memory < needs.good:
        say = (
            f"The memory is {has}, and {gigabytes(needs.good)} are comfortable: keep to small models and short "
            f"contexts, or add memory."
        )
        yield Finding("memory", say, has, gigabytes(needs.good))


def cpu(machine: Machine, rocm: bool) -> Iterator[Finding]:
    """Yield whether images exist for the processor, and whether Ollama's fast back ends run on it."""
    name = machine.architecture
    there = PLATFORMS.get(name)
    if there is None or (rocm and there != "amd64"):
        need = "x86_64" if rocm else "x86_64 or arm64"
        what = "Ollama's image for AMD GPUs is" if rocm else "the images are"
        way = "set ollama_gpu to none, or take another machine" if rocm and there else "take another machine"
        say = f"The processor is {name}, and {what} for {need} only: {way}."
        yield Finding("cpu", say, name, need, stops=True)
    elif there == "amd64" and "avx2" not in machine.flags:
        has = "AVX and no AVX2" if "avx" in machine.flags else "neither AVX nor AVX2"
        end = "" if "avx" in machine.flags else ", and other programs may end with 'Illegal instruction'"
        say = (
            f"The processor shows {has}, so Ollama computes by a slow back end{end}: take a newer processor, or on a "
            f"virtual machine let the guest see the host's (CPU type host)."
        )
        yield Finding("cpu", say, has, "AVX2")


def kernel(machine: Machine) -> Iterator[Finding]:
    """Yield whether the kernel is too old for Docker, or old."""
    found = re.match(r"(\d+)\.(\d+)", machine.kernel)
    version = (int(found.group(1)), int(found.group(2))) if found else None
    if version is None or version >= GOOD_KERNEL:
        return
    stops = version < LEAST_KERNEL
    need = ".".join(map(str, LEAST_KERNEL if stops else GOOD_KERNEL))
    why = "Docker does not run on it" if stops else "it is older than any that these roles are made for"
    say = f"The kernel is {machine.kernel}, and {why} ({need} or newer): upgrade the distribution."
    yield Finding("kernel", say, machine.kernel, need, stops)


def cgroups(machine: Machine) -> Iterator[Finding]:
    """Yield what cgroups lack, by which Docker bounds containers."""
    lacking = [name for name in CONTROLLERS if name not in machine.controllers]
    if not machine.cgroups:
        say = "No cgroups are mounted at /sys/fs/cgroup, and Docker starts no container without: boot with systemd."
        yield Finding("cgroups", say, "none", "cgroups v2", stops=True)
    elif lacking:
        say = (
            f"Of the cgroups {machine.cgroups} the controller {listed(lacking)} is missing, so containers cannot be "
            f"bounded by it: take cgroup_disable off the kernel's command line."
        )
        yield Finding("cgroups", say, f"no {listed(lacking)}", listed(CONTROLLERS))
    elif machine.cgroups == "v1":
        say = (
            "The host has cgroups v1, which Docker and systemd are giving up: boot with "
            "systemd.unified_cgroup_hierarchy=1, or upgrade the distribution."
        )
        yield Finding("cgroups", say, "v1", "v2")
    if not machine.systemd:
        say = (
            "The host does not run systemd, so after a reboot nothing but an init script starts Docker: boot with "
            "systemd where the machine is to serve for long."
        )
        yield Finding("cgroups", say, "no systemd", "systemd")


def clock_skew(skew: Optional[float]) -> Iterator[Finding]:
    """Yield whether the clock is off; ``skew`` is how many seconds it is before that of the registries."""
    if skew is None or abs(skew) <= MOST_SKEW:
        return
    figure = f"{abs(skew) / 60:.0f} minutes {'ahead' if skew > 0 else 'behind'}"
    say = (
        f"The clock is {figure} of those of the registries, so certificates and package lists are refused: set it, and "
        f"enable a time service (`timedatectl set-ntp true`, or chrony)."
    )
    yield Finding("time", say, figure, f"{MOST_SKEW / 60:.0f} minutes at most", stops=True)
