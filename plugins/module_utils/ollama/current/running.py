# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which models are in memory. The server loads weights, not names: names with the same weights share one load."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any, Callable, Mapping, Optional, Sequence

from ..api.durations import FAR, FOREVER
from ..entries.spec import ModelSpec
from .content import State

# The clocks of two machines, and the time between an answer and its look.
SLACK = 5.0

Weights = Callable[[str], Sequence[str]]


def entry_of(state: Mapping[str, Any], running: Sequence[Mapping[str, Any]], weights: Weights) -> Optional[State]:
    """Return what is in memory for a model, or None; ``weights`` tells the digests of a name's files."""
    for entry in running:
        if entry.get("digest") and entry.get("digest") == state.get("digest"):
            return dict(entry)
    mine = list(weights(str(state["name"])))
    for entry in running:
        if mine and list(weights(str(entry.get("name")))) == mine:
            return dict(entry)
    return None


def loaded_state(spec: ModelSpec, entry: Optional[Mapping[str, Any]]) -> State:
    """Return the fields that a desired object for memory is compared by."""
    state: State = {"loaded": entry is not None}
    if spec.keep_alive is not None:
        state["keep_alive"] = kept(entry, spec.keep_alive) if entry else None
    return state


def wanted_state(spec: ModelSpec) -> State:
    """Return the same fields as desired."""
    wanted: State = {} if spec.loaded is None else {"loaded": spec.loaded}
    return wanted if spec.keep_alive is None else {**wanted, "keep_alive": spoken(spec.keep_alive)}


def kept(entry: Mapping[str, Any], desired: float) -> str:
    """Return for how long a model is kept, as far as it can be told from when it expires.

    The time left runs down and each use sets it back, so what is below the desired object may be the desired object.
    """
    left = seconds_left(str(entry.get("expires_at") or ""))
    if left is None or desired == left:
        return spoken(desired)
    if left == FOREVER:
        return spoken(FOREVER)
    if desired == FOREVER:
        return "for a while"
    return spoken(desired) if left <= desired + SLACK else f"longer than {spoken(desired)}"


def seconds_left(expires_at: str) -> Optional[float]:
    """Return the seconds until a time as the server writes it, None where it cannot be read."""
    found = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)$", expires_at)
    if not found:
        return None
    zone = "+00:00" if found.group(2) == "Z" else found.group(2)
    try:
        left = (datetime.fromisoformat(found.group(1) + zone) - datetime.now(timezone.utc)).total_seconds()
    except (ValueError, OverflowError):
        return None
    return FOREVER if left > FAR else left


def spoken(seconds: float) -> str:
    """Return a keep_alive as results show it."""
    return "forever" if seconds == FOREVER else f"{seconds:g}s"
