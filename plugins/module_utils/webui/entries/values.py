# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Free values (JSON) as servers keep them: merged key by key, compared without what is empty, checked beforehand."""

from __future__ import annotations

import math
import re
from typing import Any, Iterator, Mapping

LEAST_NUMBER, MOST_NUMBER = -(2**63), 2**64 - 1
# PostgreSQL keeps no NUL, and half a surrogate pair is no text at all.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def merged(current: Any, given: Any) -> Any:
    """Return ``present`` with what was given of it: mappings key by key, a null removes its key, all else is whole."""
    if not isinstance(given, Mapping):
        return given
    result = dict(current) if isinstance(current, Mapping) else {}
    for key, value in given.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def alike(one: Any, other: Any) -> bool:
    """Tell whether two values say the same: null, an empty mapping and an absent key do, 1 and true do not."""
    return _equal(_bare(one), _bare(other))


def problems(value: Any, where: str) -> Iterator[str]:
    """Yield a sentence for each part of a value that no server can keep as it is; ``where`` names the option."""
    if isinstance(value, str):
        if UNSTORABLE.search(value):
            yield f"{where} holds a NUL or half a surrogate pair, which databases refuse; take it out"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from problems(key, f"a key of {where}")
            yield from problems(item, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            yield from problems(item, f"{where}[{number}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{where} is {value}, which JSON cannot carry; give a number"
    elif isinstance(value, int) and not LEAST_NUMBER <= value <= MOST_NUMBER:
        yield f"{where} is {value}, of which the server keeps only the first digits; give a number of 64 bits at most"


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
    # Python takes True for 1.
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
