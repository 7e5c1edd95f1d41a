# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Linux tells of a machine by files and by its clock, whoever asks."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import List, Optional

# What adjtimex returns for a clock that nobody sets.
CLOCK_ERROR = 5


def text(root: str, path: str) -> str:
    """Return what stands in a file under ``root``, or "" where it cannot be read."""
    try:
        return Path(root, path).read_text(encoding="utf-8", errors="replace").replace("\0", " ").strip()
    except (OSError, ValueError):
        return ""


def names(root: str, path: str) -> List[str]:
    """Return what is in a folder under ``root``, sorted."""
    try:
        return sorted(os.listdir(os.path.join(root, path)))
    except OSError:
        return []


def nearest(path: str) -> str:
    """Return the absolute path, or what is above it where it is still to be made or this user cannot see so far."""
    place = os.path.abspath(path)
    while not os.path.exists(place):
        place = os.path.dirname(place)
    return place


def clock_synchronised() -> Optional[bool]:
    """Tell whether something keeps the kernel's clock right; None where the kernel does not say.

    adjtimex(2) needs no rights to read: a structure of zeros, which has 208 bytes, orders nothing.
    """
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != CLOCK_ERROR
