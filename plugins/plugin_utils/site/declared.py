# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers that the inventory asks for on a host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..containers.images import reference
from ..role_defaults import option
from ..values import number
from .instances import entries, instance_option


def declared_containers(its: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """Return the containers of a kind (ollama or open-webui) that a host's variables and the defaults ask for."""
    if kind not in KINDS:
        raise AnsibleFilterError(f"kind is {kind!r}: give ollama or open-webui.")
    return KINDS[kind](its)


def _ollamas(its: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [_ollama(its, entry) for entry in entries(its)]


def _ollama(its: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    name = entry["name"] if "name" in entry else option(its, "ollama", "ollama_container_name")
    volume = name if "name" in entry else option(its, "ollama", "ollama_volume")
    return {
        "name": name,
        "kind": "ollama",
        "image": reference(option(its, "ollama", "ollama_image"), instance_option(its, entry, "version")),
        "address": instance_option(its, entry, "bind_address"),
        "port": number(instance_option(its, entry, "port")),
        "volume": entry.get("volume", volume),
        **_network(its, "ollama"),
    }


def _open_webuis(its: Mapping[str, Any]) -> list[dict[str, Any]]:
    def own(name: str) -> Any:
        return option(its, "open_webui", f"open_webui_{name}")

    container = {
        "name": own("container_name"),
        "kind": "open-webui",
        "image": reference(own("image"), own("version")),
        "address": own("bind_address"),
        "port": number(own("port")),
        "volume": own("volume"),
        **_network(its, "open_webui"),
    }
    return [container]


def _network(its: Mapping[str, Any], role: str) -> dict[str, Any]:
    return {"network": option(its, role, "llm_network"), "egress": option(its, role, "llm_egress")}


KINDS: Mapping[str, Callable[[Mapping[str, Any]], list[dict[str, Any]]]] = {
    "ollama": _ollamas,
    "open-webui": _open_webuis,
}
