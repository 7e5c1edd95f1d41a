# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups of Open WebUI as a resource of the engine. Tasks name them, the server knows them by id."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Collection, Dict, Hashable, Iterator, List, Mapping, Optional, Sequence

from ...engine.converge import Current, Desired, Problem, Resource, State, Step
from ...engine.entries import refuse_desired
from ...engine.errors import Failure
from ..api.client import Client, posted
from ..directory.accounts import emails_by_id
from . import permissions
from .purge import GroupOrigin
from .spec import SHARES, GroupSpec, new_name_problems

READ = "read the groups"
CONFIGURED = ("share", "default_models")
"""Options that the server stores in the `config` of a group's `data`."""
MAX_READERS = 8
RACE_CHECKS, PAUSE_SECONDS = 10, 0.2
"""How often, and at which interval, a new group waits for a concurrent one of the same name to be removed."""

Record = Mapping[str, Any]


class ManagedGroups(Resource[GroupSpec]):
    """Groups by name. Members are read only for desired groups with ``members``.

    A purge keeps groups of OAuth, LDAP and SCIM, unless ``purge_external``.
    """

    kind = "group"

    def __init__(self, client: Client, purge_external: bool = False) -> None:
        self._client = client
        self._purge_external = purge_external
        self._origin = GroupOrigin(client)
        self._all_desired: Sequence[Desired[GroupSpec]] = ()
        self._records: Dict[Hashable, Record] = {}
        self._by_name: Mapping[str, Sequence[Record]] = {}
        self._parents: Dict[str, str] = {}
        self._ids: Dict[str, str] = {}
        self._names: Dict[str, str] = {}
        self._emails: Optional[Dict[str, str]] = None
        self._warnings: List[str] = []
        self._lock = threading.Lock()

    def gather(self, all_desired: Sequence[Desired[GroupSpec]]) -> Current:
        """Return the groups."""
        self._all_desired = all_desired
        rows = self._client.get_list("groups/", READ)
        by_name: Dict[str, List[Record]] = {}
        for row in rows:
            by_name.setdefault(str(row["name"]), []).append(row)
        self._records = {name: found[0] for name, found in by_name.items()}
        self._ids = {name: str(found[0]["id"]) for name, found in by_name.items()}
        self._by_name = by_name
        for found in by_name.values():
            # A task cannot tell groups of the same name apart; a purge may remove each of them by its id.
            self._records.update({str(row["id"]): row for row in found[1:]})
        self._names = {str(row["id"]): str(row["name"]) for row in rows}
        desired_names = {
            desired.name for desired in all_desired if desired.spec.members is not None and desired.present
        }
        members = self.members_of([name for name in self._records if name in desired_names])
        return {key: self._state(row, self._names, members.get(key)) for key, row in self._records.items()}

    def key(self, desired: Desired[GroupSpec]) -> Hashable:
        """Return the name; the server compares it with upper and lower case."""
        return desired.name

    def label(self, key: Hashable, state: State) -> str:
        """Return the name, with the id if another group has the same name."""
        return str(state["name"]) if key == state["name"] else f"{state['name']} (id {key})"

    def desired_state(self, desired: Desired[GroupSpec], current: Optional[State]) -> State:
        """Return the fields that the task sets."""
        spec, now = desired.spec, current or {}
        tree, members = spec.permissions, spec.members
        kept = () if spec.purge_members else now.get("members") or ()
        state = {
            "name": desired.name if current is None else None,
            "description": spec.description,
            "permissions": None if tree is None else permissions.merged(now.get("permissions"), tree),
            "parent": spec.parent,
            "share": spec.share,
            "default_models": spec.default_models,
            "members": None if members is None else sorted({*kept, *members}),
        }
        return {name: value for name, value in state.items() if value is not None}

    def equal(self, name: str, current: Any, wanted: Any) -> bool:
        """Compare permissions by the keys that they grant, because a missing key grants nothing."""
        if name == "permissions":
            return permissions.granted(current) == permissions.granted(wanted)
        return bool((current or "") == wanted if name == "parent" else current == wanted)

    def veto(self, step: Step[GroupSpec]) -> Optional[str]:
        """Return why a purge must keep a group."""
        if step.desired is not None or self._purge_external:
            return None
        return self._origin.veto(step.name, self._records[step.key])

    def precheck(self, steps: Sequence[Step[GroupSpec]]) -> None:
        """Refuse to purge the parent of a desired group."""
        purged = {step.key for step in steps if step.desired is None}
        found = [
            (number, f"parent is {desired.spec.parent!r}, which purge would delete; list it, too")
            for number, desired in enumerate(self._all_desired)
            if desired.present and desired.spec.parent in purged
        ]
        refuse_desired(self.kind, self._all_desired, found)

    def needs(self, step: Step[GroupSpec]) -> Collection[Hashable]:
        """Return the ancestors of the group: they must exist, and no longer be its descendants, before the write."""
        found: List[str] = []
        name = self._parents.get(str(step.key), "") if step.action != "delete" else ""
        while name and name not in found:
            found.append(name)
            name = self._parents.get(name, "")
        return found

    def warnings(self) -> Sequence[str]:
        """Return the permissions that a group sets to false without effect."""
        return self._warnings

    # --- checks against the server

    def check(self, all_desired: Sequence[Desired[GroupSpec]], current: Current) -> Iterator[Problem]:
        """Yield ambiguous names, unknown members, parents and permissions, and options that the version lacks."""
        by_name = self._by_name
        names = {str(row["id"]): name for name, rows in by_name.items() for row in rows}
        self._parents = {
            name: names.get(str(row.get("parent_group_id")), "") for name, rows in by_name.items() for row in rows
        }
        for desired in all_desired:
            if desired.present and desired.spec.parent is not None:
                self._parents[desired.name] = desired.spec.parent
        defaults = self._defaults(all_desired)
        desired_names = {desired.name for desired in all_desired if desired.present} | set(
            self._client.foreseen("groups")
        )
        for number, desired in enumerate(all_desired):
            yield from ((number, problem) for problem in self._problems(desired, by_name, defaults, desired_names))
        self._warn(all_desired, defaults)

    def _defaults(self, all_desired: Sequence[Desired[GroupSpec]]) -> Mapping[str, Mapping[str, Any]]:
        asked = any(desired.present and desired.spec.permissions for desired in all_desired)
        return permissions.default_permissions(self._client) if asked else {}

    def _problems(
        self,
        desired: Desired[GroupSpec],
        by_name: Mapping[str, Sequence[Record]],
        defaults: Mapping[str, Mapping[str, Any]],
        desired_names: Collection[str],
    ) -> List[str]:
        found = []
        same_name = by_name.get(desired.name, ())
        if len(same_name) > 1:
            ids = " and ".join(sorted(str(row["id"]) for row in same_name))
            found.append(f"its name is ambiguous (ids {ids}); rename or delete all but one")
        if not desired.present:
            return found
        found += [] if same_name else new_name_problems(desired.name)
        found += permissions.unknown(desired.spec.permissions or {}, defaults)
        if desired.spec.members:
            known = self._accounts().values()
            found += [
                f"members has {permissions.legible(email)}, but the server has no such account"
                for email in desired.spec.members
                if email not in known
            ]
        found += self._version_problems(desired)
        return found + self._parent_problems(desired, by_name, desired_names)

    def _version_problems(self, desired: Desired[GroupSpec]) -> List[str]:
        features, found = self._client.features(), []
        if desired.spec.share == "members":
            found += features.lacking("share: members", "share_with_members", "set anyone or no_one")
        if desired.spec.default_models is not None:
            found += features.lacking("default_models", "group_models")
        return found

    def _parent_problems(
        self, desired: Desired[GroupSpec], by_name: Mapping[str, Sequence[Record]], desired_names: Collection[str]
    ) -> List[str]:
        parent = desired.spec.parent
        if parent is None:
            return []
        lacking = self._client.features().lacking("parent", "nested_groups")
        if lacking or not parent:
            return lacking
        if len(by_name.get(parent, ())) > 1:
            return [f"parent is {parent!r}, the name of several groups; rename all but one"]
        if parent not in by_name and parent not in desired_names:
            return [f"parent is {parent!r}, but the server has no such group; list it, too"]
        circle = [desired.name]
        while parent and parent not in circle:
            circle.append(parent)
            parent = self._parents.get(parent, "")
        if parent == desired.name:
            return [f"parent makes the group part of itself ({' -> '.join([*circle, parent])}); break the circle"]
        return []

    def _warn(self, all_desired: Sequence[Desired[GroupSpec]], defaults: Mapping[str, Mapping[str, Any]]) -> None:
        self._warnings = []
        for desired in all_desired:
            without_effect = [
                f"{section}.{key}"
                for section, keys in (desired.spec.permissions or {}).items()
                for key, value in keys.items()
                if not value and defaults.get(section, {}).get(key)
            ]
            if without_effect and desired.present:
                self._warnings.append(
                    f"The group {desired.name} cannot take away {', '.join(sorted(without_effect))}, which the default "
                    f"permissions grant: set that to false there, and to true in the groups that keep it."
                )

    # --- reading

    def members_of(self, keys: Sequence[Hashable]) -> Dict[Hashable, List[str]]:
        """Return the e-mail addresses of the members by group key."""
        if not keys:
            return {}
        with ThreadPoolExecutor(max_workers=min(MAX_READERS, len(keys))) as pool:
            return dict(zip(keys, pool.map(lambda key: self._members(self._records[key]), keys)))

    def _members(self, row: Record) -> List[str]:
        if row.get("member_count") == 0:
            return []
        answer = self._client.get_mapping(f"groups/id/{row['id']}/export", f"read the members of {row['name']}")
        emails = self._accounts()
        # Deleted accounts are still listed as members; skip them.
        return sorted(emails[each] for each in answer.get("user_ids") or () if each in emails)

    def _accounts(self) -> Dict[str, str]:
        with self._lock:
            if self._emails is None:
                self._emails = emails_by_id(self._client)
                current = set(self._emails.values())
                foreseen = [email.lower() for email in self._client.foreseen("users")]
                self._emails.update({email: email for email in foreseen if email not in current})
            return self._emails

    def _state(self, row: Record, names: Mapping[str, str], members: Optional[List[str]]) -> Dict[str, Any]:
        state: Dict[str, Any] = {
            "id": row["id"],
            "name": row["name"],
            "description": row.get("description") or "",
            "permissions": row.get("permissions") or {},
        }
        features = self._client.features()
        if features.nested_groups:
            state["parent"] = names.get(str(row.get("parent_group_id")), "")
        state["share"] = _share(_config(row).get("share"))
        if features.group_models:
            state["default_models"] = _config(row).get("default_models") or []
        return state if members is None else {**state, "members": members}

    # --- writing

    def reread(self, step: Step[GroupSpec]) -> Optional[State]:
        """Return the current state of a group. Members are written as additions and removals, so no edit is lost."""
        if not set(step.changes) - {"members"}:
            return None
        path = f"groups/id/{(step.before or {})['id']}"
        row = self._client.get_mapping(path, f"change the group {step.name}")
        self._records[step.key] = row
        return self._state(row, self._names, None)

    def create(self, step: Step[GroupSpec]) -> None:
        """Create the group, then add its members."""
        after = step.after or {}
        what = f"create the group {step.name}"
        created = posted(self._client, "groups/create", what, has="id", json=self._body(after, after, {}))
        self._refuse_another(step.name, str(created["id"]))
        self._ids[step.name] = str(created["id"])
        if "permissions" in after and self._lacks(created, after):
            self._client.post(f"groups/id/{created['id']}/update", what, json=self._body(after, after, created))
        self._move(step, str(created["id"]))

    def update(self, step: Step[GroupSpec]) -> None:
        """Write the changed fields."""
        before, after = step.before or {}, step.after or {}
        changed = {name: after[name] for name in step.changes}
        if set(changed) - {"members"}:
            whole = {"name": before["name"], "description": before["description"], **changed}
            body = self._body(whole, changed, self._records[step.key])
            self._client.post(f"groups/id/{before['id']}/update", f"change the group {step.name}", json=body)
        self._move(step, str(before["id"]))

    def delete(self, step: Step[GroupSpec]) -> None:
        """Delete the group. Its members keep their accounts and lose the access that it gave them."""
        self._client.delete(f"groups/id/{(step.before or {})['id']}/delete", f"delete the group {step.name}")

    def _body(self, whole: State, changed: State, row: Record) -> Dict[str, Any]:
        body = {"name": whole["name"], "description": whole.get("description", "")}
        if "permissions" in changed:
            body["permissions"] = changed["permissions"]
        if "parent" in changed:
            body["parent_group_id"] = self._ids[changed["parent"]] if changed["parent"] else None
        configured = {name: changed[name] for name in CONFIGURED if name in changed}
        if configured:
            # Before 0.12 the server replaces `data` as a whole.
            body["data"] = {**(row.get("data") or {}), "config": {**_config(row), **_stored(configured)}}
        return body

    def _lacks(self, created: Record, after: State) -> bool:
        return permissions.granted(created.get("permissions")) != permissions.granted(after["permissions"])

    def _refuse_another(self, name: str, created: str) -> None:
        """Delete the group again if somebody else created one of the same name meanwhile: the server allows both.

        Of two concurrent runs, the one with the newer group deletes its own, and the other waits for that. If the other
        group stays, it existed before, and this run deletes its own.
        """
        for _check in range(RACE_CHECKS):
            rows = [row for row in self._client.get_list("groups/", READ) if row["name"] == name]
            first = min(rows, key=lambda row: (row.get("created_at") or 0, str(row["id"])), default=None)
            if first is None or str(first["id"]) != created:
                break
            if len(rows) == 1:
                return
            time.sleep(PAUSE_SECONDS)
        if first is not None:
            self._client.delete(f"groups/id/{created}/delete", f"delete the group {name} again")
        raise Failure(f"Somebody else created the group {name} at the same moment; run the task again.")

    def _move(self, step: Step[GroupSpec], group_id: str) -> None:
        if "members" not in step.changes:
            return
        ids = {email: each for each, email in self._accounts().items()}
        now = set((step.before or {}).get("members") or ())
        wanted = set((step.after or {})["members"])
        for verb, preposition, emails in (("add", "to", wanted - now), ("remove", "from", now - wanted)):
            if emails:
                what = f"{verb} {len(emails)} accounts {preposition} the group {step.name}"
                user_ids = [ids[email] for email in sorted(emails)]
                self._client.post(f"groups/id/{group_id}/users/{verb}", what, json={"user_ids": user_ids})


def _config(row: Record) -> Mapping[str, Any]:
    found = (row.get("data") or {}).get("config")
    return found if isinstance(found, dict) else {}


def _share(stored: Any) -> str:
    """Return who may share with a group; the server treats every unknown value as anyone."""
    value = str(stored).lower()
    return value if value == "members" else "no_one" if value == "false" else "anyone"


def _stored(configured: State) -> Dict[str, Any]:
    """Return options of a group as the server stores them."""
    return {name: SHARES[value] if name == "share" else value for name, value in configured.items()}


def group_states(client: Client, name: Optional[str], with_members: bool) -> List[State]:
    """Return all groups, or those with one name, sorted by name."""
    groups = ManagedGroups(client)
    current = groups.gather([])
    keys = [key for key, state in current.items() if name is None or state["name"] == name]
    members = groups.members_of(keys) if with_members else {}
    found = [{**current[key], **({"members": members[key]} if with_members else {})} for key in keys]
    return sorted(found, key=lambda state: (state["name"], state["id"]))
