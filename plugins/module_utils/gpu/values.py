# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has: GPUs, parts of them, and what is wrong with them."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Optional, Tuple

NVIDIA, AMD, INTEL = "nvidia", "amd", "intel"
ERROR, WARNING = "error", "warning"
# Of each GB that a MIG profile names. The smallest known is 4,864 MiB of 1g.5gb (A100-SXM4-40GB).
PROFILE_BYTES = 972 * 1024 * 1024


@dataclass(frozen=True)
class Slice:
    """One MIG device. ``memory_total`` is in bytes, 0 where nothing tells it."""

    index: int
    uuid: str
    profile: str
    memory_total: int = 0
    cdi_names: Tuple[str, ...] = ()

    @property
    def memory_least(self) -> int:
        """Return the bytes that it has at the least, by its profile (1g.10gb) where nothing else tells them."""
        size = re.search(r"(\d{1,4})gb", self.profile, re.ASCII)
        return self.memory_total or (int(size.group(1)) * PROFILE_BYTES if size else 0)


@dataclass(frozen=True)
class Gpu:
    """One GPU.

    ``index`` counts the GPUs of one vendor. ``memory_total`` is in bytes, 0 where nothing tells it; ``unified`` says
    that this is the host's own memory. ``driver_version`` is "" where no driver has the GPU. ``nodes`` are its device
    files. ``unusable`` is the id of the problem that keeps Ollama from it, "" where none is known.
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

    def told(self) -> dict[str, Any]:
        """Return what the module tells of it."""
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


@dataclass(frozen=True)
class Problem:
    """Something that keeps a GPU from work. ``say`` is one sentence: the cause and the way out."""

    id: str
    say: str
    severity: str = ERROR
    gpu: Optional[str] = None

    def told(self) -> dict[str, Any]:
        return asdict(self)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
