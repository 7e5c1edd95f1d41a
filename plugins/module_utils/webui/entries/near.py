# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Suggestions for an unknown name."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Iterable, List

MAX_SUGGESTIONS = 3
MIN_LIKENESS = 0.7


def near(name: str, keys: Iterable[str]) -> List[str]:
    """Return the keys most similar to a name, which may be that of an environment variable."""
    scored = sorted((-_likeness(name, key), len(key), key) for key in keys)
    return [key for score, _length, key in scored[:MAX_SUGGESTIONS] if -score >= MIN_LIKENESS]


def _likeness(name: str, key: str) -> float:
    wanted, plain = name.lower().replace(".", "_"), key.replace(".", "_")
    pairs = [(wanted, plain), (wanted, key.rpartition(".")[2]), (_sorted(wanted), _sorted(plain))]
    return max(_ratio(one, other) for one, other in pairs)


def _ratio(one: str, other: str) -> float:
    matcher = SequenceMatcher(None, one, other)
    # The cheap bound first: a server has some 400 settings.
    return matcher.ratio() if matcher.quick_ratio() >= MIN_LIKENESS else 0.0


def _sorted(name: str) -> str:
    return "_".join(sorted(name.split("_")))
