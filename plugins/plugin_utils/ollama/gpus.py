# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The GPUs of a host, as a server can be given them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.selfhosted.llm.plugins.module_utils.gpu.values import PROFILE_BYTES
from ansible_collections.selfhosted.llm.plugins.module_utils.host.units import gigabytes

from ..findings import finding_texts


@dataclass(frozen=True)
class Gpu:
    """A GPU, or a MIG device on one.

    ``key`` is 0 for a GPU and 0:1 for the second MIG device on it. ``bytes`` is what a server can have of it: nothing
    of one that Ollama cannot use, and of one in MIG mode its first device, since a process sees no more.
    """

    key: str
    vendor: str
    name: str
    uuid: str
    total: int
    bytes: int
    unified: bool
    cdi: tuple[str, ...]
    mig: bool
    usable: bool

    def is_called(self, name: str) -> bool:
        """Tell whether the key, the UUID or a CDI name (without what stands before the =) is this."""
        return name in (self.key, self.uuid, *map(without_kind, self.cdi))

    def label(self) -> str:
        """Return what a person knows it by."""
        parts = (self.name, self.uuid, gigabytes(self.total))
        return f"{self.key} ({', '.join(part for part in parts if part)})"


def without_kind(name: str) -> str:
    """Return a CDI name as NVIDIA's hook and ROCm write it."""
    return re.sub("^[^=]*=", "", name)


def gpus_of(facts: Mapping[str, Any]) -> list[Gpu]:
    """Return the GPUs that have a driver, and their MIG devices, of what the module gpu_info returned."""
    found = []
    for gpu in facts.get("gpus") or []:
        if gpu["driver_version"]:
            parts = [_part(gpu, part) for part in gpu["mig"]["devices"]]
            found += [_whole(gpu, parts), *parts]
    return found


def errors_of(facts: Mapping[str, Any]) -> list[str]:
    """Return what keeps the GPUs from working, in sentences."""
    return finding_texts(facts.get("findings") or [], "error")


def labels(gpus: Iterable[Gpu], vendor: str) -> str:
    """Return the GPUs of a vendor for a sentence."""
    return "; ".join(gpu.label() for gpu in gpus if gpu.vendor == vendor)


def _whole(gpu: Mapping[str, Any], parts: list[Gpu]) -> Gpu:
    usable = gpu.get("usable", True)
    return Gpu(
        key=str(gpu["index"]),
        vendor=gpu["vendor"],
        name=gpu["name"],
        uuid=gpu["uuid"],
        total=gpu["memory_total"],
        bytes=(parts[0].bytes if parts else gpu["memory_total"]) if usable else 0,
        unified=gpu["unified"],
        cdi=tuple(gpu["cdi_names"]),
        mig=gpu["mig"]["enabled"],
        usable=usable,
    )


def _part(gpu: Mapping[str, Any], part: Mapping[str, Any]) -> Gpu:
    usable = gpu.get("usable", True)
    profile = re.search("([0-9]+)gb", part["profile"])
    size = part["memory_total"] or (int(profile.group(1)) if profile else 0) * PROFILE_BYTES
    return Gpu(
        key=f"{gpu['index']}:{part['index']}",
        vendor=gpu["vendor"],
        name=f"MIG {part['profile']}",
        uuid=part["uuid"],
        total=part["memory_total"],
        bytes=size if usable else 0,
        unified=gpu["unified"],
        cdi=tuple(part.get("cdi_names", [])),
        mig=True,
        usable=usable,
    )
