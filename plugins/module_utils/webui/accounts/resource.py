# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of Open WebUI as a resource of the engine."""

from __future__ import annotations

import threading
from typing import Any, Callable, Collection, Dict, Hashable, Iterator, List, Mapping, Optional, Sequence, Set

from ...engine.converge import Current, Desired, Problem, Resource, Secret, State, Step
from ...engine.errors import Failure
from ..api.client import Client
from ..api.rate_limit import MOST_CALLS, Gate, http_failure, pauses
from ..directory.accounts import Accounts, Record
from ..directory.groups import Groups
from ..entries.images import is_of_the_web, shown_image
from .spec import ALWAYS, VERIFY, FieldProblem, Place, is_kept, new_email_problems

BASIC = ("id", "email", "name", "role")
# What 0.6 and 0.8 say where the primary admin may not be changed.
PRIMARY_WORDS = "primary admin"
FULL = (*BASIC, "groups", "profile_image_url", "created_at", "last_active_at")


class Users(Resource[Any]):
    """Accounts by e-mail; ``listed`` where there may be many, whose states are kept short.

    ``params`` are the common options of the module. A purge leaves administrators alone, and accounts of OAuth, LDAP
    and SCIM: ``purge_admins`` and ``purge_external`` let it remove these as well.
    """

    kind = "user"

    def __init__(
        self,
        client: Client,
        params: Mapping[str, Any],
        listed: bool = False,
        purge_external: bool = False,
        purge_admins: bool = False,
    ) -> None:
        self._client = client
        self._params = params
        self._groups = Groups(client)
        self._accounts = Accounts(client, self._groups)
        self._listed = listed
        self._purge_external = purge_external
        self._purge_admins = purge_admins
        self._records: Dict[str, Record] = {}
        self._desired_names: List[str] = []
        self._primary: Optional[str] = None
        self._external: Optional[Set[str]] = None
        self._wrong: Set[str] = set()
        self._settings: Optional[Dict[str, Any]] = None
        self._gate = Gate()
        self._lock = threading.Lock()
        self._told: List[str] = []

    def gather(self, all_desired: Sequence[Desired[Any]]) -> Current:
        """Return the accounts."""
        self._groups.forget()
        self._desired_names = [desired.name for desired in all_desired]
        if self._listed:
            groups_of = [desired.name for desired in all_desired if "groups" in desired.fields and desired.present]
            images_of = [
                desired.name for desired in all_desired if "profile_image_url" in desired.fields and desired.present
            ]
            records = self._accounts.listed(groups_of, images_of, sum(desired.present for desired in all_desired))
            fields = [*BASIC, *(["groups"] if groups_of else []), *(["profile_image_url"] if images_of else [])]
        else:
            kept = [desired.name for desired in all_desired if is_kept(desired.name)]
            records = [found for found in map(self._accounts.find, kept) if found]
            fields = list(FULL)
        self._records = {record["email"].lower(): record for record in records}
        return {email: user_state(record, self._groups, fields) for email, record in self._records.items()}

    def check(self, all_desired: Sequence[Desired[Any]], current: Current) -> Sequence[Problem]:
        """Return groups that are not there, and what new accounts lack; where nothing is wrong, try the passwords."""
        found = []
        for number, desired in enumerate(all_desired):
            place: Place = desired.fields.get("place") or Place("")
            problems = self._problems(desired) if desired.present else ()
            found += [(number, place.problem(field, words)) for field, words in problems]
        if not found:
            self._wrong = self._verified(all_desired)
        return found

    def key(self, desired: Desired[Any]) -> Hashable:
        """Return the e-mail in lower case, which the desired object bears as its name."""
        return desired.name

    def label(self, key: Hashable, state: State) -> str:
        """Return the e-mail, because two people may bear one name."""
        return str(key)

    def desired_state(self, desired: Desired[Any], current: Optional[State]) -> State:
        """Return what was said of an account; a new one gets a name and a role in any case."""
        said: Dict[str, Any] = {}
        if current is None:
            said = {"email": desired.name, "name": desired.name.split("@", 1)[0], "role": "user"}
        said.update({name: desired.fields[name] for name in ("name", "role", "groups") if name in desired.fields})
        if "profile_image_url" in desired.fields:
            said["profile_image_url"] = shown_image(desired.fields["profile_image_url"])
        if "password" in desired.fields and (current is None or self._is_due(desired)):
            said["password"] = desired.fields["password"]
        return said

    def veto(self, step: Step[Any]) -> Optional[str]:
        """Say what the server forbids, before it does so halfway, and whom a purge leaves alone."""
        if step.action == "create":
            return None
        record = self._records[str(step.key)]
        deletes, demotes = step.action == "delete", "role" in step.changes
        if step.desired is None and not self._purge_admins and record["role"] == "admin":
            return f"The user {step.name} is an administrator; keep it."
        if step.desired is None and not self._purge_external and record["id"] in self._external_ids():
            return f"The user {step.name} comes from OAuth or SCIM; keep it."
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
                return _not_by_others(step)
        elif (deletes or demotes) and self._client.caller().is_account(record):
            if deletes:
                return f"{who} the account that this task signs in with, and nobody can delete himself; keep it."
            return f"{who} the account that this task signs in with, which must stay an admin; leave its role out."
        return None

    def precheck(self, steps: Sequence[Step[Any]]) -> None:
        """Refuse a purge that might remove the wrong accounts, and foresee how long new accounts take."""
        purges = any(step.desired is None for step in steps)
        if purges:
            self.require_caller()
        if purges and not self._purge_external:
            self._refuse_unmarked()
        self._foresee(sum(step.action == "create" for step in steps), "new accounts")

    def warnings(self) -> Sequence[str]:
        """Return how long a run takes, or would take, that has to wait for the server."""
        if self._gate.held and not self._told:
            return [f"Open WebUI took no more than {MOST_CALLS} calls in 15 minutes; the run waited for it."]
        return self._told

    def needs(self, step: Step[Any]) -> Collection[Hashable]:
        """Let the caller's own password come last, because writing it ends the session of this run."""
        return [*self._records, *self._desired_names] if self._ends_session(step) else ()

    def create(self, step: Step[Any]) -> None:
        """Make the account, and its memberships."""
        desired, after = _desired_of(step), _after_of(step)
        body: Dict[str, Any] = {name: after[name] for name in ("email", "name", "role")}
        body["password"] = _password(after)
        if "profile_image_url" in desired.fields:
            body["profile_image_url"] = desired.fields["profile_image_url"]
        self._client.hide(body["password"])
        what = f"create the user {step.name}"
        try:
            answer = self._gate.call(lambda: self._client.post("auths/add", what, json=body))
        except Failure as failure:
            record = self._made_meanwhile(step, failure)
            self._write(step, record, {name: body[name] for name in body if name not in ("email", "password")})
            now: Collection[str] = record["group_ids"]
        else:
            # The answer is a session of the new account, but where there is a second factor.
            self._client.hide(answer.get("token"))
            record, now = answer, self._first_groups(step) if "groups" in step.changes else ()
        if "groups" in step.changes:
            self._move(str(record["id"]), step, now)

    def update(self, step: Step[Any]) -> None:
        """Write what differs, and nothing else where the version allows it."""
        desired, after = _desired_of(step), _after_of(step)
        record = self._records[str(step.key)]
        body: Dict[str, Any] = {name: after[name] for name in ("name", "role") if name in step.changes}
        if "profile_image_url" in step.changes:
            body["profile_image_url"] = desired.fields["profile_image_url"]
        own_session = self._ends_session(step)
        if "password" in step.changes:
            body["password"] = _password(after)
            self._client.hide(body["password"])
        if "groups" in step.changes:
            self._move(record["id"], step, record["group_ids"])
        if body:
            self._write(step, record, body)
        if own_session:
            self._client.password_changed(record["email"], body["password"])

    def delete(self, step: Step[Any]) -> None:
        """Remove the account."""
        record = self._records[str(step.key)]
        path, what = f"users/{record['id']}", f"delete the user {step.name}"
        self._guarded(step, lambda: self._client.delete(path, what))

    def require_caller(self) -> None:
        """Refuse to purge administrators if the account of this task, which must stay, is unknown."""
        if self._purge_admins and not self._client.caller():
            raise Failure(
                "Refusing to purge administrators: the server does not tell whose API key token is, so the account of "
                "this task might be removed. Set the server's setting users.enable_status to true, give admin_email "
                "and admin_password instead of token, or leave purge_admins out."
            )

    def _problems(self, desired: Desired[Any]) -> Iterator[FieldProblem]:
        """Yield by field what only the server could tell is wrong with a desired account."""
        if desired.fields.get("groups"):
            yield from (("groups", words) for words in self._groups.problems(desired.fields["groups"]))
        if desired.name not in self._records:
            yield from (("email", words) for words in new_email_problems(desired.name))
            if "password" not in desired.fields:
                yield "password", "the account is not there yet, and to make it a password is needed"
        image = desired.fields.get("profile_image_url")
        if is_of_the_web(image) and not self._client.features().pictures_of_the_web:
            yield (
                "profile_image_url",
                "profile_image_url is of the web, which Open WebUI 0.8 does not take; give a data: address",
            )

    def _is_due(self, desired: Desired[Any]) -> bool:
        mode = desired.fields["update_password"]
        return mode == ALWAYS or (mode == VERIFY and desired.name in self._wrong)

    def _verified(self, all_desired: Sequence[Desired[Any]]) -> Set[str]:
        given = {
            desired.name: desired.fields["password"].reveal()
            for desired in all_desired
            if desired.present and desired.fields["update_password"] == VERIFY and "password" in desired.fields
        }
        given = {email: password for email, password in given.items() if email in self._records}
        if not given:
            return set()
        from .passwords import wrong_passwords

        self._foresee(len(given), "passwords to verify")
        self._client.hide(*given.values())
        return wrong_passwords(self._params, given, self._gate)

    def _refuse_unmarked(self) -> None:
        features = self._client.get_mapping("/api/config", "read how people sign in").get("features") or {}
        for name, what in (("enable_ldap", "LDAP"), ("auth_trusted_header", "a trusted header")):
            if features.get(name):
                raise Failure(
                    f"Refusing to purge: {what} signs people in there, and Open WebUI does not tell which accounts it "
                    f"made; list whom to keep and set purge_external to true, or leave purge out."
                )

    def _foresee(self, calls: int, what: str) -> None:
        times = pauses(calls)
        if times and self._setting("ENABLE_MFA"):
            self._told.append(
                f"{calls} {what} take about {times * 16} minutes, since Open WebUI takes {MOST_CALLS} such calls in 15 "
                f"minutes from one address while a second factor is on; a run waits for it, and until it is over "
                f"people who come from the same address cannot sign in."
            )

    def _setting(self, name: str) -> Any:
        with self._lock:
            if self._settings is None:
                self._settings = self._client.get_mapping("auths/admin/config", "read the settings of accounts")
        return self._settings.get(name)

    def _first_groups(self, step: Step[Any]) -> Collection[str]:
        """Return the groups that the server itself has put a new account into."""
        default = self._setting("DEFAULT_GROUP_ID")
        if default is None:
            return list((self._accounts.find(str(step.key)) or {}).get("group_ids") or ())
        return [default] if any(row["id"] == default for row in self._groups.rows()) else []

    def _made_meanwhile(self, step: Step[Any], failure: Failure) -> Record:
        """Return the account that somebody made since it was read, as a run does that was killed a moment ago.

        Raises the failure where that was not the reason.
        """
        answer = http_failure(failure)
        found = self._accounts.find(str(step.key)) if answer is not None and answer.status in (400, 500) else None
        if found is None:
            raise failure
        return found

    def _write(self, step: Step[Any], record: Record, body: Dict[str, Any]) -> None:
        if not self._client.features().partial_user_update:
            body = {**self._needed_before_0_10(record), **body}
        path, what = f"users/{record['id']}/update", f"update the user {step.name}"
        self._guarded(step, lambda: self._client.post(path, what, json=body))

    def _guarded(self, step: Step[Any], write: Callable[[], Any]) -> None:
        try:
            write()
        except Failure as failure:
            answer = http_failure(failure)
            # 0.6 and 0.8 answer 500 where later ones answer 403.
            if answer is None or answer.status not in (403, 500) or step.key not in self._records:
                raise
            if answer.status == 500 and PRIMARY_WORDS not in answer.words:
                raise
            if self._records[str(step.key)]["id"] != self._primary_id():
                raise
            raise Failure(_not_by_others(step)) from failure

    def _external_ids(self) -> Set[str]:
        if self._external is None:
            desired_names = set(self._desired_names)
            others = [record for email, record in self._records.items() if email not in desired_names]
            self._external = self._accounts.external(others)
        return self._external

    def _primary_id(self) -> Optional[str]:
        if self._primary is None:
            self._primary = self._accounts.primary(self._records.values() if self._listed else ())
        return self._primary

    def _ends_session(self, step: Step[Any]) -> bool:
        if step.action != "update" or "password" not in step.changes:
            return False
        record = self._records[str(step.key)]
        return record["role"] == "admin" and self._client.caller().is_account(record)

    def _move(self, user_id: str, step: Step[Any], now: Collection[str]) -> None:
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


def _not_by_others(step: Step[Any]) -> str:
    return (
        f"The user {step.name} is the primary admin (the oldest account), which nobody else may change; give its own "
        f"credentials, or leave it out."
    )


def _desired_of(step: Step[Any]) -> Desired[Any]:
    if step.desired is None:
        raise AssertionError(f"{step.action} {step.name} is of no entry")
    return step.desired


def _after_of(step: Step[Any]) -> State:
    if step.after is None:
        raise AssertionError(f"{step.action} {step.name} has no state after")
    return step.after


def _password(after: State) -> str:
    secret = after["password"]
    return secret.reveal() if isinstance(secret, Secret) else str(secret)
