# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a host in a few lines: one aspect a row of the table and of the page."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.selfhosted.llm.plugins.module_utils.host.finding import Finding
from ansible_collections.selfhosted.llm.plugins.module_utils.host.units import gigabytes, percent

from ..containers.addresses import WILDCARDS
from .addresses import is_loopback, place
from .egress_rules import is_closed
from .findings import Facts, clean, counted

NOTHING = "-"


@dataclass(frozen=True)
class HostReport:
    """A host with its facts and findings."""

    name: str
    facts: Facts
    findings: Sequence[Finding]

    @property
    def state(self) -> str:
        """The state in two or three words."""
        if self.facts.get("unreachable"):
            return "unreachable"
        return counted(self.findings) or "ok"

    @property
    def reached(self) -> bool:
        """Whether there are facts."""
        return "host" in self.facts


def aspects(report: HostReport) -> dict[str, list[str]]:
    """Return the lines of each aspect."""
    state = {"state": [report.state]}
    if not report.reached:
        return state
    facts = report.facts
    return {
        **state,
        "system": [str(facts["host"]["os"]), f"kernel {facts['host']['kernel']}"],
        "docker": [docker(facts)],
        "ollama": servers(facts, "ollama"),
        "open-webui": servers(facts, "open-webui"),
        "listens": listens(facts),
        "egress": egress(facts),
        "gpu": gpus(facts),
        "disk": disk(facts),
        "memory": memory(facts),
        "converged": [converged(facts)],
    }


def docker(facts: Facts) -> str:
    """Return the version of the engine, or why it is unknown."""
    engine = facts.get("engine") or {}
    if engine.get("answers"):
        return str(engine["version"])
    if engine.get("installed") is False:
        return "not installed"
    return "unknown" if engine.get("answers") is None else "no answer"


def servers(facts: Facts, kind: str) -> list[str]:
    """Return version, state and health of the containers of a server."""
    answers = {one["name"]: one for one in facts.get("servers") or []}
    lines = []
    for one in facts.get("containers") or []:
        if one["kind"] != kind:
            continue
        version = answers.get(one["name"], {}).get("version") or ""
        words = [version, one["state"], one.get("health", "")]
        name = "" if one["name"] == kind else f"{one['name']}: "
        lines.append(name + " ".join(word for word in words if word))
    return lines or [NOTHING if docker(facts) != "unknown" else "unknown"]


def listens(facts: Facts) -> list[str]:
    """Return the addresses of the servers, and all other ports that other machines reach."""
    lines, ours = [], set()
    for one in facts.get("containers") or []:
        for port in one.get("ports", []) if one["state"] == "running" else []:
            ours.add((port["address"], port["port"]))
            lines.append(f"{place(port['address'], port['port'])} {one['name']}")
    others: dict[tuple[int, str], list[str]] = {}
    for port in facts.get("ports") or []:
        if (port["address"], port["port"]) not in ours and not is_loopback(port["address"]):
            others.setdefault((port["port"], port["process"]), []).append(port["address"])
    for (number, process), addresses in sorted(others.items()):
        everywhere = any(address in WILDCARDS for address in addresses)
        lines += [
            f"{where}:{number} {process}".strip()
            for where in (["*"] if everywhere else [place(one, 0)[:-2] for one in addresses])
        ]
    return lines or [NOTHING]


def egress(facts: Facts) -> list[str]:
    """Return the egress of each network of the containers."""
    lines = []
    for one in facts.get("networks") or []:
        kind = "internal" if one["internal"] else one["egress"] if is_closed(one) else "open"
        lines.append(f"{one['name']}: {kind}{' (temporarily open)' if one['opened'] else ''}")
    return lines or [NOTHING]


def gpus(facts: Facts) -> list[str]:
    """Return the GPUs, equal ones counted."""
    if facts.get("gpu") is None:
        return [NOTHING]
    counts: dict[str, int] = {}
    for one in facts["gpu"].get("gpus") or []:
        memory = f" {gigabytes(one['memory_total'])}" if one.get("memory_total") else ""
        driver = f", driver {one['driver_version']}" if one.get("driver_version") else ", no driver"
        words = f"{one.get('name')}{memory}{driver}"
        counts[words] = counts.get(words, 0) + 1
    return [f"{count} x {words}" if count > 1 else words for words, count in counts.items()] or ["none"]


def disk(facts: Facts) -> list[str]:
    """Return the free space of each file system; equal lines are one file system with several paths."""
    lines = []
    for one in facts.get("disks") or []:
        line = f"{gigabytes(one['free'])} of {gigabytes(one['size'])} free ({percent(one['free'], one['size']):.0f}%)"
        if line not in lines:
            lines.append(line)
    return lines or [NOTHING]


def memory(facts: Facts) -> list[str]:
    """Return the available memory."""
    its = facts.get("memory") or {}
    if not its.get("total"):
        return [NOTHING]
    return [f"{gigabytes(its['available'])} of {gigabytes(its['total'])} available"]


def converged(facts: Facts) -> str:
    """Return when site.yml last changed what is declared for the host."""
    mark: Mapping[str, Any] | None = facts.get("converged")
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(mark["at"])) if mark else NOTHING


def clean_aspects(report: HostReport) -> dict[str, list[str]]:
    """Return the lines of each aspect, safe for a terminal."""
    return {name: [clean(line) for line in lines] for name, lines in aspects(report).items()}
