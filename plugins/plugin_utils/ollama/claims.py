# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which GPUs each server asks for, which it gets, and which two servers claim."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..values import flag, is_list, number
from .gpus import Gpu, without_kind

# An index, a MIG device by its place (1:0), a UUID, or a CDI name.
ID = re.compile("^([0-9]+(:[0-9]+)?|(GPU|MIG)-[0-9A-Za-z/-]+|[a-z0-9.-]+/[a-z0-9]+=(?!all$)[0-9A-Za-z:_-]+)$")


@dataclass(frozen=True)
class Claim:
    """What a server asks for, and what it has of it.

    ``has`` are keys of GPUs, ``unknown`` ids that the host lacks, ``short`` how many a count lacks.
    """

    name: str = ""
    vendor: str = ""
    whole: bool = True
    shared: bool = True
    count: int = 0
    ids: tuple[str, ...] = ()
    has: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    short: int = 0

    @property
    def requested(self) -> tuple[str, ...]:
        """The ids for the engine. One stays as it was given, since an index may change and a UUID does not."""
        return self.ids or (self.has if self.count else ())


@dataclass
class _Taken:
    """The GPUs that are given away already, by the keys of whole ones."""

    alone: list[str] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)


def readable(devices: Any) -> bool:
    """Tell whether gpu_devices names GPUs: all, a count from 1, or a list of ids."""
    if is_list(devices):
        return len(devices) > 0 and all(ID.match(str(one)) for one in devices)
    return re.match("^(all|[1-9][0-9]*)$", str(devices)) is not None


def asks_for_all(devices: Any) -> bool:
    """Tell whether gpu_devices is all, which needs no knowledge of the host."""
    return not is_list(devices) and str(devices) == "all"


def shown(devices: Any) -> str:
    """Return gpu_devices for a sentence."""
    return json.dumps(list(devices) if is_list(devices) else devices)


def claims(instances: Iterable[Mapping[str, Any]], gpus: Sequence[Gpu], auto: str) -> list[Claim]:
    """Return the claims of all servers that are to have a GPU.

    Lists come first, so that a count takes what they leave.
    """
    asked = [_asked(its, auto) for its in instances if its["gpu"] != "none"]
    lists = [claim for claim in asked if not claim.count]
    counts = sorted((claim for claim in asked if claim.count), key=lambda claim: claim.shared)
    taken = _Taken()
    return [_settled(claim, gpus, taken) for claim in [*lists, *counts]]


def clashes(mine: Claim, all_claims: Iterable[Claim]) -> list[str]:
    """Return what another server claims too, in one sentence.

    Two have the same GPU, a part of it, or one has them all; unless both share. Before the host was inspected, only
    what is written alike is known to be the same.
    """
    found = [
        f"GPU {key} is that of {other.name} too"
        for other in all_claims
        if other.name != mine.name and other.vendor == mine.vendor and not (other.shared and mine.shared)
        for key in (other.has if mine.whole else mine.has)
        if mine.whole or other.whole or any(_overlaps(key, one) for one in other.has)
    ]
    if not found:
        return []
    same = ", ".join(dict.fromkeys(found))
    return [f"{same}: give each instance gpu_devices of its own, or set gpu_shared to true for both."]


def _asked(its: Mapping[str, Any], auto: str) -> Claim:
    devices = its["gpu_devices"]
    listed = is_list(devices)
    whole = asks_for_all(devices)
    return Claim(
        name=its["name"],
        vendor=auto if its["gpu"] == "auto" else its["gpu"],
        whole=whole,
        shared=whole or flag(its["gpu_shared"]),
        count=0 if listed else number(devices),
        ids=tuple(dict.fromkeys(without_kind(str(one)) for one in devices)) if listed else (),
    )


def _settled(claim: Claim, gpus: Sequence[Gpu], taken: _Taken) -> Claim:
    known = [gpu for gpu in gpus if gpu.vendor == claim.vendor]
    # Where nothing is known of the host, an id is its own key, and a count is believed.
    keys = {name: next((gpu.key for gpu in known if gpu.is_called(name)), None) for name in claim.ids}
    has = [name if key is None else key for name, key in keys.items()]
    if claim.count:
        others = taken.alone if claim.shared else taken.alone + taken.shared
        whole = [gpu.key for gpu in known if ":" not in gpu.key] or [
            str(one) for one in range(claim.count + len(others))
        ]
        has += [key for key in whole if key not in others][: claim.count]
    (taken.shared if claim.shared else taken.alone).extend(_card(key) for key in has)
    return replace(
        claim,
        has=tuple(dict.fromkeys(has)),
        unknown=tuple(name for name, key in keys.items() if key is None) if known else (),
        short=max(claim.count - len(has), 0) if claim.count else 0,
    )


def _overlaps(key: str, other: str) -> bool:
    return other in (key, _card(key)) or other.startswith(f"{key}:")


def _card(key: str) -> str:
    return key.partition(":")[0]
