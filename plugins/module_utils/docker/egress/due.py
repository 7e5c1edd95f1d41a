# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether docker_network and docker_egress have anything to do or to say, asked without a change."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from ...engine.errors import Failure
from .lease import ANONYMOUS
from .network import ensure
from .resource import EgressSpec, entries_of, regulate


def network_due(given: Optional[Mapping[str, Any]]) -> bool:
    """Return whether docker_network with these options would change or warn; true as well where it would fail."""
    if given is None:
        return True
    try:
        told = ensure(given["name"], given["mtu"], {}, check_mode=True)
    except Failure:
        # Whoever makes the network says it.
        return True
    return bool(told["changed"] or told.get("warnings"))


def egress_due(network: Optional[Mapping[str, Any]], given: Optional[Mapping[str, Any]]) -> bool:
    """Return whether docker_egress with these options would change or warn; true as well where it would fail."""
    if network is None or given is None or (given["allowed"] and given["egress"] != "mirror"):
        return True
    try:
        entries = entries_of(given["allowed"], given["urls"] or [])
        spec = EgressSpec(ANONYMOUS, given["egress"], entries)
        told = regulate(network["name"], spec, owner=given["owner"], check_mode=True)
    except Failure:
        return True
    return bool(told["changed"] or told.get("warnings"))
