# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what comes from outside fits through the containers' network that is there."""

from __future__ import annotations

from typing import Iterator

from ...docker.egress.network import mtu_of, wanted_mtu
from ...host.finding import Finding, listed
from .engine import Engine


def findings(engine: Engine, network: str, mtu: str) -> Iterator[Finding]:
    """Yield a finding where containers use a network whose MTU is larger than ``mtu`` (auto or bytes) allows.

    One that nobody uses is created again by the roles.
    """
    told = engine.network(network) if network else None
    users = engine.containers_on(network) if told and told.get("Driver") == "bridge" else []
    if not told or not users:
        return
    current, wanted = mtu_of(told), wanted_mtu(mtu)
    if current > wanted:
        say = (
            f"The Docker network {network} has an MTU of {current} bytes and the way out of this host takes {wanted}, "
            f"so larger answers from outside get lost for {listed(users)}: `docker rm --force {' '.join(users)} && "
            f"docker network rm {network}` (volumes stay), then run this again."
        )
        yield Finding("mtu", say, f"{current} bytes", f"{wanted} bytes at the most")
