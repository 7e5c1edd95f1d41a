# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Docker knows about GPUs."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from typing import Any, Optional, Sequence, Tuple

from ..docker import engine as docker_engine

HOOK = "nvidia-container-runtime-hook"
TOOL = "nvidia-ctk"
PLACES = ("usr/bin", "usr/local/bin", "usr/sbin", "usr/local/sbin", "usr/local/nvidia/toolkit", "bin")
SOCKETS = ("/var/run/docker.sock", "/run/docker.sock")
SECONDS = 10.0


@dataclass(frozen=True)
class Engine:
    """A Docker Engine.

    ``denied`` means that this user may not use its socket, ``silent`` that it gave no answer. ``folders`` are those of
    its CDI specifications.
    """

    answers: bool = False
    denied: bool = False
    silent: bool = False
    version: str = ""
    cgroup_driver: str = ""
    nvidia_runtime: bool = False
    cdi: bool = False
    cdi_devices: Tuple[str, ...] = ()
    folders: Tuple[str, ...] = ()
    hook: bool = False
    tool: bool = False
    live_restore: bool = False
    rootless: bool = False
    selinux: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the engine as gpu_info returns it."""
        return {
            "engine": self.answers,
            "version": self.version,
            "cgroup_driver": self.cgroup_driver,
            "nvidia_runtime": self.nvidia_runtime,
            "cdi": self.cdi,
            "cdi_devices": list(self.cdi_devices),
            "hook": self.hook,
            "live_restore": self.live_restore,
            "rootless": self.rootless,
        }


def gather(root: str) -> Engine:
    """Return the facts about the host's engine and NVIDIA's toolkit."""
    info, denied, silent = ask(sockets(root))
    return engine(info, denied=denied, silent=silent, hook=bool(program(root, HOOK)), tool=bool(program(root, TOOL)))


def sockets(root: str) -> list[str]:
    """Return the sockets of an engine: the one in DOCKER_HOST, or else the system's and the user's own."""
    given = os.environ.get("DOCKER_HOST", "")
    named = [given[len("unix://") :]] if given.startswith("unix://") else []
    places = named or [*SOCKETS, f"/run/user/{os.getuid()}/docker.sock"]
    return [os.path.join(root, place.lstrip("/")) for place in places]


def ask(places: Sequence[str]) -> Tuple[dict[str, Any], bool, bool]:
    """Return /info of the first engine that answers, whether a socket was denied, and whether one was silent."""
    denied = silent = False
    for place in places:
        if not os.path.exists(place):
            continue
        try:
            info = docker_engine.Engine(place, SECONDS).get("/info")
        except docker_engine.NoAnswer as error:
            denied |= error.kind == "denied"
            silent |= error.kind == "silent"
            continue
        if isinstance(info, dict) and info.get("ServerVersion"):
            return info, False, False
        silent = True
    return {}, denied, silent


def engine(info: dict[str, Any], **known: Any) -> Engine:
    """Return an engine from its /info. ``known`` are the fields that /info does not have."""
    if not info:
        return replace(Engine(), **known)
    security = [str(one) for one in _list(info.get("SecurityOptions"))]
    discovered = [str(one.get("ID", "")) for one in _list(info.get("DiscoveredDevices")) if isinstance(one, dict)]
    folders = tuple(str(one) for one in _list(info.get("CDISpecDirs")))
    found = Engine(
        answers=True,
        version=str(info.get("ServerVersion", "")),
        cgroup_driver=str(info.get("CgroupDriver", "")),
        nvidia_runtime="nvidia" in (info.get("Runtimes") or {}),
        # An engine with CDI off names no folders.
        cdi=bool(folders or discovered),
        cdi_devices=tuple(sorted(filter(None, discovered))),
        folders=folders,
        live_restore=bool(info.get("LiveRestoreEnabled")),
        rootless=any("rootless" in one for one in security),
        selinux=any("selinux" in one for one in security),
    )
    return replace(found, **known)


def program(root: str, name: str) -> Optional[str]:
    """Return the path of a program under ``root``, or None."""
    places = os.pathsep.join(os.path.join(root, place) for place in PLACES)
    found = shutil.which(name, path=places)
    return found or (shutil.which(name) if root == "/" else None)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
