# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came out of the estimate of one model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from .placement import GPU, NOWHERE, Placement
from .sources import Known, Source


@dataclass(frozen=True)
class Verdict:
    """One model on this host. ``download`` is in bytes, ``disk`` whether there is room for it, None if not judged."""

    source: Source
    known: Known
    placement: Placement
    cache_asked: str
    download: int
    disk: Optional[bool]

    def fits(self, where: str) -> bool:
        """Tell whether it fits, "gpu": wholly on GPUs, or "memory": on GPUs and in memory together."""
        fitting = self.placement.where == GPU if where == "gpu" else self.placement.where != NOWHERE
        return fitting and self.disk is not False
