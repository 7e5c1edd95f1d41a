# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the containers may reach, as both roles say it: it is the network's."""

from __future__ import annotations

from collections.abc import Sequence

EGRESS = ("closed", "mirror", "open")


def egress_problems(egress: str, allowed: Sequence[str]) -> list[str]:
    """Return what is wrong with llm_egress and llm_egress_allowed, each in one sentence."""
    found = []
    if egress not in EGRESS:
        found.append(f"llm_egress is '{egress}': give closed, mirror or open.")
    if egress == "mirror" and not allowed:
        found.append(
            "llm_egress is mirror, and llm_egress_allowed names none: list it, for example mirror.example.org:443, or "
            "set llm_egress to closed."
        )
    if egress != "mirror" and allowed:
        found.append(
            f"llm_egress_allowed is read with llm_egress: mirror only, and llm_egress is {egress}: set it to mirror, "
            "or empty the list."
        )
    return found
