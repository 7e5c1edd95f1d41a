# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions of Open WebUI (pipes, filters, actions) as a resource of the engine."""

from __future__ import annotations

from typing import Any, Dict, Optional

from ...engine.converge import Step
from .code_objects import Plugins, Record
from .code_spec import CodeSpec

# The option, the server's field, and the call that flips it. Activate a function last, when everything else is written.
SWITCHES = (("global", "is_global", "toggle/global"), ("active", "is_active", "toggle"))


class Functions(Plugins):
    """Functions by id. The server makes each switched off, and only flips its switches."""

    kind = "function"
    path = "functions"
    whole = "functions/export?include_valves=true"

    def more_state(self, record: Record) -> Dict[str, Any]:
        """Return the kind of function, which its code decides, and its switches."""
        switches = {option: bool(record.get(field)) for option, field, _call in SWITCHES}
        return {"type": record["type"], **switches}

    def finish(self, step: Step[CodeSpec], now: Optional[Record]) -> None:
        """Flip the switches that differ from the desired state, after reading them again."""
        after = step.after or {}
        for option, field, call in SWITCHES:
            if option not in step.changes:
                continue
            what = f"switch the function {step.name}"
            now = now or self._client.get_mapping(self._at(str(step.key)), what)
            if bool(now.get(field)) != after[option]:
                now = self._post(f"{self._at(str(step.key))}/{call}", what, {})
