# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Free-form values (JSON): merge them key by key, compare them without empty parts, and validate them."""

from __future__ import annotations

import math
import re
from typing import Any, Iterator, Mapping

MIN_NUMBER, MAX_NUMBER = -(2**63), 2**64 - 1
# PostgreSQL stores no NUL, and half a surrogate pair is not valid Unicode.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def merged(current: Any, desired: Any) -> Any:
    """Return ``current`` with ``desired`` written over it: mappings key by key, null removes a key, else replaced."""
    if not isinstance(desired, Mapping):
        return desired
    result = dict(current) if isinstance(current, Mapping) else {}
    for key, value in desired.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def alike(one: Any, other: Any) -> bool:
    """Tell whether two values are equal: null, an empty mapping and a missing key are, 1 and true are not."""
    return _equal(_bare(one), _bare(other))


def problems(value: Any, where: str) -> Iterator[str]:
    """Yield a sentence for each part of a value that the server cannot store; ``where`` names the option."""
    if isinstance(value, str):
        if UNSTORABLE.search(value):
            yield f"{where} holds a NUL or half a surrogate pair, which databases refuse; remove it"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from problems(key, f"a key of {where}")
            yield from problems(item, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            yield from problems(item, f"{where}[{number}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{where} is {value}, which JSON cannot represent; set a number"
    elif isinstance(value, int) and not MIN_NUMBER <= value <= MAX_NUMBER:
        yield f"{where} is {value}, of which the server keeps only the first digits; set a number of at most 64 bits"


def _bare(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {key: _bare(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item != {}}
    if isinstance(value, (list, tuple)):
        return [_bare(item) for item in value]
    return value


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    # In Python, True equals 1.
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
