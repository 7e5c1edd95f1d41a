# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of an account on the server and in a task: the fields that the engine compares."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

from ...engine.converge import Desired, State
from ..api.client import Client
from ..directory.accounts import Accounts, Record
from ..directory.groups import Groups
from ..entries.images import shown_image
from .spec import UserSpec

BASIC = ("id", "email", "name", "role")
FULL = (*BASIC, "groups", "profile_image_url", "created_at", "last_active_at")


def user_state(record: Record, groups: Groups, fields: Sequence[str] = FULL) -> Dict[str, Any]:
    """Return an account of the server as results show it."""
    state = {name: record[name] for name in fields if name in record}
    if "groups" in fields and "group_ids" in record:
        state["groups"] = groups.names(record["group_ids"]) if record["group_ids"] else []
    if "profile_image_url" in state:
        state["profile_image_url"] = shown_image(state["profile_image_url"] or "")
    return state


def desired_state(desired: Desired[UserSpec], current: Optional[State], with_password: bool) -> Dict[str, Any]:
    """Return the fields that the task sets; a new account always gets a name and a role."""
    spec, new = desired.spec, current is None
    image = spec.profile_image_url
    state = {
        "email": desired.name if new else None,
        "name": desired.name.split("@", 1)[0] if new and spec.name is None else spec.name,
        "role": "user" if new and spec.role is None else spec.role,
        "groups": spec.groups,
        "profile_image_url": None if image is None else shown_image(image),
        "password": spec.password if with_password else None,
    }
    return {name: value for name, value in state.items() if value is not None}


def user_states(client: Client, email: Optional[str]) -> List[Dict[str, Any]]:
    """Return one account or all, sorted by e-mail address."""
    groups = Groups(client)
    accounts = Accounts(client, groups)
    records = accounts.every() if email is None else [found for found in [accounts.find(email.lower())] if found]
    return [user_state(record, groups) for record in sorted(records, key=lambda record: record["email"])]


def without_password(result: Dict[str, Any]) -> Dict[str, Any]:
    """Return a result without the masked passwords that a check run has in its states."""
    for state in result.get("users", [result.get("user", {})]):
        state.pop("password", None)
    return result
