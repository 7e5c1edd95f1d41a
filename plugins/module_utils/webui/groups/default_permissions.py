# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The default permissions of all accounts, as a resource of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Hashable, Iterator, Mapping, Optional, Sequence, Tuple

from ...engine.converge import Current, Desired, Problem, Resource, State, Step
from ...engine.entries import refuse_desired
from ..api.client import Client
from ..settings.persistence import Document, refuse_forgotten
from . import permissions
from .permissions import PATH, default_permissions

NAME = "of everybody"


@dataclass(frozen=True)
class DefaultPermissionsSpec:
    """The desired permissions by section and key; other keys stay as they are."""

    permissions: Mapping[str, Mapping[str, bool]]


class DefaultPermissions(Resource[DefaultPermissionsSpec]):
    """The one tree of permissions that apply to all accounts."""

    kind = "default_permissions"
    noun = "set of permissions"

    def __init__(self, client: Client) -> None:
        self._client = client

    def gather(self, all_desired: Sequence[Desired[DefaultPermissionsSpec]]) -> Current:
        """Return the current tree."""
        tree = default_permissions(self._client)
        return {desired.name: {"permissions": tree} for desired in all_desired}

    def check(self, all_desired: Sequence[Desired[DefaultPermissionsSpec]], current: Current) -> Iterator[Problem]:
        """Yield the desired keys that the server does not have."""
        for number, desired in enumerate(all_desired):
            for problem in permissions.unknown(desired.spec.permissions, current[desired.name]["permissions"]):
                yield number, problem

    def key(self, desired: Desired[DefaultPermissionsSpec]) -> Hashable:
        """Return the name, which is the same for all."""
        return desired.name

    def desired_state(self, desired: Desired[DefaultPermissionsSpec], current: Optional[State]) -> State:
        """Return the whole tree, because the server resets keys that a write leaves out to its built-in defaults."""
        return {"permissions": permissions.merged((current or {}).get("permissions"), desired.spec.permissions)}

    def precheck(self, steps: Sequence[Step[DefaultPermissionsSpec]]) -> None:
        """Refuse values that the server would lose at its next start."""
        for step in steps:
            wanted = (step.after or {})["permissions"]
            names = [f"{section}.{key}" for section, key in _differing((step.before or {})["permissions"], wanted)]

            def is_ignored(document: Document, wanted: Any = wanted) -> bool:
                saved = (document.get("user") or {}).get("permissions")
                return bool(saved == wanted != default_permissions(self._client))

            refuse_forgotten(self._client, names, is_ignored)

    def update(self, step: Step[DefaultPermissionsSpec]) -> None:
        """Write the tree."""
        self._client.post(PATH, "change the default permissions", json=(step.after or {})["permissions"])


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Tuple[str, str]]:
    for section, keys in after.items():
        for key, value in keys.items():
            if before.get(section, {}).get(key) != value:
                yield section, key


def desired_permissions(tree: Mapping[str, Any]) -> Desired[DefaultPermissionsSpec]:
    """Return the desired default permissions, or raise a Failure."""
    desired = Desired(NAME, spec=DefaultPermissionsSpec(tree))
    problems = ((0, problem) for problem in permissions.form_problems(tree))
    refuse_desired(DefaultPermissions.noun, [desired], problems)
    return desired
