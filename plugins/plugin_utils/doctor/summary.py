# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is like in a few short lines for each aspect, for the table and the page."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..containers.addresses import WILDCARDS
from .egress_rules import is_closed
from .findings import Finding, Seen, clean, counted
from .words import gigabytes, is_loopback, percent, place

NOTHING = "-"


@dataclass(frozen=True)
class Patient:
    """A host, what was seen of it, and what is wrong with it."""

    name: str
    seen: Seen
    findings: Sequence[Finding]

    @property
    def state(self) -> str:
        """In two or three words, how it is."""
        if self.seen.get("unreachable"):
            return "not reached"
        return counted(self.findings) or "well"

    @property
    def reached(self) -> bool:
        """Whether there is more to tell."""
        return "host" in self.seen


def aspects(patient: Patient) -> dict[str, list[str]]:
    """Return the lines of each aspect."""
    told = {"state": [patient.state]}
    if not patient.reached:
        return told
    seen = patient.seen
    return {
        **told,
        "system": [str(seen["host"]["os"]), f"kernel {seen['host']['kernel']}"],
        "docker": [docker(seen)],
        "ollama": servers(seen, "ollama"),
        "open-webui": servers(seen, "open-webui"),
        "listens": listens(seen),
        "way out": ways_out(seen),
        "gpu": gpus(seen),
        "disk": disk(seen),
        "memory": memory(seen),
        "converged": [converged(seen)],
    }


def docker(seen: Seen) -> str:
    """Return the engine's version, or why there is none to tell."""
    engine = seen.get("engine") or {}
    if engine.get("answers"):
        return str(engine["version"])
    if engine.get("installed") is False:
        return "not installed"
    return "not seen" if engine.get("answers") is None else "no answer"


def servers(seen: Seen, kind: str) -> list[str]:
    """Return the containers of a server: version, state, health."""
    answers = {one["name"]: one for one in seen.get("servers") or []}
    lines = []
    for one in seen.get("containers") or []:
        if one["kind"] != kind:
            continue
        version = answers.get(one["name"], {}).get("version") or ""
        words = [version, one["state"], one.get("health", "")]
        name = "" if one["name"] == kind else f"{one['name']}: "
        lines.append(name + " ".join(word for word in words if word))
    return lines or [NOTHING if docker(seen) != "not seen" else "not seen"]


def listens(seen: Seen) -> list[str]:
    """Return where the servers listen, and what else is open to other machines."""
    lines, ours = [], set()
    for one in seen.get("containers") or []:
        for port in one.get("ports", []) if one["state"] == "running" else []:
            ours.add((port["address"], port["port"]))
            lines.append(f"{place(port['address'], port['port'])} {one['name']}")
    others: dict[tuple[int, str], list[str]] = {}
    for port in seen.get("ports") or []:
        if (port["address"], port["port"]) not in ours and not is_loopback(port["address"]):
            others.setdefault((port["port"], port["process"]), []).append(port["address"])
    for (number, process), addresses in sorted(others.items()):
        everywhere = any(address in WILDCARDS for address in addresses)
        lines += [
            f"{where}:{number} {process}".strip()
            for where in (["*"] if everywhere else [place(one, 0)[:-2] for one in addresses])
        ]
    return lines or [NOTHING]


def ways_out(seen: Seen) -> list[str]:
    """Return what leads out of each network of the containers."""
    lines = []
    for way in seen.get("ways_out") or []:
        kind = "internal" if way["internal"] else way["egress"] if is_closed(way) else "open"
        lines.append(f"{way['network']}: {kind}{' (opened for a time)' if way['opened'] else ''}")
    return lines or [NOTHING]


def gpus(seen: Seen) -> list[str]:
    """Return the GPUs, alike ones together."""
    if seen.get("gpu") is None:
        return [NOTHING]
    counts: dict[str, int] = {}
    for one in seen["gpu"].get("gpus") or []:
        memory = f" {gigabytes(one['memory_total'])}" if one.get("memory_total") else ""
        driver = f", driver {one['driver_version']}" if one.get("driver_version") else ", no driver"
        words = f"{one.get('name')}{memory}{driver}"
        counts[words] = counts.get(words, 0) + 1
    return [f"{count} x {words}" if count > 1 else words for words, count in counts.items()] or ["none"]


def disk(seen: Seen) -> list[str]:
    """Return what is free of each file system; those of the same size and use are one, seen by several paths."""
    lines = []
    for one in seen.get("disks") or []:
        line = f"{gigabytes(one['free'])} of {gigabytes(one['size'])} free ({percent(one['free'], one['size']):.0f}%)"
        if line not in lines:
            lines.append(line)
    return lines or [NOTHING]


def memory(seen: Seen) -> list[str]:
    """Return how much memory is available."""
    told = seen.get("memory") or {}
    if not told.get("total"):
        return [NOTHING]
    return [f"{gigabytes(told['available'])} of {gigabytes(told['total'])} free"]


def converged(seen: Seen) -> str:
    """Return when the host was last converged by what was declared anew."""
    mark: Mapping[str, Any] | None = seen.get("converged")
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(mark["at"])) if mark else NOTHING


def clean_aspects(patient: Patient) -> dict[str, list[str]]:
    """Return the lines of each aspect, fit for a terminal."""
    return {name: [clean(line) for line in lines] for name, lines in aspects(patient).items()}
