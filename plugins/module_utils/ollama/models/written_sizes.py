# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server writes on its disk for models that are made: uploads, copies and quantized weights.

From 0.30.0 on it writes each uploaded GGUF file again and keeps the upload until a start more than an hour later
(seen on 0.32.15). It writes a temporary file first and copies that (read in the source of 0.33.0, server/create.go and
manifest/layer.go), one model at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, Optional, Sequence, Tuple

from ..api.client import Client
from ..api.names import ModelName
from ..current import content
from ..current.content import State
from ..current.registry_check import ServedManifests
from ..entries.spec import ModelSpec
from .desired_state import DesiredStates

# Bits of a value on the average. Small models keep more of it in large types, since their rows are no multiple of 256.
_BITS = {"F32": 32.0, "F16": 16.0, "Q8_0": 8.5, "Q4_K_M": 5.1, "Q4_K_S": 4.8}
_BITS_OF_SMALL = {"Q4_K_M": 6.6, "Q4_K_S": 6.4}
SMALL = 2_000_000_000


@dataclass
class Written:
    """Sizes in bytes: of ``uploads`` by digest, and of the ``copies`` by model."""

    uploads: Dict[str, int] = field(default_factory=dict)
    copies: Dict[str, int] = field(default_factory=dict)

    @property
    def temporary(self) -> int:
        """What is also written while the largest copy is made."""
        return max(self.copies.values(), default=0)

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.uploads.values()) + sum(self.copies.values()) + self.temporary


def foresee(client: Client, expected: DesiredStates, served: ServedManifests, specs: Sequence[ModelSpec]) -> Written:
    """Return what comes of making these models; a base that is pulled first counts where its manifest was fetched."""
    found = Written()
    for spec in specs:
        if not spec.created:
            continue
        weights = list(expected.files.weights(spec).values())
        for file in [*weights, *expected.files.adapters(spec).values()]:
            found.uploads[file.digest] = file.size
        if spec.base is not None:
            size, count, again = _of_base(client, expected, served, spec, spec.base)
        else:
            (model,) = [file for file in weights if not file.projector]
            size, count, again = model.size, model.weights.count, client.features.rewrites_uploads
        copy = _quantized(spec.quantize, size, count) if spec.quantize else size if again else 0
        if copy:
            found.copies[spec.name.display] = copy
    return found


def _of_base(
    client: Client, expected: DesiredStates, served: ServedManifests, spec: ModelSpec, base: ModelName
) -> Tuple[int, int, bool]:
    """Return the bytes and the values of a base's weights, and whether the server writes them again."""
    state: Optional[State] = expected.foreseen(base)
    manifest = served.known(spec.on_mirror(base))
    size = int((state or {}).get("size") or (manifest.size if manifest else 0))
    shown = expected.shown(base)
    clears = bool(content.cleared(spec, state)) if state else bool(spec.dropped)
    return size, shown.count if shown else 0, clears and client.features.rewrites_uploads


def _quantized(level: str, size: int, count: int) -> int:
    values = count or size // 2
    small = _BITS_OF_SMALL if values < SMALL else {}
    return int(values * small.get(level.upper(), _BITS.get(level.upper(), 32.0)) / 8)


def left_behind(expected: DesiredStates, specs: Sequence[ModelSpec]) -> Dict[str, int]:
    """Return the sizes of the uploads that no model of these needs any more, by path."""
    found: Dict[str, int] = {}
    for spec in specs:
        state = expected.listed.get(spec.name.key, {})
        kept = [*(state.get("weights") or ()), *(state.get("adapters") or ())]
        for file in expected.files.weights(spec).values() if spec.files and kept else ():
            if file.digest not in kept:
                found[file.path] = file.size
    return found
