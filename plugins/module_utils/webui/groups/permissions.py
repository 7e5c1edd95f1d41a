# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people may do: a tree of sections and keys, which a server's version decides."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, Dict, Hashable, Iterator, List, Mapping, Optional, Sequence, Tuple

from ...engine.converge import Current, Desired, Problem, Resource, State, Step
from ...engine.entries import refuse_desired
from ..api.client import Client
from ..settings.persistence import Document, refuse_forgotten

PATH = "users/default/permissions"
READ = "read the default permissions"
EVERYBODY = "of everybody"
MOST_CHARACTERS = 80

Tree = Dict[str, Dict[str, bool]]


def form_problems(given: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the form of a tree; yes and no of YAML are booleans, their words are not."""
    for section, keys in given.items():
        if not isinstance(keys, Mapping):
            yield f"permissions.{legible(section)} is no mapping; give its keys with true or false"
            continue
        for key, value in keys.items():
            if not isinstance(value, bool):
                yield f"permissions.{legible(section)}.{legible(key)} is {value!r:.40}; give true or false"


def unknown(given: Mapping[str, Mapping[str, bool]], known: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a sentence for each section and key that the server does not have."""
    for section, keys in given.items():
        if section not in known:
            yield f"permissions.{legible(section)} is no section of this server{_near(section, known)}"
            continue
        for key in keys:
            if key not in known[section]:
                yield f"permissions.{section}.{legible(key)} is none of this server{_near(key, known[section])}"


def _near(word: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(word[:MOST_CHARACTERS], known, 3)
    return f" (near: {', '.join(near)})" if near else f" (there are: {', '.join(sorted(known))})"


def legible(word: str) -> str:
    """Return a word fit for a sentence, whatever is in it."""
    text = word[:MOST_CHARACTERS] + ("..." if len(word) > MOST_CHARACTERS else "")
    return text if text.isprintable() else ascii(text)[1:-1]


def merged(current: Optional[Mapping[str, Any]], given: Mapping[str, Mapping[str, bool]]) -> Tree:
    """Return a tree with what was given of it."""
    result = {section: dict(keys) for section, keys in (current or {}).items() if isinstance(keys, Mapping)}
    for section, keys in given.items():
        result.setdefault(section, {}).update(keys)
    return result


def granted(tree: Optional[Mapping[str, Any]]) -> Dict[str, List[str]]:
    """Return the keys that a tree grants; what is missing in it is as good as false."""
    found = {
        section: sorted(key for key, value in keys.items() if value)
        for section, keys in (tree or {}).items()
        if isinstance(keys, Mapping)
    }
    return {section: keys for section, keys in found.items() if keys}


def default_permissions(client: Client) -> Mapping[str, Mapping[str, Any]]:
    """Return the permissions that everybody has, which name all that the server knows."""
    tree = client.get_mapping(PATH, READ)
    return {section: keys for section, keys in tree.items() if isinstance(keys, dict)}


class DefaultPermissions(Resource[Any]):
    """What everybody may do; there is one of it."""

    kind = "default_permissions"
    noun = "set of permissions"

    def __init__(self, client: Client) -> None:
        self._client = client

    def gather(self, all_desired: Sequence[Desired[Any]]) -> Current:
        """Return the tree."""
        tree = default_permissions(self._client)
        return {desired.name: {"permissions": tree} for desired in all_desired}

    def check(self, all_desired: Sequence[Desired[Any]], current: Current) -> Iterator[Problem]:
        """Yield the keys that the tree does not have."""
        for number, desired in enumerate(all_desired):
            for problem in unknown(desired.fields["permissions"], current[desired.name]["permissions"]):
                yield number, problem

    def key(self, desired: Desired[Any]) -> Hashable:
        """Return the one name."""
        return desired.name

    def desired_state(self, desired: Desired[Any], current: Optional[State]) -> State:
        """Return the whole tree, since a key that is not written falls back to what the server was built with."""
        return {"permissions": merged((current or {}).get("permissions"), desired.fields["permissions"])}

    def precheck(self, steps: Sequence[Step[Any]]) -> None:
        """Refuse what the server would forget at its next start."""
        for step in steps:
            wanted = (step.after or {})["permissions"]
            names = [f"{section}.{key}" for section, key in _differing((step.before or {})["permissions"], wanted)]

            def is_ignored(document: Document, wanted: Any = wanted) -> bool:
                saved = (document.get("user") or {}).get("permissions")
                return bool(saved == wanted != default_permissions(self._client))

            refuse_forgotten(self._client, names, is_ignored)

    def update(self, step: Step[Any]) -> None:
        """Write the tree."""
        self._client.post(PATH, "change the default permissions", json=(step.after or {})["permissions"])


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Tuple[str, str]]:
    for section, keys in after.items():
        for key, value in keys.items():
            if before.get(section, {}).get(key) != value:
                yield section, key


def desired_permissions(given: Mapping[str, Any]) -> Desired[Any]:
    """Return the desired object for what everybody may do, or raise a Failure."""
    desired: Desired[Any] = Desired(EVERYBODY, fields={"permissions": given})
    refuse_desired(DefaultPermissions.noun, [desired], ((0, problem) for problem in form_problems(given)))
    return desired
