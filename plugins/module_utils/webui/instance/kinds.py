# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of object of an instance: how each is read from a task, and which resource manages it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, List, Mapping, Sequence, Tuple

from ...engine.converge import Desired, Resource
from ..accounts.resource import Users
from ..accounts.spec import LISTED_OPTIONS as USER_OPTIONS
from ..accounts.spec import desired_users, listed_entries
from ..api.client import Client
from ..channels.resource import Channels
from ..channels.spec import CHANNEL_OPTIONS, desired_channels
from ..connections.resource import Connections
from ..connections.spec import LISTED_OPTIONS as CONNECTION_OPTIONS
from ..connections.spec import desired_connections
from ..groups.resource import ManagedGroups
from ..groups.spec import GROUP_OPTIONS, desired_groups
from ..knowledge.resource import Bases
from ..knowledge.spec import KNOWLEDGE_OPTIONS, desired_bases
from ..models.resource import Models
from ..models.spec import MODEL_OPTIONS, desired_models
from ..workspace.code_spec import FUNCTION, SKILL, TOOL, desired_code
from ..workspace.functions import Functions
from ..workspace.prompt_spec import PROMPT_OPTIONS, desired_prompts
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
    all_desired: Callable[[Entries], List[Desired[Any]]]
    resource: Callable[[Client, Switches], Resource[Any]]
    single: bool = False
    """Whether its module takes one entry only."""
    purgeable: bool = True
    """Whether an instance may delete the objects that its list does not name; not if they hold what people made."""


def _groups(client: Client, switches: Switches) -> Resource[Any]:
    return ManagedGroups(client, purge_external=bool(switches.get("purge_external")))


def _users(client: Client, switches: Switches) -> Resource[Any]:
    given = {name: bool(switches.get(name)) for name in ("purge_external", "purge_admins")}
    return Users(client, switches, listed=True, **given)


def _connections(client: Client, switches: Switches) -> Resource[Any]:
    return Connections(client, purge=bool(switches.get("purge")))


def _prompts(client: Client, switches: Switches) -> Resource[Any]:
    return Prompts(client, whole=bool(switches.get("purge")))


def _code(of: Callable[..., Resource[Any]], client: Client, switches: Switches) -> Resource[Any]:
    return of(client, hide=switches["hide"]) if "hide" in switches else of(client)


KINDS: Mapping[str, Kind] = {
    "groups": Kind("group", "name", ("name",), GROUP_OPTIONS, desired_groups, _groups),
    "users": Kind(
        "user", "email", ("email",), USER_OPTIONS, lambda entries: desired_users(listed_entries(entries)), _users
    ),
    "connections": Kind(
        "connection",
        "base_url",
        ("kind", "base_url", "prefix_id"),
        CONNECTION_OPTIONS,
        desired_connections,
        _connections,
    ),
    "knowledge": Kind(
        "knowledge base",
        "name",
        ("name",),
        KNOWLEDGE_OPTIONS,
        desired_bases,
        lambda client, switches: Bases(client, filled=False),
        single=True,
        purgeable=False,
    ),
    "channels": Kind(
        "channel",
        "name",
        ("name",),
        CHANNEL_OPTIONS,
        desired_channels,
        lambda client, switches: Channels(client),
        single=True,
        purgeable=False,
    ),
    "tools": Kind("tool", "id", ("id",), TOOL.options, partial(desired_code, TOOL), partial(_code, Tools)),
    "functions": Kind(
        "function", "id", ("id",), FUNCTION.options, partial(desired_code, FUNCTION), partial(_code, Functions)
    ),
    "skills": Kind(
        "skill", "id", ("id",), SKILL.options, partial(desired_code, SKILL), lambda client, switches: Skills(client)
    ),
    "prompts": Kind("prompt", "command", ("command",), PROMPT_OPTIONS, desired_prompts, _prompts),
    "models": Kind("model", "id", ("id",), MODEL_OPTIONS, desired_models, lambda client, switches: Models(client)),
}
"""All kinds by the option of webui_instance that lists them."""
