# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the egress of the containers' networks, if the inventory closes it (llm_egress)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.selfhosted.llm.plugins.module_utils.host.finding import ERROR, WARNING

from .findings import SITE, Facts, Hits, Rule

NO_RULES = "no rules close it"
NOT_IN_FORCE = (
    "its rules are not loaded, because something removed them (such as nft flush ruleset) or recreated the network"
)


def is_closed(network: Mapping[str, Any]) -> bool:
    """Tell whether only allowed traffic leaves a network."""
    return bool(network["internal"] or (network["egress"] != "open" and network["in_force"]))


def _restricted(facts: Facts) -> Iterator[Mapping[str, Any]]:
    """Return the containers whose egress the inventory closes."""
    for one in facts.get("containers") or []:
        declared = one.get("declared") or {}
        if one["state"] == "running" and declared.get("network") and declared.get("egress") not in (None, "open"):
            yield one


def _networks(facts: Facts) -> dict[str, Mapping[str, Any]]:
    return {str(network["name"]): network for network in facts.get("networks") or []}


def _declared_networks(facts: Facts) -> Iterator[tuple[Mapping[str, Any], str, list[str]]]:
    """Return the networks of the inventory with their declared egress and the containers in them."""
    for name, network in _networks(facts).items():
        inside = [one for one in _restricted(facts) if one["declared"]["network"] == name and name in one["networks"]]
        if inside:
            yield network, inside[0]["declared"]["egress"], [one["name"] for one in inside]


def egress_open(facts: Facts) -> Hits:
    for network, declared, names in _declared_networks(facts):
        if not is_closed(network):
            why = NO_RULES if network["egress"] == "open" else NOT_IN_FORCE
            yield {"subject": network["name"], "names": names, "declared": declared, "why": why}


def egress_opened(facts: Facts) -> Hits:
    return ({"subject": one["name"]} for one, _declared, _names in _declared_networks(facts) if one["opened"])


def egress_not_kept(facts: Facts) -> Hits:
    for network, _declared, _names in _declared_networks(facts):
        if is_closed(network) and not network["internal"] and not network["kept"]:
            yield {"subject": network["name"]}


def egress_beside(facts: Facts) -> Hits:
    networks = _networks(facts)
    for one in _restricted(facts):
        declared = one["declared"]
        for name in one["networks"]:
            if name != declared["network"] and name in networks and not is_closed(networks[name]):
                yield {"subject": one["name"], "network": name, "declared": declared["egress"]}


def network_mtu(facts: Facts) -> Hits:
    for name, network in _networks(facts).items():
        inside = [one["name"] for one in facts.get("containers") or [] if name in one.get("networks", [])]
        mtu, uplink = network.get("mtu"), network.get("uplink_mtu")
        if inside and mtu and uplink and mtu > uplink and not network["internal"]:
            names = " ".join(inside)
            yield {"subject": name, "names": names, "mtu": mtu, "uplink": uplink, "figure": f"{mtu} bytes"}


EGRESS_RULES = (
    Rule(
        "network-mtu",
        WARNING,
        network_mtu,
        "The Docker network {subject} has an MTU of {mtu} bytes, but the uplink of this host allows {uplink}, so large "
        "packets from outside get lost.",
        "Run docker rm --force {names} && docker network rm {subject} (volumes stay), then ansible-playbook "
        "selfhosted.llm.site, which creates the network with the right MTU.",
    ),
    Rule(
        "egress-open",
        ERROR,
        egress_open,
        "Containers in the Docker network {subject} ({names}) can connect anywhere, although llm_egress is {declared}: "
        "{why}.",
        SITE,
    ),
    Rule(
        "egress-opened",
        WARNING,
        egress_opened,
        "The egress of the Docker network {subject} is temporarily open, because a run downloads models or was killed.",
        "Wait for the run, or run ansible-playbook selfhosted.llm.site, which closes it; it closes by itself after a "
        "day.",
    ),
    Rule(
        "egress-not-kept",
        WARNING,
        egress_not_kept,
        "The egress of the Docker network {subject} is closed, but will be open after a reboot: "
        "selfhosted-llm-egress.service is missing, outdated or disabled.",
        SITE,
    ),
    Rule(
        "egress-beside",
        WARNING,
        egress_beside,
        "The container {subject} is also in the Docker network {network}, whose egress is open, although llm_egress is "
        "{declared}.",
        "Run docker network disconnect {network} {subject}, or create that network again with --internal.",
    ),
)
