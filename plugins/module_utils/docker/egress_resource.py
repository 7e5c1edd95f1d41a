# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Docker network's containers may reach, as the engine sees it: one object that always is."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence

from ..converge import Present, Resource, State, Step, Wish, converge
from ..errors import Failure
from . import egress, egress_host

CLOSED = ("closed", "mirror")
NOTHING: Dict[str, Any] = {"egress": "open", "bridge": "", "allowed": {}, "in_force": False, "opened": False}


class NetworkEgress(Resource):
    """One network. ``in_force`` is whether the rules are loaded now and come back at boot."""

    kind = "egress"

    def __init__(self, owner: str, check_mode: bool) -> None:
        self._owner = owner
        self._check_mode = check_mode
        self._networks: egress.Networks = {}

    def read(self, wishes: Sequence[Wish]) -> Present:
        self._networks = egress.parse(egress_host.rules_text())
        table = egress_host.in_force()
        current = egress.is_loaded(self._networks, table) and egress_host.kept()
        return {wish.name: self._state(wish.name, table, current) for wish in wishes}

    def _state(self, name: str, table: str, current: bool) -> State:
        its = self._networks.get(name)
        if its is None:
            # A table without its file is one that has lost its owner.
            return {**NOTHING, "in_force": bool(table) and not self._networks}
        return {**its, "in_force": current, "opened": egress_host.is_opened(table, its["bridge"])}

    def key(self, wish: Wish) -> str:
        return wish.name

    def wanted(self, wish: Wish, present: Optional[State]) -> State:
        before = present or NOTHING
        kind = wish.fields["egress"] or before["egress"]
        if kind == "open":
            return dict(NOTHING)
        bridge = egress_host.bridge_of(wish.name)
        if bridge is None and not self._check_mode:
            raise Failure(f"There is no Docker network {wish.name} whose way out could be closed; make it first.")
        entries = wish.fields["allowed"]
        allowed = before["allowed"] if entries is None else egress.merged(before["allowed"], self._owner, entries)
        return {
            "egress": kind,
            "bridge": bridge or "",
            "allowed": allowed,
            "in_force": True,
            "opened": wish.fields["opened"],
        }

    def refusal(self, step: Step) -> Optional[str]:
        after = step.after or {}
        if after["egress"] in CLOSED and not self._check_mode and not egress_host.has_nft():
            return egress_host.NO_NFT
        return None

    def update(self, step: Step) -> None:
        after = step.after or {}
        if after["egress"] == "open":
            self._networks.pop(step.name, None)
        else:
            self._networks[step.name] = {name: after[name] for name in egress.KEPT}
        if not self._networks:
            egress_host.unload()
            return
        if set(step.changes) - {"opened"}:
            egress_host.load(self._networks)
        if (
            after["egress"] in CLOSED
            and egress_host.is_opened(egress_host.in_force(), after["bridge"]) != after["opened"]
        ):
            egress_host.set_opened(after["bridge"], after["opened"])

    def doubt(self, fields: Any) -> str:
        return "something else on this host changes its rules, such as `nft flush ruleset`"


def entries_of(allowed: Sequence[str], urls: Sequence[str]) -> List[str]:
    """Return what the state keeps of destinations that were given and of URLs that were declared.

    A name becomes its addresses. One of the internet may have others at the next look, so that a URL with such a name
    opens its port to the internet.
    """
    entries, named = [], False
    for made in map(egress.destination, allowed):
        found = [made.network] if made.network else egress_host.addresses(made.host)
        if not found:
            raise Failure(
                f"allowed has {made.host}, which has no address on this host; give its address, or mend its name."
            )
        named = named or not made.network
        entries += [made.at(address) for address in found if address]
    for url in urls:
        leads = egress.destination_of(url)
        led = _led(leads) if leads else []
        named = named or bool(leads and led and not leads.network)
        entries += led
    return sorted({*entries, *(f"dns:{server}" for server in egress_host.resolvers() if named)})


def _led(leads: egress.Destination) -> List[str]:
    """Return what the state keeps of where one URL leads."""
    if leads.network:
        return [leads.at(leads.network)]
    found = egress_host.addresses(leads.host)
    # A name without a dot is a container beside, unless this host knows it for a machine.
    if "." not in leads.host:
        return [leads.at(address) for address in found if not egress.is_loopback(address)]
    if not found or any(map(egress.is_public, found)):
        return [f"public:{leads.port}"]
    return [leads.at(address) for address in found]


def regulate(network: str, wanted: Mapping[str, Any], *, owner: str, check_mode: bool) -> Dict[str, Any]:
    """Bring a network to what is wanted of it, and tell what changed."""
    resource = NetworkEgress(owner, check_mode)
    return converge(resource, [Wish(network, fields=wanted)], check_mode=check_mode).single()
