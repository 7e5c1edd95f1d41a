# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has: GPUs, parts of them, and what is wrong with them."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Optional, Tuple

from ..host.units import MIB

NVIDIA, AMD, INTEL = "nvidia", "amd", "intel"
# Bytes for each GB in the name of a MIG profile. The smallest known is 4,864 MiB for 1g.5gb (A100-SXM4-40GB).
PROFILE_BYTES = 972 * MIB


@dataclass(frozen=True)
class Slice:
    """One MIG device. ``memory_total`` is in bytes, 0 where it is unknown."""

    index: int
    uuid: str
    profile: str
    memory_total: int = 0
    cdi_names: Tuple[str, ...] = ()

    @property
    def min_memory(self) -> int:
        """Its bytes, or the smallest number that its profile (1g.10gb) stands for where the size is unknown."""
        size = re.search(r"(\d{1,4})gb", self.profile, re.ASCII)
        return self.memory_total or (int(size.group(1)) * PROFILE_BYTES if size else 0)


@dataclass(frozen=True)
class Gpu:
    """One GPU.

    ``index`` counts the GPUs of one vendor. ``memory_total`` is in bytes, 0 where it is unknown; ``unified`` means that
    the GPU uses the host's memory. ``driver_version`` is "" where no driver is bound to the GPU. ``nodes`` are its
    device files. ``unusable`` is the id of the finding that keeps Ollama from using it, "" where none is known.
    """

    vendor: str
    index: int
    name: str
    uuid: str = ""
    bus_id: str = ""
    memory_total: int = 0
    unified: bool = False
    compute_capability: Optional[str] = None
    driver_version: str = ""
    persistence: Optional[bool] = None
    mig_enabled: bool = False
    slices: Tuple[Slice, ...] = ()
    cdi_names: Tuple[str, ...] = ()
    nodes: Tuple[str, ...] = ()
    unusable: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the GPU as gpu_info returns it."""
        return {
            "vendor": self.vendor,
            "index": self.index,
            "name": self.name,
            "uuid": self.uuid,
            "bus_id": self.bus_id,
            "memory_total": self.memory_total,
            "unified": self.unified,
            "compute_capability": self.compute_capability,
            "driver_version": self.driver_version,
            "persistence": self.persistence,
            "mig": {"enabled": self.mig_enabled, "devices": [_plain(asdict(one)) for one in self.slices]},
            "cdi_names": list(self.cdi_names),
            "usable": bool(self.driver_version) and not self.unusable,
        }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
