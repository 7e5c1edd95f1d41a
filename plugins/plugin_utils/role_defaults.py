# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The defaults of this collection's roles, for plays in which the roles do not run."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.yaml import yaml_load

ROLES = os.path.join(os.path.dirname(__file__), "..", "..", "roles")


def role_default(role: str, name: str) -> Any:
    """Return the default of a role's option."""
    known = _defaults(role)
    if name not in known:
        raise AnsibleFilterError(f"The role {role} has no default for {name}: name an option of its defaults/main.yml.")
    # A copy, since what is read once serves the whole run.
    return copy.deepcopy(known[name])


def option(its: Mapping[str, Any], role: str, name: str) -> Any:
    """Return a role's option on a host: what the host's variables say, else the role's default."""
    return its[name] if name in its else role_default(role, name)


@cache
def _defaults(role: str) -> Mapping[str, Any]:
    path = os.path.join(ROLES, role, "defaults", "main.yml")
    if not os.path.isfile(path):
        raise AnsibleFilterError(f"There is no role {role} in selfhosted.llm: name one that has defaults.")
    with open(path, encoding="utf-8") as file:
        return dict(yaml_load(file))
