# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's options as values, once they are known to make sense."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ..engine.errors import Failure
from ..host.finding import GB, LEVELS, RULES
from .machine.machine import MemoryNeeds
from .survey import Limits

LONGEST_WAIT = 300.0
AMOUNTS = ("memory_least", "memory_good", "memory_large", "gpu_memory_least", "disk_spare")


def limits(given: Mapping[str, Any]) -> Limits:
    """Return the figures in bytes; raise Failure for one that cannot be."""
    for name in AMOUNTS:
        if not 0 <= given[name] < 1e6:
            raise Failure(f"{name} is {given[name]:g}; give gigabytes, 0 or more.")
    if not 0 < given["timeout"] <= LONGEST_WAIT:
        raise Failure(f"timeout is {given['timeout']:g}; give seconds above 0, {LONGEST_WAIT:g} at most.")
    sizes = {name: int(given[name] * GB) for name in AMOUNTS}
    return Limits(
        MemoryNeeds(sizes["memory_least"], sizes["memory_good"], sizes["memory_large"]),
        sizes["gpu_memory_least"],
        sizes["disk_spare"],
        given["timeout"],
    )


def checked_rules(given: Mapping[str, Any]) -> Dict[str, str]:
    """Return the rules; raise Failure that names all that are none."""
    strangers = sorted(set(given) - set(RULES))
    if strangers:
        raise Failure(f"rules has {', '.join(strangers)}, which is no rule; give of {', '.join(RULES)}.")
    wrong = [f"{name} is {level!r}" for name, level in given.items() if level not in LEVELS]
    if wrong:
        raise Failure(f"Of rules {', '.join(wrong)}; give one of {', '.join(LEVELS)}.")
    return {str(name): str(level) for name, level in given.items()}
