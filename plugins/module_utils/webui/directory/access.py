# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access to objects of the workspace. Tasks name groups and accounts, the server knows them by id."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Optional

from ..api.client import Client
from .accounts import emails_by_id
from .groups import Groups

_WHO: Dict[str, Any] = {
    "type": "dict",
    "options": {
        "groups": {"type": "list", "elements": "str", "default": []},
        "users": {"type": "list", "elements": "str", "default": []},
    },
}
# The option `access` of a module; its documentation is the fragment selfhosted.llm.webui.access.
ACCESS: Dict[str, Any] = {
    "type": "dict",
    "options": {"public": {"type": "bool", "default": False}, "read": _WHO, "write": _WHO},
}
PERMISSIONS = ("read", "write")
EVERYBODY = "*"

Access = Dict[str, Any]


def wanted(option: Mapping[str, Any]) -> Access:
    """Return the option `access` in the form of a state. Permission to write includes permission to read."""
    who = {permission: option.get(permission) or {} for permission in PERMISSIONS}
    write = {kind: _names(kind, who["write"].get(kind)) for kind in ("groups", "users")}
    read = {kind: _names(kind, [*(who["read"].get(kind) or ()), *write[kind]]) for kind in ("groups", "users")}
    return {"public": bool(option.get("public")), "read": read, "write": write}


def _names(kind: str, names: Optional[Iterable[str]]) -> List[str]:
    return sorted({name.lower() if kind == "users" else name for name in names or ()})


class Grants:
    """Access to the objects of one server. Reads the groups and the accounts once, and only if one is named."""

    def __init__(self, client: Client, groups: Optional[Groups] = None) -> None:
        self._client = client
        self._groups = groups or Groups(client)
        self._emails: Optional[Dict[str, str]] = None

    def problems(self, option: Mapping[str, Any]) -> List[str]:
        """Return a sentence for each name of an option `access` that is unknown or ambiguous."""
        readers = wanted(option)["read"]
        found = self._groups.problems(readers["groups"]) if readers["groups"] else []
        foreseen = {email.lower() for email in self._client.foreseen("users")}
        known = foreseen.union(self._by_id().values()) if readers["users"] else set()
        if option.get("public") and any(readers.values()) and not self._client.features().access_grants:
            found.append("access cannot be public with names before Open WebUI 0.8; remove access.public or the names")
        return found + [
            f"there is no account {email!r} on the server; create it first"
            for email in readers["users"]
            if email not in known
        ]

    def state(self, record: Mapping[str, Any]) -> Access:
        """Return the access to an object of the server, by names; the id of a deleted group or account stays an id."""
        if self._client.features().access_grants:
            return self._of_grants(record.get("access_grants") or ())
        return self._of_control(record.get("access_control", {}))

    def in_create(self, access: Access) -> Dict[str, Any]:
        """Return the part of a new object's body that sets its access; every version accepts it there."""
        if self._client.features().access_grants:
            return {"access_grants": self._grants(access)}
        return self._control(access)

    def in_update(self, access: Access) -> Dict[str, Any]:
        """Return the part of an update's body that sets the access; only versions before 0.8 read it."""
        return {} if self._client.features().access_grants else self._control(access)

    def write(self, path: str, what: str, access: Access, **more: Any) -> None:
        """Set an object's access by its own call (``path``); do nothing where `in_update` sets it."""
        if self._client.features().access_grants:
            self._client.post(path, what, json={**more, "access_grants": self._grants(access)})

    def _of_grants(self, grants: Iterable[Mapping[str, Any]]) -> Access:
        found: Dict[str, Dict[str, List[str]]] = {each: {"group": [], "user": []} for each in PERMISSIONS}
        public, other = False, []
        for grant in grants:
            kind, who, permission = (grant.get(name) for name in ("principal_type", "principal_id", "permission"))
            if (kind, who, permission) == ("user", EVERYBODY, "read"):
                public = True
            elif permission in found and kind in found[permission] and who != EVERYBODY:
                found[permission][kind].append(str(who))
            else:
                other.append(f"{kind} {who} {permission}")
        return self._by_names(public, found, other)

    def _of_control(self, control: Optional[Mapping[str, Any]]) -> Access:
        found = {}
        for permission in PERMISSIONS:
            ids = (control or {}).get(permission) or {}
            found[permission] = {kind: list(ids.get(f"{kind}_ids") or ()) for kind in ("group", "user")}
        return self._by_names(control is None, found, [])

    def _by_names(self, public: bool, found: Mapping[str, Mapping[str, List[str]]], other: List[str]) -> Access:
        access: Access = {"public": public}
        for permission, who in found.items():
            emails = self._by_id() if who["user"] else {}
            access[permission] = {
                "groups": self._groups.names(set(who["group"])) if who["group"] else [],
                "users": sorted({emails.get(each, each) for each in who["user"]}),
            }
        # Grants that the options cannot express are shown, so they count as a difference.
        return {**access, "other": sorted(other)} if other else access

    def _grants(self, access: Access) -> List[Dict[str, str]]:
        public = [{"principal_type": "user", "principal_id": EVERYBODY, "permission": "read"}]
        return (public if access["public"] else []) + [
            {"principal_type": kind, "principal_id": who, "permission": permission}
            for permission in PERMISSIONS
            for kind, ids in self._ids(access[permission]).items()
            for who in ids
        ]

    def _control(self, access: Access) -> Dict[str, Any]:
        if access["public"]:
            return {"access_control": None}
        ids = {permission: self._ids(access[permission]) for permission in PERMISSIONS}
        return {
            "access_control": {
                permission: {f"{kind}_ids": found for kind, found in who.items()} for permission, who in ids.items()
            }
        }

    def _ids(self, who: Mapping[str, List[str]]) -> Dict[str, List[str]]:
        by_email = {email: each for each, email in self._by_id().items()} if who["users"] else {}
        # An unknown name may be the id of a deleted account, as `state` shows it.
        return {
            "group": [self._group_id(name) for name in who["groups"]],
            "user": [by_email.get(email, email) for email in who["users"]],
        }

    def _group_id(self, name: str) -> str:
        known = {str(row["id"]) for row in self._groups.rows()}
        return name if name in known else self._groups.find(name) or name

    def _by_id(self) -> Dict[str, str]:
        if self._emails is None:
            self._emails = emails_by_id(self._client)
        return self._emails
