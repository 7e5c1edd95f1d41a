# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tools of Open WebUI as a resource of the engine."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from ...engine.converge import Desired, State, Step
from ..api.client import Client
from ..directory import access
from ..directory.access import Grants
from .code_objects import Hide, Plugins, Record, ignore_secrets
from .code_spec import CodeSpec


class Tools(Plugins):
    """Tools by id, with who may use them."""

    kind = "tool"
    path = "tools"
    whole = "tools/export"

    def __init__(self, client: Client, hide: Hide = ignore_secrets) -> None:
        """Take the client; ``hide`` is called with each secret of a valve, so that no output shows it."""
        super().__init__(client, hide)
        self._grants = Grants(client)

    def access_of(self, record: Record) -> Dict[str, Any]:
        """Return who may use a tool."""
        return {"access": self._grants.state(record)}

    def more_problems(self, desired: Desired[CodeSpec]) -> List[str]:
        """Return which groups and accounts of the access are missing, and what the version lacks."""
        found = self._grants.problems(desired.spec.access) if desired.spec.access is not None else []
        if desired.spec.meta:
            found += self._client.features().lacking("meta of a tool", "tool_meta")
        return found

    def in_create(self, after: State) -> Dict[str, Any]:
        """Return the access of a new tool, which is private by default."""
        return self._grants.in_create(after.get("access") or access.wanted({}))

    def in_update(self, step: Step[CodeSpec]) -> Dict[str, Any]:
        """Return the changed access if only an update can set it."""
        return self._grants.in_update((step.after or {})["access"]) if "access" in step.changes else {}

    def kept(self, key: str) -> Dict[str, Any]:
        """Return the current access: before 0.8 an update without it makes the tool public."""
        record = self._records[key]
        return {"access_control": record["access_control"]} if "access_control" in record else {}

    def finish(self, step: Step[CodeSpec], now: Optional[Record]) -> None:
        """Write a changed access if it has a call of its own."""
        if step.action == "update" and "access" in step.changes:
            path = f"{self._at(str(step.key))}/access/update"
            self._grants.write(path, f"update the tool {step.name}", (step.after or {})["access"])
