# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as data/*.yml describe them: the output of nvidia-smi, what the kernel shows, and the expected facts.

The tests have no such cards. Each is written in the form that the tool and the kernel print.

    about       the host in words
    smi         argument -> {out, err, code}: "query" (--query-gpu), "-L", "-q -x"; none where it is not installed
    unknown     the fields that this nvidia-smi does not know
    pci         bus id -> "driver vendor:device class" ("-" for no driver)
    nvidia      the loaded module: {version, open, uvm, gpus: {bus id: {name, uuid, minor}}}
    files       path -> content; "-" for an empty folder
    info        what Docker says of itself, where it is asked
    gpus, driver, findings, text, container   what gpu_info returns; only the keys named here, parts of texts
    fit         the bytes of each GPU that a model of one server may have

"(From a report, reduced)" stands before a host that somebody showed, "(Derived)" before one that is made after it.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, Callable

import yaml

from ansible_collections.selfhosted.llm.plugins.module_utils.gpu import host, nvidia
from ansible_collections.selfhosted.llm.plugins.module_utils.gpu.host import Host
from ansible_collections.selfhosted.llm.plugins.module_utils.gpu.rules import all as causes
from ansible_collections.selfhosted.llm.plugins.module_utils.host.finding import Finding

DATA = Path(__file__).parent / "data"
KERNEL = "6.8.0-60-generic"
FLAVOUR = {
    True: "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {}  Release Build  (dvs-builder@U22-I3)",
    False: "NVRM version: NVIDIA UNIX x86_64 Kernel Module  {}  Thu Feb 22 01:44:30 UTC 2024",
}

Recording = dict[str, Any]


class Loader(yaml.SafeLoader):
    """YAML without floats: 0000:01:00.0 would be one, to the base of 60."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if not tag.endswith((":float", ":timestamp"))]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def names() -> list[str]:
    return sorted(path.stem for path in DATA.glob("*.yml"))


def load(name: str) -> Recording:
    recording: Recording = yaml.load((DATA / f"{name}.yml").read_text(encoding="utf-8"), Loader)
    return recording


def write(root: Path, path: str, content: str) -> Path:
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content, encoding="utf-8")
    return place


def build(recording: Recording, root: Path) -> None:
    """Lay the host out below ``root``."""
    (root / "sys/bus/pci/devices").mkdir(parents=True)
    write(root, "proc/meminfo", "MemTotal:       131072000 kB\nMemFree:        1000 kB\n")
    write(root, "proc/sys/kernel/osrelease", f"{KERNEL}\n")
    for bus_id, words in recording.get("pci", {}).items():
        device(root, bus_id, *words.split())
    loaded = recording.get("nvidia")
    if loaded:
        module(root, loaded)
    for path, content in recording.get("files", {}).items():
        if content == "-":
            (root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
        else:
            write(root, path, content).chmod(0o755)


def device(root: Path, bus_id: str, driver: str, ids: str, category: str) -> None:
    bound = "" if driver == "-" else f"DRIVER={driver}\n"
    told = f"{bound}PCI_CLASS={category.lstrip('0')}\nPCI_ID={ids}\nPCI_SUBSYS_ID=1043:88E2\nPCI_SLOT_NAME={bus_id}\n"
    write(root, f"sys/bus/pci/devices/{bus_id}/uevent", told)


def module(root: Path, loaded: Recording) -> None:
    version = FLAVOUR[loaded.get("open", True)].format(loaded["version"])
    write(root, "proc/driver/nvidia/version", f"{version}\nGCC version:  gcc version 13.3.0\n")
    write(root, "sys/module/nvidia/version", f"{loaded['version']}\n")
    if loaded.get("uvm", True):
        (root / "sys/module/nvidia_uvm").mkdir()
    files = ["nvidiactl"]
    for bus_id, known in loaded.get("gpus", {}).items():
        files.append(f"nvidia{known['minor']}")
        write(
            root,
            f"proc/driver/nvidia/gpus/{bus_id}/information",
            f"Model: \t\t {known['name']}\nIRQ:   \t\t 134\nGPU UUID: \t {known['uuid']}\nBus Type: \t PCIe\n"
            f"DMA Size: \t 47 bits\nDMA Mask: \t 0x7fffffffffff\nBus Location: \t {bus_id}\n"
            f"Device Minor: \t {known['minor']}\nGPU Excluded:\t No\n",
        )
    for name in files:
        write(root, f"dev/{name}", "").chmod(0o666)


def smi(recording: Recording, folder: Path) -> Path | None:
    """Make a double of nvidia-smi that prints what was recorded."""
    if "smi" not in recording:
        return None
    lines = ["#!/bin/sh"]
    for field in recording.get("unknown", []):
        words = f'Field "{field}" is not a valid field to query.'
        lines.append(f'case ",${{1#*=}}," in *,{field},*) echo {shlex.quote(words)}; echo; exit 2 ;; esac')
    lines.append('case "$*" in')
    for argument, answer in recording["smi"].items():
        pattern = "--query-gpu=*" if argument == "query" else f'"{argument}"'
        out, err = (write(folder, f"{argument}.{kind}", answer.get(kind, "")) for kind in ("out", "err"))
        told = f"cat {shlex.quote(str(out))}; cat {shlex.quote(str(err))} >&2; exit {answer.get('code', 0)}"
        lines.append(f"{pattern}) {told} ;;")
    lines.append('*) echo "this was not recorded: $*" >&2; exit 99 ;;\nesac')
    program = write(folder, "nvidia-smi", "\n".join(lines) + "\n")
    program.chmod(0o755)
    return program


def gather(recording: Recording, tmp_path: Path, patch: Callable[..., None]) -> tuple[Host, list[Finding]]:
    """Return the facts and findings of a recorded host, gathered by the real code."""
    root = tmp_path / "root"
    build(recording, root)
    program = smi(recording, tmp_path / "smi")
    patch(nvidia, "find", lambda: str(program) if program else "")
    seen = host.gather(str(root), container="info" in recording)
    return seen, causes.find(seen)
