# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that only read tell."""

from __future__ import annotations

from typing import Any, Collection, Mapping, Optional, Sequence

from ..api.client import Client
from ..api.names import ModelName
from . import content as contents
from .content import State
from .show import content


def model_facts(client: Client, name: Optional[str]) -> list[State]:
    """Return all models by the list, or one in full."""
    key = ModelName.listed(name).key if name is not None else None
    listed = [item for item in client.tags() if key is None or contents.key_of(item) == key]
    found = [contents.listed_state(item) for item in sorted(listed, key=lambda item: str(item.get("name")).lower())]
    if key is None:
        return found
    return [{**state, **content(client, str(state["name"]))} for state in found]


def add_updates(client: Client, models: Sequence[State], insecure: Collection[str], timeout: float) -> list[str]:
    """Add to each model whether its registry serves another one under its name, and return warnings.

    ``insecure`` are the registries that are asked by plain HTTP. What cannot be told is None, as of
    a model that no registry knows.
    """
    from ..api.registry import Unserved
    from .registry_check import ServedManifests

    served = ServedManifests(client, timeout)
    plain = {host.lower() for host in insecure}
    names = [(ModelName.listed(str(model["name"])), model) for model in models]
    named = [(name, model) for name, model in names if name.host and not name.fault_of_port]
    asked = [(name, name.host.lower() in plain) for name, _model in named]
    served.ask(asked)
    warnings = []
    for model in models:
        model["update_available"] = None
    for (name, by_http), (_name, model) in zip(asked, named):
        answer = served.answer(name, by_http)
        if isinstance(answer, Unserved):
            if answer.status != 404:
                warnings.append(f"Whether there is an update of {name.display} is unknown, because {answer.reason}.")
            continue
        model["update_available"] = not served.is_served(model, answer)
    return warnings


def server_facts(client: Client) -> dict[str, Any]:
    """Return the server's version, the names of its models, and what is in memory."""
    return {
        "version": client.version,
        "models": sorted(str(item.get("name")) for item in client.tags()),
        "loaded": [_loaded(item) for item in client.running()],
    }


def _loaded(item: Mapping[str, Any]) -> dict[str, Any]:
    size, on_gpu = int(item.get("size") or 0), int(item.get("size_vram") or 0)
    return {
        "name": str(item.get("name")),
        "size": size,
        "size_vram": on_gpu,
        "gpu_percent": round(100 * on_gpu / size) if size else 0,
        "expires_at": str(item.get("expires_at") or ""),
    }
