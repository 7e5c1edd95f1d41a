# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine below the containers: system, disks, memory, units, reboots and files."""

from __future__ import annotations

import json
import os
import platform
import pwd
import re
import shutil
import stat
import subprocess
from typing import Any, Iterable, Optional, Sequence, Tuple

from ..host.linux import nearest, text

# Units that the service needs. Others are returned only if they failed.
OF_INTEREST = re.compile(r"^(docker|containerd|nvidia-|ollama|selfhosted-llm|chrony|ntp|systemd-timesyncd)")
KINDS = (".service", ".timer", ".socket", ".mount", ".path")
SYSTEMCTL = ("list-units", "--all", "--plain", "--no-legend", "--no-pager", "--full")
SYSTEMCTL_SECONDS = 10
# Created by the role ollama, and removed by it with ollama_gpu_watch: false.
WATCH = "selfhosted-llm-gpu-watch.timer"
MARK = "/var/lib/selfhosted-llm/converged.json"


def machine(root: str = "/") -> dict[str, Any]:
    """Return the system of this machine, and the user who gathers the facts."""
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text(root, "etc/os-release"), re.MULTILINE))
    return {
        "name": platform.node(),
        "os": release.get("PRETTY_NAME", ""),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "user": pwd.getpwuid(os.geteuid()).pw_name if _known_user() else str(os.geteuid()),
        "container": in_container(root),
    }


def in_container(root: str = "/") -> bool:
    """Tell whether this machine is a container, which shares the kernel and the clock of its host."""
    marks = ("run/systemd/container", "run/.containerenv", ".dockerenv")
    return any(os.path.exists(os.path.join(root, mark)) for mark in marks)


def disks(places: Iterable[Tuple[str, str]]) -> list[dict[str, Any]]:
    """Return each file system once. ``places`` are paths with what they hold."""
    found: dict[int, dict[str, Any]] = {}
    for path, what in places:
        there = nearest(path)
        try:
            device, state = os.stat(there).st_dev, os.statvfs(there)
        except OSError:
            continue
        disk = found.setdefault(
            device,
            {
                "path": there,
                "holds": [],
                "size": state.f_blocks * state.f_frsize,
                "free": state.f_bavail * state.f_frsize,
                "inodes": state.f_files,
                "inodes_free": state.f_favail,
                "read_only": bool(state.f_flag & os.ST_RDONLY),
            },
        )
        if what not in disk["holds"]:
            disk["holds"].append(what)
    return list(found.values())


def memory(root: str = "/") -> dict[str, Any]:
    """Return memory in bytes, and the share of the last minute in percent in which programs waited for it."""
    lines = re.findall(r"^(\w+):\s+(\d+) kB", text(root, "proc/meminfo"), re.MULTILINE)
    kilobytes = {name: int(value) for name, value in lines}
    waited = re.search(r"^some .*?avg60=([\d.]+)", text(root, "proc/pressure/memory"), re.MULTILINE)
    return {
        "total": kilobytes.get("MemTotal", 0) * 1024,
        "available": kilobytes.get("MemAvailable", 0) * 1024,
        "swap_total": kilobytes.get("SwapTotal", 0) * 1024,
        "swap_free": kilobytes.get("SwapFree", 0) * 1024,
        "pressure": float(waited.group(1)) if waited else None,
    }


def units() -> Optional[list[dict[str, str]]]:
    """Return the units of interest and the failed ones, None without systemd."""
    program = shutil.which("systemctl")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - a program of this host, and no user input
            [program, *SYSTEMCTL], capture_output=True, text=True, timeout=SYSTEMCTL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return with_watch(read_units(done.stdout)) if done.returncode == 0 else None


def read_units(printed: str) -> list[dict[str, str]]:
    """Return the units of interest and the failed ones from the output of systemctl."""
    found = []
    for line in printed.splitlines():
        fields = line.split(None, 4)
        if len(fields) < 4 or not fields[0].endswith(KINDS) or fields[1] == "not-found":
            continue
        name, _load, active, sub = fields[:4]
        if active == "failed" or OF_INTEREST.match(name):
            found.append({"name": name, "active": active, "sub": sub})
    return found


def with_watch(found: list[dict[str, str]], root: str = "/") -> list[dict[str, str]]:
    """Return the units with the GPU watch, which systemd does not list if it was stopped."""
    if any(one["name"] == WATCH for one in found) or not os.path.exists(
        os.path.join(root, "etc/systemd/system", WATCH)
    ):
        return found
    return [*found, {"name": WATCH, "active": "inactive", "sub": "dead"}]


def reboot(root: str = "/") -> str:
    """Return why the machine needs a reboot, or ""."""
    if os.path.exists(os.path.join(root, "run/reboot-required")):
        packages = sorted(set(text(root, "run/reboot-required.pkgs").split()))
        return f"updated packages require it ({', '.join(packages[:4])})" if packages else "updated packages require it"
    modules = os.path.join(root, "lib/modules")
    kernels = os.listdir(modules) if os.path.isdir(modules) else []
    if kernels and platform.release() not in kernels and not in_container(root):
        return f"the modules of the running kernel {platform.release()} are gone, so no module can be loaded"
    return ""


def file_state(path: str) -> dict[str, Any]:
    """Return owner and mode of a file; ``exists`` is None if this user cannot see it."""
    try:
        state = os.stat(path)
    except FileNotFoundError:
        return {"path": path, "exists": False}
    except OSError:
        return {"path": path, "exists": None}
    return {"path": path, "exists": True, "mode": f"{stat.S_IMODE(state.st_mode):04o}", "uid": state.st_uid}


def converged(path: str = MARK) -> Optional[dict[str, Any]]:
    """Return the mark of site.yml, with the time of its last change in seconds since 1970."""
    try:
        with open(path, encoding="utf-8") as file:
            mark = json.load(file)
        return {"at": int(os.stat(path).st_mtime), "mark": mark if isinstance(mark, dict) else {}}
    except (OSError, ValueError):
        return None


def installed(programs: Sequence[str], root: str = "/") -> bool:
    """Tell whether one of these programs is on the host, also outside PATH."""
    folders = ("usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin", "snap/bin")
    places = [os.path.join(root, folder, one) for folder in folders for one in programs]
    return any(map(shutil.which, programs)) or any(map(os.path.exists, places))


def _known_user() -> bool:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return True
