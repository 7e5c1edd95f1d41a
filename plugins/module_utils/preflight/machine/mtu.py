# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what comes from outside fits through the containers' network that is there."""

from __future__ import annotations

from typing import Iterator

from ...docker.egress.network import mtu_of, wanted_mtu
from ...host.finding import Finding, listed, warning
from .engine import Engine


def findings(engine: Engine, network: str, mtu: str) -> Iterator[Finding]:
    """Yield a finding if containers use a network with a larger MTU than ``mtu`` (auto or bytes) allows.

    The roles create an unused network again.
    """
    told = engine.network(network) if network else None
    users = engine.containers_on(network) if told and told.get("Driver") == "bridge" else []
    if not told or not users:
        return
    current, wanted = mtu_of(told), wanted_mtu(mtu)
    if current > wanted:
        yield warning(
            "mtu",
            f"The Docker network {network} has an MTU of {current} bytes, but the uplink of this host allows {wanted}, "
            f"so {listed(users)} may lose large packets from outside.",
            f"Run `docker rm --force {' '.join(users)} && docker network rm {network}` (volumes stay), then run this "
            f"again.",
            network,
            f"{current} bytes",
        )
