# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ollama's images require of an NVIDIA GPU, and why they cannot use one."""

from __future__ import annotations

import re
from typing import Optional, Tuple

from .nvidia import VGPU, Card

MIN_DRIVER = (550,)
MIN_DRIVER_OLD_CARDS = (570,)
MIN_CAPABILITY = (5, 0)
LAST_OLD_CAPABILITY = (6, 2)
# The images have libraries for these releases of a Jetson's system (L4T), JetPack 5 and 6 (Ollama, discover/gpu.go).
# Later releases should use the libraries for servers, but on R38 and R39 these find no GPU (Ollama issue 18067).
JETPACKS = {35: 5, 36: 6}
UNKNOWN_RELEASE = "unknown"
# The series for desktops, without CUDA (NVIDIA's vGPU user guide, "OpenCL and CUDA Application Development").
_WITHOUT_CUDA = ("A", "B")


def numbers(version: str) -> Tuple[int, ...]:
    """Return a version as numbers to compare."""
    return tuple(int(part) for part in re.findall(r"\d{1,9}", version, re.ASCII))


def jetpack(release: str) -> Optional[int]:
    """Return the JetPack of a Jetson's release (36.4.3), None if Ollama has no libraries for it."""
    return JETPACKS.get(next(iter(numbers(release)), 0))


def without_cuda(card: Card) -> bool:
    """Tell whether this is a vGPU of a series without CUDA."""
    found = VGPU.search(card.name)
    return found is not None and found.group(1) in _WITHOUT_CUDA


def unlicensed(card: Card) -> bool:
    """Tell whether this vGPU refuses CUDA because it has no licence."""
    state = card.licence.lower()
    return (state.startswith("unlicensed") and not grace(card)) or "expired" in state


def grace(card: Card) -> bool:
    """Tell whether this vGPU has no licence but still works, as each does for some time after its start."""
    return "(unrestricted)" in card.licence.lower() and card.licence.lower().startswith("unlicensed")


def old_card(capability: Optional[str]) -> bool:
    """Tell whether a card is too old for Ollama."""
    return bool(capability) and numbers(capability or "") < MIN_CAPABILITY


def old_driver(version: str, capability: Optional[str]) -> bool:
    """Tell whether a driver is too old for Ollama, or for Ollama on a card of this compute capability."""
    if not version:
        return False
    between = bool(capability) and MIN_CAPABILITY <= numbers(capability or "") <= LAST_OLD_CAPABILITY
    return numbers(version) < (MIN_DRIVER_OLD_CARDS if between else MIN_DRIVER)


def unusable(card: Card, capability: Optional[str], version: str, release: str) -> str:
    """Return the id of the finding that keeps Ollama from using a card, "" if there is none.

    ``release`` is the release of a Jetson's system, "" on other hosts.
    """
    reasons = (
        ("gpu-lost", "lost" in card.complaint.lower() or "reset" in card.complaint.lower()),
        ("gpu-too-old", old_card(capability)),
        ("jetson-unsupported", release not in ("", UNKNOWN_RELEASE) and jetpack(release) is None),
        ("driver-too-old", not release and old_driver(version, capability)),
        ("vgpu-without-cuda", without_cuda(card)),
        ("vgpu-unlicensed", unlicensed(card)),
        ("mig-empty", card.mig and not card.slices),
        ("compute-mode", card.compute_mode == "Prohibited"),
    )
    return next((name for name, holds in reasons if holds), "")
