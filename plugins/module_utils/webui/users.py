# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of Open WebUI as a resource of the engine."""

from __future__ import annotations

from typing import Any, Collection, Dict, Hashable, List, Mapping, Optional, Sequence

from ..converge import Present, Resource, Secret, State, Step, Wish
from ..errors import Failure
from .accounts import Accounts, Record
from .client import Client
from .groups import Groups
from .user_spec import ALWAYS, refused, shown_image

BASIC = ("id", "email", "name", "role")
FULL = (*BASIC, "groups", "profile_image_url", "created_at", "last_active_at")


class Users(Resource):
    """Accounts by e-mail; ``listed`` where there may be many, whose states are kept short."""

    kind = "user"

    def __init__(self, client: Client, listed: bool = False) -> None:
        self._client = client
        self._groups = Groups(client)
        self._accounts = Accounts(client, self._groups)
        self._listed = listed
        self._records: Dict[str, Record] = {}
        self._wished: List[str] = []
        self._primary: Optional[str] = None

    def read(self, wishes: Sequence[Wish]) -> Present:
        """Return the accounts; raise one Failure for all that only the server could tell is wrong."""
        self._groups.forget()
        self._wished = [wish.name for wish in wishes]
        if self._listed:
            groups_of = [wish.name for wish in wishes if "groups" in wish.fields and wish.present]
            images_of = [wish.name for wish in wishes if "profile_image_url" in wish.fields and wish.present]
            records = self._accounts.listed(groups_of, images_of)
            fields = [*BASIC, *(["groups"] if groups_of else []), *(["profile_image_url"] if images_of else [])]
        else:
            records = [found for found in (self._accounts.find(wish.name) for wish in wishes) if found]
            fields = list(FULL)
        self._records = {record["email"].lower(): record for record in records}
        self._check(wishes)
        return {email: user_state(record, self._groups, fields) for email, record in self._records.items()}

    def key(self, wish: Wish) -> Hashable:
        """Return the e-mail in lower case, which the wish bears as its name."""
        return wish.name

    def title(self, key: Hashable, state: State) -> str:
        """Return the e-mail, because two people may bear one name."""
        return str(key)

    def wanted(self, wish: Wish, present: Optional[State]) -> State:
        """Return what was said of an account; a new one gets a name and a role in any case."""
        said: Dict[str, Any] = {}
        if present is None:
            said = {"email": wish.name, "name": wish.name.split("@", 1)[0], "role": "user"}
        said.update({name: wish.fields[name] for name in ("name", "role", "groups") if name in wish.fields})
        if "profile_image_url" in wish.fields:
            said["profile_image_url"] = shown_image(wish.fields["profile_image_url"])
        if "password" in wish.fields and (present is None or wish.fields["update_password"] == ALWAYS):
            said["password"] = wish.fields["password"]
        return said

    def refusal(self, step: Step) -> Optional[str]:
        """Say what the server forbids, before it does so halfway."""
        if step.action == "create":
            return None
        record = self._records[str(step.key)]
        deletes, demotes = step.action == "delete", "role" in step.changes
        if not deletes and record["role"] != "admin":
            return None
        who = f"The user {step.name} is"
        if record["id"] == self._primary_id():
            if deletes:
                return f"{who} the primary admin (the oldest account), which Open WebUI never deletes; keep it."
            if demotes:
                return f"{who} the primary admin (the oldest account), which stays an admin; leave its role out."
            caller = self._client.caller()
            if caller and not caller.is_account(record):
                return (
                    f"{who} the primary admin (the oldest account), which nobody else may change; give its own "
                    f"credentials, or leave it out."
                )
        elif (deletes or demotes) and self._client.caller().is_account(record):
            if deletes:
                return f"{who} the account that this task signs in with, and nobody can delete himself; keep it."
            return f"{who} the account that this task signs in with, which must stay an admin; leave its role out."
        return None

    def needs(self, step: Step) -> Collection[Hashable]:
        """Let the caller's own password come last, because writing it ends the session of this run."""
        return [*self._records, *self._wished] if self._ends_session(step) else ()

    def create(self, step: Step) -> None:
        """Make the account, and its memberships."""
        wish, after = _wish_of(step), _after_of(step)
        body: Dict[str, Any] = {name: after[name] for name in ("email", "name", "role")}
        body["password"] = _password(after)
        if "profile_image_url" in wish.fields:
            body["profile_image_url"] = wish.fields["profile_image_url"]
        self._client.hide(body["password"])
        answer = self._client.post("auths/add", f"create the user {step.name}", json=body)
        # The answer is a session of the new account.
        self._client.hide(answer.get("token"))
        if "groups" in step.changes:
            # A group that the server gives to every new account may be among those it must not be in.
            record = self._accounts.find(str(step.key)) or {}
            self._move(str(answer["id"]), step, record.get("group_ids", []))

    def update(self, step: Step) -> None:
        """Write what differs, and nothing else where the version allows it."""
        wish, after = _wish_of(step), _after_of(step)
        record = self._records[str(step.key)]
        body: Dict[str, Any] = {name: after[name] for name in ("name", "role") if name in step.changes}
        if "profile_image_url" in step.changes:
            body["profile_image_url"] = wish.fields["profile_image_url"]
        own_session = self._ends_session(step)
        if "password" in step.changes:
            body["password"] = _password(after)
            self._client.hide(body["password"])
        if "groups" in step.changes:
            self._move(record["id"], step, record["group_ids"])
        if body:
            if not self._client.features().partial_user_update:
                body = {**self._needed_before_0_10(record), **body}
            self._client.post(f"users/{record['id']}/update", f"update the user {step.name}", json=body)
        if own_session:
            self._client.password_changed(record["email"], body["password"])

    def delete(self, step: Step) -> None:
        """Remove the account."""
        record = self._records[str(step.key)]
        self._client.delete(f"users/{record['id']}", f"delete the user {step.name}")

    def require_caller(self) -> None:
        """Refuse to purge where nobody knows whom to spare."""
        if not self._client.caller():
            raise Failure(
                "Refusing to purge: the server does not tell whose API key token is, so the account of this task "
                "might be removed; give admin_email with it."
            )

    def _check(self, wishes: Sequence[Wish]) -> None:
        problems: List[str] = []
        for number, wish in enumerate(wishes, 1):
            if not wish.present:
                continue
            found = self._groups.problems(wish.fields["groups"]) if wish.fields.get("groups") else []
            if wish.name not in self._records and "password" not in wish.fields:
                found.append("the account is not there yet, and to make it a password is needed")
            if found and not self._listed:
                raise Failure(f"The user {wish.name} cannot be as wanted: {'; '.join(found)}.")
            problems += [f"entry {number} ({wish.name}): {problem}" for problem in found]
        if problems:
            raise refused(problems, len(wishes))

    def _primary_id(self) -> Optional[str]:
        if self._primary is None:
            self._primary = self._accounts.primary(self._records.values() if self._listed else ())
        return self._primary

    def _ends_session(self, step: Step) -> bool:
        if step.action != "update" or "password" not in step.changes:
            return False
        record = self._records[str(step.key)]
        return record["role"] == "admin" and self._client.caller().is_account(record)

    def _move(self, user_id: str, step: Step, now: Collection[str]) -> None:
        self._groups.move(user_id, step.name, now, self._groups.ids(_after_of(step)["groups"]))

    def _needed_before_0_10(self, record: Record) -> Mapping[str, Any]:
        if "profile_image_url" not in record:
            record = self._accounts.find(record["email"]) or record
        return {name: record[name] for name in ("role", "name", "email", "profile_image_url")}


