# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as Ollama takes them."""

from __future__ import annotations

import math
import re
from typing import Optional

FOREVER = math.inf
# A load without end expires some 292 years ahead; nobody means a time that is longer than this.
FAR = 50 * 365 * 86400.0
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def seconds(text: str) -> Optional[float]:
    """Return a duration in seconds; None where it is none.

    A bare number is seconds, as the server reads it; a negative one, and the word
    ``forever``, are without end, and so is a time of more than 50 years.
    """
    text = text.strip().lower()
    if text == "forever":
        return FOREVER
    negative = text.startswith("-")
    bare = text[1:] if text[:1] in ("-", "+") else text
    if re.fullmatch(r"\d+(?:\.\d*)?", bare):
        value = float(bare)
    elif bare and not _PART.sub("", bare):
        value = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(bare))
    else:
        return None
    return FOREVER if (negative and value) or value > FAR else value
