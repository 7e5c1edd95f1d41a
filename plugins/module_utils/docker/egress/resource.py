# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Docker network's containers may reach, as the engine sees it: one object that always is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence

from ...engine.converge import Current, Desired, Resource, State, Step, converge
from ...engine.errors import Failure
from ..daemon import file as daemon_file
from . import host as egress_host
from . import lease as egress_lease
from . import rules as egress

CLOSED = ("closed", "mirror")
NOTHING: Dict[str, Any] = {
    "egress": "open",
    "bridge": "",
    "allowed": {},
    "in_force": False,
    "opened": False,
    "leases": [],
}


@dataclass(frozen=True)
class EgressSpec:
    """The options of one network; None where the task does not set an option."""

    lease: str
    egress: Optional[str] = None
    allowed: Optional[Sequence[str]] = None
    opened: bool = False


class NetworkEgress(Resource[EgressSpec]):
    """One network. ``in_force`` is whether the rules are loaded now and come back at boot."""

    kind = "egress"

    def __init__(self, owner: str, check_mode: bool) -> None:
        self._owner = owner
        self._check_mode = check_mode
        self._networks: egress.Networks = {}

    def gather(self, all_desired: Sequence[Desired[EgressSpec]]) -> Current:
        text, table = egress_host.rules_text(), egress_host.in_force()
        self._networks = egress.parse(text)
        _refuse_to_lose(self._networks, text, table, [desired.name for desired in all_desired])
        current = egress.is_loaded(self._networks, table) and egress_host.kept()
        return {desired.name: self._state(desired.name, table, current) for desired in all_desired}

    def _state(self, name: str, table: str, current: bool) -> State:
        its = self._networks.get(name)
        if its is None:
            # A table without its file is one that has lost its owner.
            return {**NOTHING, "in_force": bool(table) and not self._networks}
        return {
            **its,
            "in_force": current,
            "opened": egress_host.is_opened(table, its["bridge"]),
            "leases": [lease.name for lease in egress_lease.leases(name)],
        }

    def key(self, desired: Desired[EgressSpec]) -> str:
        return desired.name

    def desired_state(self, desired: Desired[EgressSpec], current: Optional[State]) -> State:
        before = current or NOTHING
        kind = desired.spec.egress or before["egress"]
        if kind == "open":
            return dict(NOTHING)
        bridge = egress_host.bridge_of(desired.name)
        if bridge is None and not self._check_mode:
            raise Failure(f"There is no Docker network {desired.name} whose way out could be closed; make it first.")
        entries = desired.spec.allowed
        allowed = before["allowed"] if entries is None else egress.merged(before["allowed"], self._owner, entries)
        own = desired.spec.lease
        others = {lease.name for lease in egress_lease.leases(desired.name) if lease.is_alive and lease.name != own}
        leases = sorted(others | ({own} if desired.spec.opened else set()))
        return {
            "egress": kind,
            "bridge": bridge or "",
            "allowed": allowed,
            "in_force": True,
            "opened": bool(leases),
            "leases": leases,
        }

    def veto(self, step: Step[EgressSpec]) -> Optional[str]:
        after = step.after or {}
        if after["egress"] in CLOSED and not self._check_mode and not egress_host.has_nft():
            return egress_host.NO_NFT
        return None

    def update(self, step: Step[EgressSpec]) -> None:
        before, after = step.before or NOTHING, step.after or {}
        if after["egress"] == "open":
            self._networks.pop(step.name, None)
        else:
            self._networks[step.name] = {name: after[name] for name in egress.KEPT}
        if not self._networks:
            egress_host.unload()
        for name in set(before["leases"]) - set(after["leases"]):
            egress_lease.release(step.name, name)
        for name in set(after["leases"]) - set(before["leases"]):
            egress_lease.grant(step.name, name)
        if not self._networks:
            return
        if set(step.changes) - {"opened", "leases"}:
            egress_host.load(self._networks, self._opened())
        elif after["egress"] in CLOSED:
            egress_host.set_opened(after["bridge"], self._opened().get(after["bridge"], 0))

    def _opened(self) -> Dict[str, int]:
        """Return the bridges that somebody needs open, and for how many seconds."""
        left = {
            its["bridge"]: max((lease.seconds for lease in egress_lease.leases(name) if lease.is_alive), default=0)
            for name, its in self._networks.items()
        }
        return {bridge: seconds for bridge, seconds in left.items() if seconds}

    def hint(self, fields: Any) -> str:
        return "something else on this host changes its rules, such as `nft flush ruleset`"


def _refuse_to_lose(networks: egress.Networks, text: str, table: str, names: Sequence[str]) -> None:
    """Raise Failure where the file no longer tells which networks are closed, and one of them is not this task's."""
    if networks or not text.strip():
        return
    own = {egress.bridge_chain(bridge) for name in names for bridge in _known_bridges(name)}
    others = sorted(set(egress.closed_chains(table)) - own)
    if others:
        raise Failure(
            f"{egress_host.RULES} is damaged and {', '.join(others)} would be open if it was written again: "
            f"restore the file, or remove it and run the playbook for each network that is to be closed."
        )


def _known_bridges(network: str) -> List[str]:
    return [egress.own_bridge(network), *filter(None, [egress_host.bridge_of(network)])]


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


def regulate(network: str, spec: EgressSpec, *, owner: str, check_mode: bool) -> Dict[str, Any]:
    """Bring a network to what is wanted of it, and tell what changed."""
    resource = NetworkEgress(owner, check_mode)
    # Of two runs at once each must see what the other wrote, or the network of one is lost from the rules.
    with daemon_file.locked(egress_host.RULES):
        return converge(resource, [Desired(network, spec=spec)], check_mode=check_mode).single()
