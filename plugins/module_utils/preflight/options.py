# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validation of the module's options."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ..engine.errors import Failure
from ..host.units import GB
from .check import Limits
from .machine.machine import MemoryNeeds
from .rules import LEVELS, RULES

MAX_TIMEOUT = 300.0
AMOUNTS = ("memory_min", "memory_recommended", "memory_recommended_large", "gpu_memory_min", "disk_spare")


def limits(given: Mapping[str, Any]) -> Limits:
    """Return the limits in bytes; raise Failure for an invalid one."""
    for name in AMOUNTS:
        if not 0 <= given[name] < 1e6:
            raise Failure(f"Invalid {name} {given[name]:g}: set a number of GB, 0 or more.")
    if not 0 < given["timeout"] <= MAX_TIMEOUT:
        raise Failure(f"Invalid timeout {given['timeout']:g}: set seconds above 0, at most {MAX_TIMEOUT:g}.")
    sizes = {name: int(given[name] * GB) for name in AMOUNTS}
    return Limits(
        MemoryNeeds(sizes["memory_min"], sizes["memory_recommended"], sizes["memory_recommended_large"]),
        sizes["gpu_memory_min"],
        sizes["disk_spare"],
        given["timeout"],
    )


def checked_rules(given: Mapping[str, Any]) -> Dict[str, str]:
    """Return the rules; raise Failure with all unknown rules or levels."""
    unknown = sorted(set(given) - set(RULES))
    if unknown:
        raise Failure(f"Unknown in rules: {', '.join(unknown)}. The rules are {', '.join(RULES)}.")
    wrong = [f"{name}: {level!r}" for name, level in given.items() if level not in LEVELS]
    if wrong:
        raise Failure(f"Invalid level in rules ({', '.join(wrong)}): set one of {', '.join(LEVELS)}.")
    return {str(name): str(level) for name, level in given.items()}
