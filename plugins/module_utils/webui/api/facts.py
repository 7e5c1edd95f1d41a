# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about a server of Open WebUI."""

from __future__ import annotations

from typing import Any, Dict

from .client import Client


def server_facts(client: Client) -> Dict[str, Any]:
    """Return version, features, models, groups and number of accounts; four requests."""
    config = client.get_mapping("/api/config", "read what the server can do")
    models = client.get_mapping("/api/models", "read the models")
    users = client.get_mapping(
        "users/", "read the accounts", params={"page": 1, "order_by": "email", "direction": "asc"}
    )
    return {
        "version": str(config.get("version", "")),
        "name": str(config.get("name", "")),
        "features": dict(config.get("features") or {}),
        "models": sorted(str(model["id"]) for model in models.get("data") or ()),
        "users_total": int(users.get("total") or 0),
        "groups": sorted(str(group["name"]) for group in client.get_list("groups/", "read the groups")),
    }
