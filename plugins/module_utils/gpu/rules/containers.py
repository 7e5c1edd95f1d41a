# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules: what keeps containers from using GPUs that work on the host."""

from __future__ import annotations

import os
from typing import Iterator, Optional

from ...host.finding import Finding, error, warning
from ..cdi import Spec
from ..containers import SECONDS, Engine
from ..host import Host, slice_place
from ..values import AMD, NVIDIA, Gpu

KINDS = {NVIDIA: "nvidia.com/gpu", AMD: "amd.com/gpu"}
# A rule of its own reports that these files are missing.
UVM = "/dev/nvidia-uvm"


def find(host: Host) -> Iterator[Finding]:
    for path in host.unread_specs:
        yield warning(
            "cdi-unreadable",
            f"{path} is not a valid CDI specification.",
            "Create the file again, or remove it.",
            path,
        )
    for vendor, kind in KINDS.items():
        gpus = [gpu for gpu in host.of(vendor) if gpu.driver_version]
        specs = [spec for spec in host.specs if spec.kind == kind]
        if gpus and specs:
            yield from _specs(host, vendor, gpus, specs)
    if host.engine:
        yield from _engine(host, host.engine)


def _specs(host: Host, vendor: str, gpus: list[Gpu], specs: list[Spec]) -> Iterator[Finding]:
    stale = [(spec, reason) for spec, reason in ((spec, _stale(host, vendor, spec)) for spec in specs) if reason]
    for spec, reason in stale:
        yield _finding(vendor, spec.path, reason)
    if stale or host.smi.hangs:
        return
    for gpu in gpus:
        lack = _lacks(gpu)
        if lack:
            yield _finding(vendor, specs[-1].path, lack, gpu.bus_id)


def _stale(host: Host, vendor: str, spec: Spec) -> Optional[str]:
    """Return what in a specification is out of date, or None."""
    version, loaded = spec.library_version(), host.driver.version
    if vendor == NVIDIA and version and loaded and version != loaded:
        return f"it is for the driver {version}, and {loaded} is loaded"
    for path in spec.files:
        if path and not path.startswith(UVM) and _absent(os.path.join(host.root, path.lstrip("/"))):
            return f"it needs {path}, which does not exist"
    current = {(gpu.index, one.index) for gpu in host.of(NVIDIA) for one in gpu.slices}
    known = vendor == NVIDIA and host.smi.cards and not host.smi.hangs
    for name, _nodes in spec.devices:
        place = slice_place(name)
        if known and place and place not in current:
            return f"it names the MIG device {name}, which does not exist"
    return None


def _absent(path: str) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        # A file that this user may not see can still exist.
        return False
    return False


def _lacks(gpu: Gpu) -> Optional[str]:
    if gpu.vendor == AMD and gpu.unified:
        # A specification need not name the graphics part of a processor.
        return None
    if gpu.mig_enabled:
        missing = [f"{gpu.index}:{one.index}" for one in gpu.slices if not one.cdi_names]
        return f"it lacks the MIG device {missing[0]}" if missing else None
    return None if gpu.cdi_names else f"it lacks {gpu.name} (GPU {gpu.index})"


def _finding(vendor: str, path: str, reason: str, bus_id: str = "") -> Finding:
    if vendor == AMD:
        fix = f"Run `amd-ctk cdi generate --output={path}`."
    elif path.startswith(("/run/", "/var/run/")):
        fix = f"Run `systemctl restart nvidia-cdi-refresh`, or `nvidia-ctk cdi generate --output={path}`."
    else:
        fix = f"Run `nvidia-ctk cdi generate --output={path}`, or remove the file if /run/cdi has a newer one."
    return error("cdi-stale", f"The CDI specification {path} is out of date: {reason}.", fix, bus_id)


def _engine(host: Host, engine: Engine) -> Iterator[Finding]:
    if engine.denied:
        yield warning(
            "permission", "This user may not use Docker's socket, so Docker was not asked.", "Run the task with become."
        )
    elif engine.silent:
        yield error(
            "engine-silent",
            f"Docker listens on its socket, but gave no valid answer within {SECONDS:g} seconds.",
            "Read `journalctl -u docker`, and restart Docker.",
        )
    if engine.answers and not host.driver.jetson and any(gpu.driver_version for gpu in host.of(NVIDIA)):
        yield from _nvidia(host, engine)


def _nvidia(host: Host, engine: Engine) -> Iterator[Finding]:
    by_hook = engine.hook or engine.nvidia_runtime
    specified = any(spec.kind == KINDS[NVIDIA] for spec in host.specs)
    if engine.cdi and specified:
        return
    if by_hook and engine.cgroup_driver == "systemd":
        yield warning(
            "cgroup-hook",
            "Docker uses NVIDIA's hook to give GPUs to containers while systemd manages cgroups, so each `systemctl "
            "daemon-reload` takes the GPUs away from running containers.",
            "Use CDI, or set native.cgroupdriver=cgroupfs in exec-opts of daemon.json (the role "
            "nvidia_container_toolkit does one of the two).",
        )
    if by_hook:
        return
    if not engine.tool:
        yield error(
            "no-toolkit",
            "NVIDIA's container toolkit is not installed, so containers cannot use the GPU.",
            "Run the role nvidia_container_toolkit.",
        )
    elif not specified:
        yield error(
            "cdi-missing",
            "There is no CDI specification for the NVIDIA GPUs.",
            "Run `systemctl restart nvidia-cdi-refresh`, or `nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`.",
        )
    else:
        yield error(
            "cdi-off",
            f"Docker {engine.version} does not read CDI specifications.",
            "Set features.cdi to true in daemon.json and restart Docker (Docker 25 or newer).",
        )
