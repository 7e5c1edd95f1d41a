# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What containers may reach, in words: destinations as people write them, and the rules that nftables makes of them.

Nothing here touches a file, a process or the network; that is host.py.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence
from urllib.parse import urlsplit

from ...engine.errors import Failure

TABLE = "selfhosted_llm"
OPENED = "opened"
COUNTER = "rejected"
# The way out of what cannot be closed, as a person says it.
LEFT_OPEN = "set egress (llm_egress of the roles) to open"
# Before every other filter (0), Docker's too: what is rejected here no later rule accepts.
PRIORITY = -10

DEFAULT_PORTS = {
    "http": 80,
    "https": 443,
    "ws": 80,
    "wss": 443,
    "redis": 6379,
    "rediss": 6379,
    "ldap": 389,
    "ldaps": 636,
    "postgres": 5432,
    "postgresql": 5432,
    "qdrant": 6333,
}
# What no address of the internet is.
PRIVATE = (
    "{ 0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16, 224.0.0.0/3 }"
)
GLOBAL6 = "2000::/3"
# A bridge asks and answers these for its neighbours, whoever sends them.
NEIGHBOURS = "{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld-listener-report, mld2-listener-report }"

_NAME = re.compile(r"^(?=.{1,253}$)[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?(\.[a-zA-Z0-9_-]+)*\.?$")
# An address of IPv6 may stand without its brackets where no port follows.
_WRITTEN = re.compile(
    r"^(?:(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>[0-9]{1,5}))?|[0-9a-fA-F:.]*:[0-9a-fA-F:./]*)$"
)
_STATE = "# state: "

# What the state keeps of a network.
KEPT = ("egress", "bridge", "allowed")
Networks = Dict[str, Dict[str, Any]]


@dataclass(frozen=True)
class Destination:
    """One destination: a name, an address or a network in CIDR form, and a TCP port (None is everything)."""

    host: str
    port: Optional[int] = None

    @property
    def network(self) -> Optional[str]:
        """The address or network, None for a name."""
        try:
            return str(ipaddress.ip_network(self.host, strict=False))
        except ValueError:
            return None

    @property
    def is_one(self) -> bool:
        """Whether this can be one at all."""
        named = _NAME.match(self.host) and re.search("[a-zA-Z]", self.host)
        return (self.port is None or 0 < self.port < 65536) and (self.network is not None or bool(named))

    def at(self, address: str) -> str:
        """Return the rule for one of its addresses, as the state keeps it."""
        shown = f"[{address}]" if ":" in address else address
        return shown if self.port is None else f"{shown}:{self.port}"


def destination(text: str) -> Destination:
    """Return what a person wrote: an address, a network or a name, each with or without a port."""
    written = _WRITTEN.match(text.strip())
    if written:
        port = int(written["port"]) if written["port"] else None
        made = Destination(written["six"] or written["host"] or text.strip(), port)
        if made.is_one:
            return made
    raise Failure(
        f"allowed has '{text}', which is no destination: give an address, a network or a name, with or without a "
        f"port, for example 10.0.0.5, 10.0.0.0/8:443, [fd00::5]:443 or mirror.example.org:443."
    )


def destination_of(url: str) -> Optional[Destination]:
    """Return where a URL leads; None where it leads nowhere that a rule could name."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    made = Destination(host, port)
    return made if port and made.is_one else None


def is_public(address: str) -> bool:
    """Whether an address is one of the internet."""
    return ipaddress.ip_address(address).is_global


def is_loopback(address: str) -> bool:
    """Whether an address is this host's own."""
    return ipaddress.ip_address(address).is_loopback


def rules(entry: str) -> List[str]:
    """Return the rules of nftables for one entry of the state.

    They look at where a packet was sent, not at where Docker redirects it: a port that another container publishes on
    this host is allowed by the host's address.
    """
    kind, _colon, value = entry.partition(":")
    if kind == "public":
        port = f"meta l4proto tcp ct original proto-dst {value} accept"
        return [f"ip daddr != {PRIVATE} {port}", f"ip6 daddr {GLOBAL6} {port}"]
    if kind == "dns":
        return [f"{_to(value)} meta l4proto {{ tcp, udp }} ct original proto-dst 53 accept"]
    made = destination(entry)
    port = "" if made.port is None else f" meta l4proto tcp ct original proto-dst {made.port}"
    return [f"{_to(str(made.network))}{port} accept"]


def _to(network: str) -> str:
    return f"ct original {'ip6' if ':' in network else 'ip'} daddr {network}"


def revision(networks: Networks) -> str:
    """Return the name of the chain by which rules that are in force are known."""
    return "rev_" + hashlib.sha256(_body(networks, "").encode()).hexdigest()[:16]


def element(bridge: str, seconds: int) -> str:
    """Return the element of the set of open bridges for one that is open for so long."""
    return f'{{ "{bridge}" timeout {seconds}s }}'


