# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers' network: a bridge with a name that stays, and with the MTU of the host's way out."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Any, Dict, Hashable, List, Mapping, Optional, Sequence, Tuple

from ...engine.converge import Current, Desired, Resource, State, Step, converge
from ...engine.errors import Failure
from ..engine import LABEL, Engine, NoAnswer
from . import host as egress_host
from .rules import own_bridge

BRIDGE_OPTION = "com.docker.network.bridge.name"
MTU_OPTION = "com.docker.network.driver.mtu"
# What Docker gives a network without that option. The setting `mtu` in daemon.json is for its bridge docker0.
USUAL_MTU = 1500
# IPv4 requires 576 bytes of each receiver (RFC 791).
MIN_MTU, MAX_MTU = 576, 65535
# linux/in.h and linux/in6.h: the MTU that the kernel uses for the destination of a connected socket.
IP_MTU, IPV6_MTU = 14, 24
# No address of a host (RFC 5737, RFC 3849), and no packet is sent there: the kernel only looks for a route.
SOMEWHERE = (
    (socket.AF_INET, "192.0.2.1", socket.IPPROTO_IP, IP_MTU),
    (socket.AF_INET6, "2001:db8::1", socket.IPPROTO_IPV6, IPV6_MTU),
)


def uplink_mtu() -> Optional[int]:
    """Return the MTU of the host's way out in bytes, None where there is none.

    The kernel is asked for the route, so that several uplinks, a VPN with routing rules of its own, and an MTU that
    belongs to a route and not to its device are all counted. IPv6 counts where there is no way out by IPv4.
    """
    return next((mtu for mtu in map(_mtu_to, SOMEWHERE) if mtu), None)


def _mtu_to(somewhere: Tuple[int, str, int, int]) -> int:
    family, address, level, option = somewhere
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            return probe.getsockopt(level, option)
    except OSError:
        return 0


def wanted_mtu(given: str) -> int:
    """Return the MTU that is meant by an option: `auto` or a number of bytes."""
    if given == "auto":
        return min(uplink_mtu() or USUAL_MTU, USUAL_MTU)
    if not given.isdigit() or not MIN_MTU <= int(given) <= MAX_MTU:
        raise Failure(f"Invalid mtu '{given}': give auto, or a number from {MIN_MTU} to {MAX_MTU}.")
    return int(given)


def mtu_of(told: Mapping[str, Any]) -> int:
    """Return the MTU of a network, by what the engine tells of it."""
    said = str((told.get("Options") or {}).get(MTU_OPTION, ""))
    return int(said) if said.isdigit() else USUAL_MTU


@dataclass(frozen=True)
class NetworkSpec:
    """The MTU in bytes, and labels for a new network."""

    mtu: int
    labels: Mapping[str, str] = field(default_factory=dict)


class BridgeNetwork(Resource[NetworkSpec]):
    """One network. It is created again only where no container uses it, running or not."""

    kind = "network"

    def __init__(self, engine: Engine, is_least: bool) -> None:
        self._engine = engine
        # An automatic MTU is a limit: a smaller one than the uplink's does no harm.
        self._is_least = is_least
        self._told: Dict[str, Any] = {}
        self._warnings: List[str] = []

    def gather(self, all_desired: Sequence[Desired[NetworkSpec]]) -> Current:
        found: Dict[Hashable, State] = {}
        for desired in all_desired:
            told = self._engine.network(desired.name)
            # The engine also finds a network by the beginning of its id.
            if told is not None and told.get("Name") == desired.name:
                self._told[desired.name] = told
                found[desired.name] = {
                    "driver": told.get("Driver"),
                    "bridge": egress_host.bridge_name(told),
                    "mtu": mtu_of(told),
                }
        return found

    def key(self, desired: Desired[NetworkSpec]) -> str:
        return desired.name

    def desired_state(self, desired: Desired[NetworkSpec], current: Optional[State]) -> State:
        wanted = {"driver": "bridge", "bridge": own_bridge(desired.name), "mtu": desired.spec.mtu}
        if current is None:
            return wanted
        if current["driver"] != "bridge":
            return current
        has_mtu = current["mtu"] == wanted["mtu"] or (self._is_least and current["mtu"] < wanted["mtu"])
        if has_mtu:
            wanted["mtu"] = current["mtu"]
        if wanted == current:
            return current
        users = sorted(str(one["Names"][0]).lstrip("/") for one in self._engine.containers(network=[desired.name]))
        if not users:
            return wanted
        if not has_mtu:
            self._warnings = [self._too_large(desired, current, users)]
        return current

    def _too_large(self, desired: Desired[NetworkSpec], current: State, users: Sequence[str]) -> str:
        why = (
            f"this host's way out takes {desired.spec.mtu}, so larger answers from outside get lost"
            if self._is_least
            else f"{desired.spec.mtu} is wanted"
        )
        return (
            f"The Docker network {desired.name} has an MTU of {current['mtu']} bytes and {why}. Docker cannot change "
            f"it while containers use the network: `docker rm --force {' '.join(users)} && docker network rm "
            f"{desired.name}` (volumes stay), then run this again."
        )

    def warnings(self) -> Sequence[str]:
        return self._warnings

    def create(self, step: Step[NetworkSpec]) -> None:
        after, labels = step.after or {}, step.desired.spec.labels if step.desired else {}
        self._make(step.name, {"Driver": "bridge", "Labels": {LABEL: "network", **labels}}, after)

    def update(self, step: Step[NetworkSpec]) -> None:
        told = self._told[step.name]
        refused = self._engine.remove_network(step.name)
        if refused:
            raise Failure(f"The Docker network {step.name} could not be created again: {refused}.")
        # What a person gave it (addresses, labels, IPv6) stays.
        kept = {name: told[name] for name in ("Driver", "IPAM", "EnableIPv6", "Internal", "Attachable", "Labels")}
        self._make(step.name, {**kept, "Options": told.get("Options") or {}}, step.after or {})

    def _make(self, name: str, base: Mapping[str, Any], after: State) -> None:
        options = {**base.get("Options", {}), BRIDGE_OPTION: after["bridge"]}
        options.pop(MTU_OPTION, None)
        if after["mtu"] != USUAL_MTU:
            options[MTU_OPTION] = str(after["mtu"])
        refused = self._engine.create_network({**base, "Name": name, "CheckDuplicate": True, "Options": options})
        if refused:
            raise Failure(f"Docker refuses the network {name} with the bridge {after['bridge']}: {refused}.")


def ensure(name: str, mtu: str, labels: Mapping[str, str], *, check_mode: bool) -> Dict[str, Any]:
    """Bring a network about, and tell what changed. ``mtu`` is `auto` or a number of bytes."""
    engine = Engine(egress_host.SOCKET, egress_host.TIMEOUT)
    desired = Desired(name, spec=NetworkSpec(wanted_mtu(mtu), dict(labels)))
    try:
        return converge(BridgeNetwork(engine, mtu == "auto"), [desired], check_mode=check_mode).single()
    except NoAnswer as error:
        raise Failure(
            f"Docker does not answer here ({error.words}); install or start it first (role selfhosted.llm.docker)."
        ) from error
