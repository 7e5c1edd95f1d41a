# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Example inventories, judged by the roles that read their variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import layout, role_options
from .specs import Spec

GROUPS = ("ollama_hosts", "open_webui_hosts")


def inventories() -> list[str]:
    """Return what a person may name after -i: files, and folders unless they hold more than an inventory."""
    return sorted(
        f"{path.name}/hosts.yml" if (path / "files").is_dir() else path.name
        for path in (layout.ROOT / "inventories").glob("*")
        if not path.name.startswith(".")
    )


def playbooks() -> list[str]:
    return sorted(path.name for path in (layout.ROOT / "playbooks").glob("*.yml"))


def listed(path: Path) -> Mapping[str, Any]:
    shown = layout.tool("ansible-inventory", "--inventory", str(path), "--list")
    if shown.returncode:
        raise AssertionError(shown.stderr)
    return dict(json.loads(shown.stdout))


def known_options() -> dict[str, Mapping[str, Any]]:
    return {name: option for role in layout.roles() for name, option in role_options.options(role).items()}


def problems(inventory: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]], roles: list[str]) -> list[str]:
    """Return empty groups, and every variable with a role's prefix that the role does not take as it is."""
    found = [f"{group} has no hosts" for group in GROUPS if not inventory.get(group, {}).get("hosts")]
    for host, variables in inventory["_meta"]["hostvars"].items():
        for name, value in variables.items():
            if name in options:
                option = {**options[name], "required": False}
                found += [f"{host}: {problem}" for problem in Spec({name: option}).problems({name: value})]
            elif any(name.startswith(f"{role}_") for role in roles):
                found.append(f"{host}: {name} is a variable of no role")
    return found