def render_opened(opened: Mapping[str, int]) -> str:
    """Return what follows the rules in one transaction: bridges that stay open, and for how many seconds."""
    return "".join(
        f"add element inet {TABLE} {OPENED} {element(bridge, seconds)}\n" for bridge, seconds in opened.items()
    )


def render(networks: Networks) -> str:
    """Return the file that nft loads: the whole table in one transaction, and the state as a comment."""
    return (
        "# Written by selfhosted.llm.docker_egress, which replaces what is changed here.\n"
        f"{_STATE}{json.dumps(networks, sort_keys=True)}\n"
        f"table inet {TABLE}\ndelete table inet {TABLE}\n{_body(networks, revision(networks))}"
    )


def parse(text: str) -> Networks:
    """Return the state that ``render`` wrote; a file that is not like this says nothing."""
    for line in text.splitlines():
        if line.startswith(_STATE):
            try:
                state = json.loads(line[len(_STATE) :])
                return {name: {key: its[key] for key in KEPT} for name, its in state.items()}
            except (ValueError, KeyError, TypeError, AttributeError):
                return {}
    return {}


def closed_chains(table: str) -> List[str]:
    """Return the bridges that a table closes, as they stand in the names of its chains."""
    return sorted(set(re.findall(r"chain of_(\S+)", table)))


def is_loaded(networks: Networks, table: str) -> bool:
    """Whether a table, as nft lists it, is that of these networks."""
    return bool(table) and revision(networks) in table


def own_bridge(network: str) -> str:
    """Return the name that a network's interface has when the roles create the network.

    It follows from the network's name alone, so the rules also hold for a network that is created again. The kernel
    allows 15 characters.
    """
    name = f"br-{network}"
    if len(name) <= 15 and re.fullmatch(r"[a-zA-Z0-9_.-]+", name):
        return name
    return "br-" + hashlib.sha256(network.encode()).hexdigest()[:12]


def bridges(networks: Networks) -> List[str]:
    """Return all interfaces that the rules close: the current one of each network and the one that it should have."""
    return sorted({bridge for name, its in networks.items() for bridge in (its["bridge"], own_bridge(name)) if bridge})


def render_closed(networks: Networks) -> str:
    """Return the rules for the case that nft cannot load the others: nothing leaves, without exceptions."""
    named = ", ".join(f'"{bridge}"' for bridge in bridges(networks))
    hook = "type filter hook {} priority {}; policy accept;"
    chains = [
        _chain(name, [hook.format(name, PRIORITY), f"iifname {{ {named} }} {beyond}drop"])
        for name, beyond in (("forward", f"oifname != {{ {named} }} "), ("input", ""))
    ]
    return (
        "# Written by selfhosted.llm.docker_egress, loaded where egress.nft cannot be.\n"
        f"table inet {TABLE}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n{''.join(chains)}}}\n"
    )


def _body(networks: Networks, revision_chain: str) -> str:
    own, leaving, knocking = [], [], []
    for name, its in sorted(networks.items()):
        chain = f"of_{bridge_chain(its['bridge'])}"
        for bridge in bridges({name: its}):
            leaving.append(f'iifname "{bridge}" oifname != "{bridge}" goto {chain}')
            knocking.append(f'iifname "{bridge}" icmpv6 type {NEIGHBOURS} accept')
            knocking.append(f'iifname "{bridge}" goto {chain}')
        entries = sorted({entry for owned in its["allowed"].values() for entry in owned})
        allowed = [rule for entry in entries for rule in rules(entry)]
        # Only answers: a connection that a container began while the way was open ends when it closes.
        first = ["ct direction reply accept", f"iifname @{OPENED} accept"]
        last = f"counter name {COUNTER} reject with icmpx type admin-prohibited"
        own.append(_chain(chain, [*first, *allowed, last]))
    hook = "type filter hook {} priority {}; policy accept;"
    chains = [
        *([_chain(revision_chain, [])] if revision_chain else []),
        # Chains that others go to come before them.
        *own,
        _chain("forward", [hook.format("forward", PRIORITY), *leaving]),
        # The host itself is a way out, too: it may run a proxy.
        _chain("input", [hook.format("input", PRIORITY), *knocking]),
    ]
    opened = f"  set {OPENED} {{\n    type ifname\n    flags timeout\n  }}\n"
    return f"table inet {TABLE} {{\n  counter {COUNTER} {{ }}\n{opened}{''.join(chains)}}}\n"


def bridge_chain(bridge: str) -> str:
    """Return a bridge's name as nftables takes it for a chain."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", bridge)


def _chain(name: str, lines: Sequence[str]) -> str:
    return "".join([f"  chain {name} {{\n", *(f"    {line}\n" for line in lines), "  }\n"])


def merged(present: Mapping[str, Sequence[str]], owner: str, entries: Iterable[str]) -> Dict[str, List[str]]:
    """Return everybody's entries with those of one owner replaced."""
    others = {name: list(owned) for name, owned in present.items() if name != owner}
    own = sorted(set(entries))
    return {**others, owner: own} if own else others