def user_state(record: Record, groups: Groups, fields: Sequence[str] = FULL) -> Dict[str, Any]:
    """Return an account as results show it."""
    state = {name: record[name] for name in fields if name in record}
    if "groups" in fields and "group_ids" in record:
        state["groups"] = groups.names(record["group_ids"]) if record["group_ids"] else []
    if "profile_image_url" in state:
        state["profile_image_url"] = shown_image(state["profile_image_url"] or "")
    return state


def user_states(client: Client, email: Optional[str]) -> List[Dict[str, Any]]:
    """Return one account or all, by e-mail."""
    groups = Groups(client)
    accounts = Accounts(client, groups)
    records = accounts.every() if email is None else [found for found in [accounts.find(email.lower())] if found]
    return [user_state(record, groups) for record in sorted(records, key=lambda record: record["email"])]


def without_password(result: Dict[str, Any]) -> Dict[str, Any]:
    """Take the marker of a password out of the states that a check run foresees."""
    for state in result.get("users", [result.get("user", {})]):
        state.pop("password", None)
    return result


def _wish_of(step: Step) -> Wish:
    if step.wish is None:
        raise AssertionError(f"{step.action} {step.name} has no wish")
    return step.wish


def _after_of(step: Step) -> State:
    if step.after is None:
        raise AssertionError(f"{step.action} {step.name} has no state after")
    return step.after


def _password(after: State) -> str:
    secret = after["password"]
    return secret.reveal() if isinstance(secret, Secret) else str(secret)
