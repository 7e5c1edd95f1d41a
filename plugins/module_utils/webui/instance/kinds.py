# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of object of an instance: how each is read from a task, and which resource manages it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, List, Mapping, Sequence, Tuple

from ...engine.converge import Resource, Wish
from ..accounts.resource import Users
from ..accounts.spec import LISTED_OPTIONS as USER_OPTIONS
from ..accounts.spec import listed_entries, user_wishes
from ..api.client import Client
from ..connections.resource import Connections
from ..connections.spec import LISTED_OPTIONS as CONNECTION_OPTIONS
from ..connections.spec import connection_wishes
from ..groups.resource import ManagedGroups
from ..groups.spec import GROUP_OPTIONS, group_wishes
from ..knowledge.resource import Bases
from ..knowledge.spec import KNOWLEDGE_OPTIONS, knowledge_wish
from ..models.resource import Models
from ..models.spec import MODEL_OPTIONS, model_wishes
from ..workspace.code_spec import FUNCTION, SKILL, TOOL, code_wishes
from ..workspace.functions import Functions
from ..workspace.prompt_spec import PROMPT_OPTIONS, prompt_wishes
from ..workspace.prompts import Prompts
from ..workspace.skills import Skills
from ..workspace.tools import Tools

Entries = Sequence[Mapping[str, Any]]
Switches = Mapping[str, Any]
"""What a module says of a whole list: ``purge``, ``purge_external``, ``purge_admins``."""


@dataclass(frozen=True)
class Kind:
    """One kind of object. ``identity`` are the options by which an entry is known, ``label`` the one that names it."""

    noun: str
    label: str
    identity: Tuple[str, ...]
    options: Mapping[str, Any]
    wishes: Callable[[Entries], List[Wish]]
    resource: Callable[[Client, Switches], Resource]
    single: bool = False
    """Whether its module takes one entry only."""


def _groups(client: Client, switches: Switches) -> Resource:
    return ManagedGroups(client, purge_external=bool(switches.get("purge_external")))


def _users(client: Client, switches: Switches) -> Resource:
    given = {name: bool(switches.get(name)) for name in ("purge_external", "purge_admins")}
    return Users(client, switches, listed=True, **given)


def _connections(client: Client, switches: Switches) -> Resource:
    return Connections(client, purge=bool(switches.get("purge")))


def _prompts(client: Client, switches: Switches) -> Resource:
    return Prompts(client, whole=bool(switches.get("purge")))


def _code(of: Callable[..., Resource], client: Client, switches: Switches) -> Resource:
    return of(client, hide=switches["hide"]) if "hide" in switches else of(client)


KINDS: Mapping[str, Kind] = {
    "groups": Kind("group", "name", ("name",), GROUP_OPTIONS, group_wishes, _groups),
    "users": Kind(
        "user", "email", ("email",), USER_OPTIONS, lambda entries: user_wishes(listed_entries(entries)), _users
    ),
    "connections": Kind(
        "connection",
        "base_url",
        ("kind", "base_url", "prefix_id"),
        CONNECTION_OPTIONS,
        connection_wishes,
        _connections,
    ),
    "knowledge": Kind(
        "knowledge base",
        "name",
        ("name",),
        KNOWLEDGE_OPTIONS,
        lambda entries: [knowledge_wish(entry) for entry in entries],
        lambda client, switches: Bases(client, filled=False),
        single=True,
    ),
    "tools": Kind("tool", "id", ("id",), TOOL.options, partial(code_wishes, TOOL), partial(_code, Tools)),
    "functions": Kind(
        "function", "id", ("id",), FUNCTION.options, partial(code_wishes, FUNCTION), partial(_code, Functions)
    ),
    "skills": Kind(
        "skill", "id", ("id",), SKILL.options, partial(code_wishes, SKILL), lambda client, switches: Skills(client)
    ),
    "prompts": Kind("prompt", "command", ("command",), PROMPT_OPTIONS, prompt_wishes, _prompts),
    "models": Kind("model", "id", ("id",), MODEL_OPTIONS, model_wishes, lambda client, switches: Models(client)),
}
"""All kinds by the option of webui_instance that lists them."""
