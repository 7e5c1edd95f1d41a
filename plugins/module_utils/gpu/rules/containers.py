# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps containers from GPUs that work on the host."""

from __future__ import annotations

import os
from typing import Iterator, Optional

from ..cdi import Spec
from ..containers import SECONDS, Engine
from ..host import Host, slice_place
from ..values import AMD, NVIDIA, WARNING, Gpu, Problem

KINDS = {NVIDIA: "nvidia.com/gpu", AMD: "amd.com/gpu"}
# Their absence has a cause of its own.
UVM = "/dev/nvidia-uvm"


def find(host: Host) -> Iterator[Problem]:
    for path in host.unread_specs:
        yield Problem(
            "cdi-unreadable",
            f"{path} is no CDI specification that can be read: make it anew, or remove it.",
            WARNING,
        )
    for vendor, kind in KINDS.items():
        gpus = [gpu for gpu in host.of(vendor) if gpu.driver_version]
        specs = [spec for spec in host.specs if spec.kind == kind]
        if gpus and specs:
            yield from _specs(host, vendor, gpus, specs)
    if host.engine:
        yield from _engine(host, host.engine)


def _specs(host: Host, vendor: str, gpus: list[Gpu], specs: list[Spec]) -> Iterator[Problem]:
    stale = [(spec, reason) for spec, reason in ((spec, _stale(host, vendor, spec)) for spec in specs) if reason]
    for spec, reason in stale:
        yield _problem(vendor, spec.path, reason)
    if stale or host.smi.hangs:
        return
    for gpu in gpus:
        lack = _lacks(gpu)
        if lack:
            yield _problem(vendor, specs[-1].path, lack, gpu.bus_id or None)


def _stale(host: Host, vendor: str, spec: Spec) -> Optional[str]:
    """Return what of a specification is no longer true, or None."""
    version, loaded = spec.library_version(), host.driver.version
    if vendor == NVIDIA and version and loaded and version != loaded:
        return f"it is of the driver {version} and {loaded} is loaded"
    for path in spec.files:
        if path and not path.startswith(UVM) and _absent(os.path.join(host.root, path.lstrip("/"))):
            return f"it needs {path}, which is not there"
    there = {(gpu.index, one.index) for gpu in host.of(NVIDIA) for one in gpu.slices}
    known = vendor == NVIDIA and host.smi.cards and not host.smi.hangs
    for name, _nodes in spec.devices:
        place = slice_place(name)
        if known and place and place not in there:
            return f"it names the MIG device {name}, which is not there"
    return None


def _absent(path: str) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        # What this user may not see can be there.
        return False
    return False


def _lacks(gpu: Gpu) -> Optional[str]:
    if gpu.vendor == AMD and gpu.unified:
        # A part of a processor is no card that a specification must name.
        return None
    if gpu.mig_enabled:
        missing = [f"{gpu.index}:{one.index}" for one in gpu.slices if not one.cdi_names]
        return f"it lacks the MIG device {missing[0]}" if missing else None
    return None if gpu.cdi_names else f"it lacks {gpu.name} (GPU {gpu.index})"


def _problem(vendor: str, path: str, reason: str, gpu: Optional[str] = None) -> Problem:
    if vendor == AMD:
        way = f"run `amd-ctk cdi generate --output={path}`"
    elif path.startswith(("/run/", "/var/run/")):
        way = f"run `systemctl restart nvidia-cdi-refresh`, or `nvidia-ctk cdi generate --output={path}`"
    else:
        way = f"run `nvidia-ctk cdi generate --output={path}`, or remove it where /run/cdi has a newer one"
    return Problem("cdi-stale", f"The CDI specification {path} is stale ({reason}): {way}.", gpu=gpu)


def _engine(host: Host, engine: Engine) -> Iterator[Problem]:
    if engine.denied:
        yield Problem(
            "permission",
            "Docker could not be asked, as this user may not use its socket: run the task with become.",
            WARNING,
        )
    elif engine.silent:
        yield Problem(
            "engine-silent",
            f"Docker listens but gave no proper answer within {SECONDS:g} s: look at `journalctl -u docker`, and "
            f"restart it.",
        )
    if engine.answers and not host.driver.jetson and any(gpu.driver_version for gpu in host.of(NVIDIA)):
        yield from _nvidia(host, engine)


def _nvidia(host: Host, engine: Engine) -> Iterator[Problem]:
    by_hook = engine.hook or engine.nvidia_runtime
    specified = any(spec.kind == KINDS[NVIDIA] for spec in host.specs)
    if engine.cdi and specified:
        return
    if by_hook and engine.cgroup_driver == "systemd":
        yield Problem(
            "cgroup-hook",
            "Docker gives GPUs to containers by NVIDIA's hook while systemd manages cgroups, so each daemon-reload "
            "takes them away from running containers: use CDI, or set native.cgroupdriver=cgroupfs in exec-opts of "
            "daemon.json (the role nvidia_container_toolkit does one of both).",
            WARNING,
        )
    if by_hook:
        return
    if not engine.tool:
        yield Problem(
            "no-toolkit",
            "NVIDIA's container toolkit is not installed, so containers cannot get the GPU: run the role "
            "nvidia_container_toolkit.",
        )
    elif not specified:
        yield Problem(
            "cdi-missing",
            "There is no CDI specification of the NVIDIA GPUs: run `systemctl restart nvidia-cdi-refresh`, or "
            "`nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`.",
        )
    else:
        yield Problem(
            "cdi-off",
            f"Docker {engine.version} does not read CDI specifications: set features.cdi to true in daemon.json and "
            f"restart it (Docker 25 and newer).",
        )
