# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GPUs and servers to compute with."""

from __future__ import annotations

from typing import Any

GIB = 1024**3


def card(index: int, *, vendor: str = "nvidia", slices: int = 0, **more: Any) -> dict[str, Any]:
    """Return a GPU as the module gpu_info returns it."""
    parts = [
        {"index": number, "uuid": f"MIG-{index}{number}", "profile": "1g.10gb", "memory_total": GIB, "cdi_names": []}
        for number in range(slices)
    ]
    return {
        "vendor": vendor,
        "index": index,
        "name": "Stand-in",
        "uuid": f"GPU-{index}",
        "memory_total": 8 * GIB,
        "unified": False,
        "driver_version": "580",
        "mig": {"enabled": slices > 0, "devices": parts},
        "cdi_names": [],
        **more,
    }


def server(name: str, devices: Any, **more: Any) -> dict[str, Any]:
    """Return what the plan reads of a server."""
    return {"name": name, "gpu": "auto", "gpu_devices": devices, "gpu_shared": False, **more}
