# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ollama's images need of an NVIDIA GPU, and why they cannot use one."""

from __future__ import annotations

import re
from typing import Optional, Tuple

from .nvidia import VGPU, Card

LEAST_DRIVER = (550,)
LEAST_DRIVER_OLD_CARDS = (570,)
LEAST_CAPABILITY = (5, 0)
LAST_OLD_CAPABILITY = (6, 2)
# The images have libraries for these releases of a Jetson's system (L4T), which are JetPack 5 and 6 (Ollama,
# discover/gpu.go). Later releases are said to use those for servers; on R38 and R39 they find no GPU (issue 18067).
JETPACKS = {35: 5, 36: 6}
UNKNOWN_RELEASE = "unknown"
# The series for desktops, which have no CUDA (NVIDIA's vGPU user guide, "OpenCL and CUDA Application Development").
_WITHOUT_CUDA = ("A", "B")


def numbers(version: str) -> Tuple[int, ...]:
    """Return a version as numbers to compare."""
    return tuple(int(part) for part in re.findall(r"\d{1,9}", version, re.ASCII))


def jetpack(release: str) -> Optional[int]:
    """Return the JetPack of a Jetson's release (36.4.3) that Ollama has libraries for, None where it has none."""
    return JETPACKS.get(next(iter(numbers(release)), 0))


def without_cuda(card: Card) -> bool:
    """Tell whether this is a vGPU of a series that has no CUDA."""
    found = VGPU.search(card.name)
    return found is not None and found.group(1) in _WITHOUT_CUDA


def unlicensed(card: Card) -> bool:
    """Tell whether this is a vGPU that refuses CUDA because it has no licence."""
    state = card.licence.lower()
    return (state.startswith("unlicensed") and not grace(card)) or "expired" in state


def grace(card: Card) -> bool:
    """Tell whether this is a vGPU without a licence that still works, as each does for a while after its start."""
    return "(unrestricted)" in card.licence.lower() and card.licence.lower().startswith("unlicensed")


def old_card(capability: Optional[str]) -> bool:
    """Tell whether a card is so old that Ollama does not use it."""
    return bool(capability) and numbers(capability or "") < LEAST_CAPABILITY


def old_driver(version: str, capability: Optional[str]) -> bool:
    """Tell whether a driver is too old for Ollama, or for Ollama on a card of this compute capability."""
    if not version:
        return False
    between = bool(capability) and LEAST_CAPABILITY <= numbers(capability or "") <= LAST_OLD_CAPABILITY
    return numbers(version) < (LEAST_DRIVER_OLD_CARDS if between else LEAST_DRIVER)


def unusable(card: Card, capability: Optional[str], version: str, release: str) -> str:
    """Return the problem that keeps Ollama from using a card, "" where none is known.

    ``release`` is that of a Jetson's system, "" on other hosts.
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
