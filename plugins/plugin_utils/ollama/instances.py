# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Ollama servers of a host: what each of them has from its entry and what from the role's variables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.selfhosted.llm.plugins.module_utils.host.units import binary_size

from ..containers.environment import words
from ..values import flag, is_list, number
from .variables import BOOLEAN, BYTES, ORIGINS, VARIABLES, variable

WORDS_FOR_BOOLEANS = ("true", "false", "yes", "no", "on", "off", "1", "0")
# A version that is no number is taken for a new one.
NEWEST = "999"


def ollama_instances(
    entries: Iterable[Mapping[str, Any]],
    shared: Mapping[str, Any],
    tuning: Mapping[str, Any],
    environment: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return the servers.

    Each entry is laid over the options that all have from the role: ``shared``, and ``tuning`` for those that are
    variables of the server. ``environment`` are variables that each server has below its own. Keys that are added:
    ``says`` (the options that the entry names), ``told`` (all variables of the server), ``tuned`` (those of them that
    come from options), ``number`` (the version as numbers) and ``first``.
    """
    return [_instance(entry, shared, tuning, environment, number == 0) for number, entry in enumerate(entries)]


def _instance(
    entry: Mapping[str, Any],
    shared: Mapping[str, Any],
    tuning: Mapping[str, Any],
    environment: Mapping[str, Any],
    first: bool,
) -> dict[str, Any]:
    name = str(entry.get("name", ""))
    # An option that an entry leaves empty is the role's; an empty one of the server's is left to the server.
    own = {key: value for key, value in entry.items() if value is not None or key in tuning}
    its = {**shared, **tuning, "volume": name, "port": 0, **own}
    given = {**_variables(shared["environment"]), **_variables(own.get("environment", {}))}
    tuned = {variable(option): _word(option, its[option]) for option in tuning if not _is_empty(its[option])}
    read_only = flag(its["volume_read_only"])
    told = {**environment, **({variable("noprune"): "true"} if read_only else {}), **tuned, **given}
    digits = re.search("^[0-9]+([.][0-9]+)+", str(its["version"]))
    return {
        **its,
        "name": name,
        "first": first,
        "volume_read_only": read_only,
        "says": list(own),
        "environment": given,
        "tuned": list(tuned),
        "told": words(told),
        "number": digits.group() if digits else NEWEST,
    }


def _variables(environment: Any) -> Mapping[str, Any]:
    if not isinstance(environment, Mapping):
        raise AnsibleFilterError(
            "ollama_environment holds no variables: give each with its value, for example OLLAMA_VULKAN: true."
        )
    return environment


def _is_empty(value: Any) -> bool:
    return value is None or str(value) in ("", "[]")


def _word(option: str, value: Any) -> str:
    """Return the value of an option as the server reads it. One that it would misread stays, to be refused."""
    kind, word = VARIABLES[variable(option)].kind, str(value)
    if kind is BOOLEAN and word.lower() in WORDS_FOR_BOOLEANS:
        return str(flag(value)).lower()
    size = binary_size(word) if kind is BYTES else None
    if size is not None:
        return str(size)
    return ",".join(str(one) for one in value) if kind is ORIGINS and is_list(value) else word


def volume_questions(servers: Iterable[Mapping[str, Any]], listed: bool) -> list[dict[str, Any]]:
    """Return what the module docker_volume_info is asked, with the options by which a person answers."""
    return [
        {
            "name": its["name"],
            "volume": its["volume"],
            "port": number(its["port"]),
            "option": f"volume of {its['name']} in ollama_instances" if listed else "ollama_volume",
            "new": flag(its["volume_new"]),
            "new_option": "its volume_new" if listed else "ollama_volume_new",
            "read_only": its["volume_read_only"],
        }
        for its in servers
    ]


def choosing(servers: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names of the servers that have models with alternatives."""
    return [
        its["name"] for its in servers if not its["volume_read_only"] and any("choose" in one for one in its["models"])
    ]
