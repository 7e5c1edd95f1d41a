# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about what leads out of the containers' networks, where the inventory says that nothing shall (llm_egress)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .findings import ERROR, SITE, WARNING, Hits, Rule, Seen

NO_RULES = "no rules close it"
NOT_IN_FORCE = (
    "its rules are not in force; something removed them, such as nft flush ruleset, or the network was made anew"
)


def is_closed(way: Mapping[str, Any]) -> bool:
    """Tell whether nothing leaves a network but what its rules let out."""
    return bool(way["internal"] or (way["egress"] != "open" and way["in_force"]))


def _shut_in(seen: Seen) -> Iterator[Mapping[str, Any]]:
    """Return the containers whose way out the inventory closes."""
    for one in seen.get("containers") or []:
        declared = one.get("declared") or {}
        if one["state"] == "running" and declared.get("network") and declared.get("egress") not in (None, "open"):
            yield one


def _ways(seen: Seen) -> dict[str, Mapping[str, Any]]:
    return {str(way["network"]): way for way in seen.get("ways_out") or []}


def _declared_ways(seen: Seen) -> Iterator[tuple[Mapping[str, Any], str, list[str]]]:
    """Return the network of the inventory with what is declared of it, and the containers in it."""
    for name, way in _ways(seen).items():
        there = [one for one in _shut_in(seen) if one["declared"]["network"] == name and name in one["networks"]]
        if there:
            yield way, there[0]["declared"]["egress"], [one["name"] for one in there]


def egress_open(seen: Seen) -> Hits:
    for way, declared, names in _declared_ways(seen):
        if not is_closed(way):
            why = NO_RULES if way["egress"] == "open" else NOT_IN_FORCE
            yield {"about": way["network"], "names": names, "declared": declared, "why": why}


def egress_opened(seen: Seen) -> Hits:
    return ({"about": way["network"]} for way, _declared, _names in _declared_ways(seen) if way["opened"])


def egress_not_kept(seen: Seen) -> Hits:
    for way, _declared, _names in _declared_ways(seen):
        if is_closed(way) and not way["internal"] and not way["kept"]:
            yield {"about": way["network"]}


def egress_beside(seen: Seen) -> Hits:
    ways = _ways(seen)
    for one in _shut_in(seen):
        declared = one["declared"]
        for name in one["networks"]:
            if name != declared["network"] and name in ways and not is_closed(ways[name]):
                yield {"about": one["name"], "network": name, "declared": declared["egress"]}


def network_mtu(seen: Seen) -> Hits:
    for name, way in _ways(seen).items():
        there = [one["name"] for one in seen.get("containers") or [] if name in one.get("networks", [])]
        mtu, uplink = way.get("mtu"), way.get("uplink_mtu")
        if there and mtu and uplink and mtu > uplink and not way["internal"]:
            yield {"about": name, "names": " ".join(there), "mtu": mtu, "uplink": uplink}


EGRESS_RULES = (
    Rule(
        "network-mtu",
        WARNING,
        network_mtu,
        "The Docker network {about} has an MTU of {mtu} bytes and the way out of this host takes {uplink}, so larger "
        "answers from outside get lost.",
        "docker rm --force {names} && docker network rm {about} (volumes stay), then run ansible-playbook "
        "selfhosted.llm.site, which creates the network with the right MTU.",
    ),
    Rule(
        "egress-open",
        ERROR,
        egress_open,
        "Whatever is in the Docker network {about} ({names}) can call anywhere, and llm_egress is {declared}: {why}.",
        SITE,
    ),
    Rule(
        "egress-opened",
        WARNING,
        egress_opened,
        "The way out of the Docker network {about} is open for a time: a run fetches models now, or one was killed.",
        "Wait for the run, or run ansible-playbook selfhosted.llm.site, which closes it; after a day it closes by "
        "itself.",
    ),
    Rule(
        "egress-not-kept",
        WARNING,
        egress_not_kept,
        "The way out of the Docker network {about} is closed, and would be open after a reboot: "
        "selfhosted-llm-egress.service is not there, is another one, or is not enabled.",
        SITE,
    ),
    Rule(
        "egress-beside",
        WARNING,
        egress_beside,
        "{about} is in the Docker network {network}, whose way out is open, and llm_egress is {declared}.",
        "docker network disconnect {network} {about}, or make that network anew with --internal.",
    ),
)
