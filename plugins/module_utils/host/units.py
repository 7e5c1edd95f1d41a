# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes: GB (10^9 bytes) for people, binary units where a server or a program uses them."""

from __future__ import annotations

import re
from typing import Optional

MB, GB = 10**6, 10**9
KIB, MIB, GIB = 1024, 1024**2, 1024**3

_BINARY = {"KiB": KIB, "MiB": MIB, "GiB": GIB}
_BINARY_SIZE = re.compile(r"([0-9]+) ?([KMG]iB)")


def gigabytes(size: float) -> str:
    """Return bytes as a data sheet or the label of a disk shows them."""
    return f"{size / GB:.1f} GB" if size >= GB else f"{size / MB:.1f} MB"


def binary_size(text: str) -> Optional[int]:
    """Return the bytes of a text such as "2 GiB", None for any other text."""
    found = _BINARY_SIZE.fullmatch(text)
    return int(found.group(1)) * _BINARY[found.group(2)] if found else None


def percent(part: float, whole: float) -> float:
    """Return the share of a part in percent; 100 for a whole of 0."""
    return 100 * part / whole if whole else 100.0
