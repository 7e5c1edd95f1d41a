# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What files/gpu_evidence.py found in the containers, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def gpu_proof(found: Mapping[str, Mapping[str, Any]], hostname: str, causes: Sequence[str]) -> dict[str, list[str]]:
    """Return ``faults`` (names of containers), ``words`` (why the GPU does not work there) and ``notes``.

    Causes that the module gpu_info found on the host take the place of general advice.
    """
    faults = {name: its for name, its in found.items() if its["fault"]}
    words = []
    for name, its in faults.items():
        advice = "" if causes else f"What to do: {its['way']}."
        words.append(f"The GPU does not work in the container {name} on {hostname}: {its['fault']}. {advice}")
    notes = [
        f"Of {name} it cannot be told whether the GPU works: {its['note']}."
        for name, its in found.items()
        if its["note"]
    ]
    return {"faults": list(faults), "words": [*words, *causes], "notes": notes}
