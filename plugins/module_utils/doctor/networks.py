# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker networks of the containers and their egress: the rules of docker_egress, and what the kernel loaded."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ..docker.egress import host as egress_host
from ..docker.egress import rules as egress
from ..docker.egress.network import mtu_of, uplink_mtu
from ..docker.engine import Engine


def networks(engine: Engine, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each network of these containers with its egress.

    Raises Failure if this user may not read the rules, NoAnswer if the engine does not answer.
    """
    names = sorted({name for one in found for name in one.get("networks", [])})
    if not names:
        return []
    closed, table = egress.parse(egress_host.rules_text()), egress_host.in_force()
    loaded, kept = egress.is_loaded(closed, table), egress_host.kept()
    described, uplink = [], uplink_mtu()
    for name in names:
        known, rules = engine.network(name) or {}, closed.get(name) or {}
        # A recreated network has another bridge than the closed one.
        bridge = egress_host.bridge_name(known) if known else ""
        is_its = bool(bridge) and rules.get("bridge") == bridge
        described.append(
            {
                "name": name,
                "internal": bool(known.get("Internal")) or known.get("Driver") == "null",
                "egress": rules.get("egress", "open"),
                "in_force": is_its and loaded,
                "kept": is_its and kept,
                "opened": is_its and egress_host.is_opened(table, bridge),
                "mtu": mtu_of(known),
                "uplink_mtu": uplink,
            }
        )
    return described
