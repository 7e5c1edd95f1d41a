# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Ollama servers of a host, by its variables in the inventory and the defaults of the role ollama."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..role_defaults import option


def entries(its: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the entries of ollama_instances; without any, one that says nothing."""
    listed = its.get("ollama_instances") or [{}]
    return [one if isinstance(one, Mapping) else {} for one in listed]


def instance_option(its: Mapping[str, Any], entry: Mapping[str, Any], name: str) -> Any:
    """Return an option of one server: its own, else the host's, else the role's default."""
    return entry[name] if name in entry else option(its, "ollama", f"ollama_{name}")


def instance_options(its: Mapping[str, Any], name: str) -> list[Any]:
    """Return an option of each server."""
    return [instance_option(its, entry, name) for entry in entries(its)]
