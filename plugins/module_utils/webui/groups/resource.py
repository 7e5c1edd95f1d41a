# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups of Open WebUI as a resource of the engine: by name here, by id on the server."""

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
from .origin import GroupOrigin
from .spec import SHARES, new_name_problems

READ = "read the groups"
CONFIGURED = ("share", "default_models")
"""What the server keeps in the `config` of a group's `data`."""
MOST_AT_ONCE = 8
LOOKS, PAUSE = 10, 0.2
"""How often, and after how many seconds, is looked whether somebody else takes a group of the same name back."""

Record = Mapping[str, Any]


class ManagedGroups(Resource[Any]):
    """Groups by name. Members are read only of those whose desired object asks for them.

    A purge leaves groups of OAuth, LDAP and SCIM alone, unless ``purge_external``.
    """

    kind = "group"

    def __init__(self, client: Client, purge_external: bool = False) -> None:
        self._client = client
        self._purge_external = purge_external
        self._origin = GroupOrigin(client)
        self._all_desired: Sequence[Desired[Any]] = ()
        self._records: Dict[Hashable, Record] = {}
        self._by_name: Mapping[str, Sequence[Record]] = {}
        self._parents: Dict[str, str] = {}
        self._ids: Dict[str, str] = {}
        self._names: Dict[str, str] = {}
        self._emails: Optional[Dict[str, str]] = None
        self._warnings: List[str] = []
        self._lock = threading.Lock()

    def gather(self, all_desired: Sequence[Desired[Any]]) -> Current:
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
            # Of two with one name nobody can mean one; purging may remove both.
            self._records.update({str(row["id"]): row for row in found[1:]})
        self._names = {str(row["id"]): str(row["name"]) for row in rows}
        desired_names = {desired.name for desired in all_desired if "members" in desired.fields and desired.present}
        members = self.members_of([name for name in self._records if name in desired_names])
        return {key: self._state(row, self._names, members.get(key)) for key, row in self._records.items()}

    def key(self, desired: Desired[Any]) -> Hashable:
        """Return the name, which the server compares letter by letter."""
        return desired.name

    def label(self, key: Hashable, state: State) -> str:
        """Return the name, with the id where another group has it, too."""
        return str(state["name"]) if key == state["name"] else f"{state['name']} (id {key})"

    def desired_state(self, desired: Desired[Any], current: Optional[State]) -> State:
        """Return what was said of a group."""
        said: Dict[str, Any] = {"name": desired.name} if current is None else {}
        if "description" in desired.fields:
            said["description"] = desired.fields["description"]
        if "permissions" in desired.fields:
            said["permissions"] = permissions.merged((current or {}).get("permissions"), desired.fields["permissions"])
        said.update({name: desired.fields[name] for name in ("parent", *CONFIGURED) if name in desired.fields})
        if "members" in desired.fields:
            stay = [] if desired.fields["purge_members"] else (current or {}).get("members") or []
            said["members"] = sorted({*stay, *desired.fields["members"]})
        return said

    def equal(self, name: str, current: Any, wanted: Any) -> bool:
        """Compare; of permissions what they grant, because a key that is missing grants nothing."""
        if name == "permissions":
            return permissions.granted(current) == permissions.granted(wanted)
        return bool((current or "") == wanted if name == "parent" else current == wanted)

    def veto(self, step: Step[Any]) -> Optional[str]:
        """Return why a purge leaves a group alone."""
        if step.desired is not None or self._purge_external:
            return None
        origin = self._origin.of(self._records[step.key])
        return f"The group {step.name} may come from {origin}; keep it." if origin else None

    def precheck(self, steps: Sequence[Step[Any]]) -> None:
        """Refuse to purge what a group is to lie in."""
        purged = {step.key for step in steps if step.desired is None}
        found = [
            (number, f"parent is {desired.fields['parent']!r}, which purge would remove; list it, too")
            for number, desired in enumerate(self._all_desired)
            if desired.present and desired.fields.get("parent") in purged
        ]
        refuse_desired(self.kind, self._all_desired, found)

    def needs(self, step: Step[Any]) -> Collection[Hashable]:
        """Return all that the group will lie in: they must be there, and out of it, before."""
        found: List[str] = []
        name = self._parents.get(str(step.key), "") if step.action != "delete" else ""
        while name and name not in found:
            found.append(name)
            name = self._parents.get(name, "")
        return found

    def warnings(self) -> Sequence[str]:
        """Return what a group cannot take away."""
        return self._warnings

    # --- what only the server can tell

    def check(self, all_desired: Sequence[Desired[Any]], current: Current) -> Iterator[Problem]:
        """Yield names that mean two groups, members and parents that are not there, and what the version lacks."""
        by_name = self._by_name
        names = {str(row["id"]): name for name, rows in by_name.items() for row in rows}
        self._parents = {
            name: names.get(str(row.get("parent_group_id")), "") for name, rows in by_name.items() for row in rows
        }
        said = {
            desired.name: desired.fields["parent"]
            for desired in all_desired
            if desired.present and "parent" in desired.fields
        }
        self._parents.update(said)
        defaults = self._defaults(all_desired)
        desired_names = {desired.name for desired in all_desired if desired.present} | set(
            self._client.foreseen("groups")
        )
        for number, desired in enumerate(all_desired):
            yield from ((number, problem) for problem in self._problems(desired, by_name, defaults, desired_names))
        self._warn(all_desired, defaults)

    def _defaults(self, all_desired: Sequence[Desired[Any]]) -> Mapping[str, Mapping[str, Any]]:
        asked = any(desired.present and desired.fields.get("permissions") for desired in all_desired)
        return permissions.default_permissions(self._client) if asked else {}

    def _problems(
        self,
        desired: Desired[Any],
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
        found += permissions.unknown(desired.fields.get("permissions") or {}, defaults)
        if desired.fields.get("members"):
            known = self._accounts().values()
            found += [
                f"members has {permissions.legible(email)}, which is no account of the server"
                for email in desired.fields["members"]
                if email not in known
            ]
        found += self._version_problems(desired)
        return found + (self._parent_problems(desired, by_name, desired_names) if "parent" in desired.fields else [])

    def _version_problems(self, desired: Desired[Any]) -> List[str]:
        features, found = self._client.features(), []
        if desired.fields.get("share") == "members":
            found += features.lacking("share: members", "share_with_members", "say anyone or no_one")
        if "default_models" in desired.fields:
            found += features.lacking("default_models", "group_models")
        return found

    def _parent_problems(
        self, desired: Desired[Any], by_name: Mapping[str, Sequence[Record]], desired_names: Collection[str]
    ) -> List[str]:
        parent = desired.fields["parent"]
        lacking = self._client.features().lacking("parent", "nested_groups")
        if lacking or not parent:
            return lacking
        if len(by_name.get(parent, ())) > 1:
            return [f"parent is {parent!r}, a name that several groups have; rename all but one"]
        if parent not in by_name and parent not in desired_names:
            return [f"parent is {parent!r}, and there is no such group; list it, too"]
        circle = [desired.name]
        while parent and parent not in circle:
            circle.append(parent)
            parent = self._parents.get(parent, "")
        if parent == desired.name:
            return [f"parent makes it a part of itself ({' -> '.join([*circle, parent])}); break the circle"]
        return []

    def _warn(self, all_desired: Sequence[Desired[Any]], defaults: Mapping[str, Mapping[str, Any]]) -> None:
        self._warnings = []
        for desired in all_desired:
            without_effect = [
                f"{section}.{key}"
                for section, keys in (desired.fields.get("permissions") or {}).items()
                for key, value in keys.items()
                if not value and defaults.get(section, {}).get(key)
            ]
            if without_effect and desired.present:
                self._warnings.append(
                    f"The group {desired.name} cannot take away {', '.join(sorted(without_effect))}, which everybody "
                    f"has: set that to false in the default permissions, and to true in the groups that keep it."
                )

    # --- reading

    def members_of(self, keys: Sequence[Hashable]) -> Dict[Hashable, List[str]]:
        """Return the e-mails of the members, by the keys of groups that were read."""
        if not keys:
            return {}
        with ThreadPoolExecutor(max_workers=min(MOST_AT_ONCE, len(keys))) as pool:
            return dict(zip(keys, pool.map(lambda key: self._members(self._records[key]), keys)))

    def _members(self, row: Record) -> List[str]:
        if row.get("member_count") == 0:
            return []
        answer = self._client.get_mapping(f"groups/id/{row['id']}/export", f"read the members of {row['name']}")
        emails = self._accounts()
        # Who is gone is no member for anybody.
        return sorted(emails[each] for each in answer.get("user_ids") or () if each in emails)

    def _accounts(self) -> Dict[str, str]:
        with self._lock:
            if self._emails is None:
                self._emails = emails_by_id(self._client)
                there = set(self._emails.values())
                foreseen = [email.lower() for email in self._client.foreseen("users")]
                self._emails.update({email: email for email in foreseen if email not in there})
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

    def reread(self, step: Step[Any]) -> Optional[State]:
        """Return a group as it is now. Members are added and removed one by one, so that no edit of them is lost."""
        if not set(step.changes) - {"members"}:
            return None
        path = f"groups/id/{(step.before or {})['id']}"
        row = self._client.get_mapping(path, f"change the group {step.name}")
        self._records[step.key] = row
        return self._state(row, self._names, None)

    def create(self, step: Step[Any]) -> None:
        """Make the group, then its members."""
        after = step.after or {}
        what = f"make the group {step.name}"
        made = posted(self._client, "groups/create", what, has="id", json=self._body(after, after, {}))
        self._refuse_another(step.name, str(made["id"]))
        self._ids[step.name] = str(made["id"])
        if "permissions" in after and self._lacks(made, after):
            self._client.post(f"groups/id/{made['id']}/update", what, json=self._body(after, after, made))
        self._move(step, str(made["id"]))

    def update(self, step: Step[Any]) -> None:
        """Write what differs."""
        before, after = step.before or {}, step.after or {}
        changed = {name: after[name] for name in step.changes}
        if set(changed) - {"members"}:
            whole = {"name": before["name"], "description": before["description"], **changed}
            body = self._body(whole, changed, self._records[step.key])
            self._client.post(f"groups/id/{before['id']}/update", f"change the group {step.name}", json=body)
        self._move(step, str(before["id"]))

    def delete(self, step: Step[Any]) -> None:
        """Remove the group; its members stay accounts, and what it had access to is no longer shared with them."""
        self._client.delete(f"groups/id/{(step.before or {})['id']}/delete", f"delete the group {step.name}")

    def _body(self, whole: State, changed: State, row: Record) -> Dict[str, Any]:
        body = {"name": whole["name"], "description": whole.get("description", "")}
        if "permissions" in changed:
            body["permissions"] = changed["permissions"]
        if "parent" in changed:
            body["parent_group_id"] = self._ids[changed["parent"]] if changed["parent"] else None
        configured = {name: changed[name] for name in CONFIGURED if name in changed}
        if configured:
            # Before 0.12 the whole of it is replaced.
            body["data"] = {**(row.get("data") or {}), "config": {**_config(row), **_kept(configured)}}
        return body

    def _lacks(self, made: Record, after: State) -> bool:
        return permissions.granted(made.get("permissions")) != permissions.granted(after["permissions"])

    def _refuse_another(self, name: str, made: str) -> None:
        """Take back a group whose name somebody else took at the same moment: the server lets two have it.

        Of two runs that see each other the one whose group is not the first takes its own back, and the other waits
        for that. Where nothing goes, the other group was there before anybody looked, and this one goes.
        """
        for _look in range(LOOKS):
            rows = [row for row in self._client.get_list("groups/", READ) if row["name"] == name]
            first = min(rows, key=lambda row: (row.get("created_at") or 0, str(row["id"])), default=None)
            if first is None or str(first["id"]) != made:
                break
            if len(rows) == 1:
                return
            time.sleep(PAUSE)
        if first is not None:
            self._client.delete(f"groups/id/{made}/delete", f"take back the group {name}")
        raise Failure(f"The group {name} was made by somebody else at the same moment; run the task again.")

    def _move(self, step: Step[Any], group_id: str) -> None:
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


def _share(kept: Any) -> str:
    """Return who may share with a group; what the server takes for neither of the others is anyone."""
    word = str(kept).lower()
    return word if word == "members" else "no_one" if word == "false" else "anyone"


def _kept(configured: State) -> Dict[str, Any]:
    """Return what was said of a group as the server keeps it."""
    return {name: SHARES[value] if name == "share" else value for name, value in configured.items()}


def group_states(client: Client, name: Optional[str], with_members: bool) -> List[State]:
    """Return the groups of a server, or those of one name, sorted."""
    groups = ManagedGroups(client)
    present = groups.gather([])
    keys = [key for key, state in present.items() if name is None or state["name"] == name]
    members = groups.members_of(keys) if with_members else {}
    found = [{**present[key], **({"members": members[key]} if with_members else {})} for key in keys]
    return sorted(found, key=lambda state: (state["name"], state["id"]))
