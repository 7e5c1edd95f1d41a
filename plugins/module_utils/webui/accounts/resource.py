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
from ..api.rate_limit import MAX_CALLS, RateLimiter, http_failure, pauses
from ..directory.accounts import Accounts, Record
from ..directory.groups import Groups
from ..entries.images import is_web_url
from .compare import BASIC, FULL, desired_state, user_state
from .purge import PurgeGuard
from .spec import ALWAYS, VERIFY, FieldProblem, UserSpec, by_column, is_storable, new_email_problems

# The message of 0.6 and 0.8 for a refused change of the primary admin.
PRIMARY_ADMIN = "primary admin"


class Users(Resource[UserSpec]):
    """Accounts by e-mail address; with ``listed`` they may be many, and their states have fewer fields.

    ``params`` are the common options of the module. A purge keeps administrators and accounts of OAuth, LDAP and SCIM,
    unless ``purge_admins`` and ``purge_external``.
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
        self._purge = PurgeGuard(client, self._accounts, admins=purge_admins, external=purge_external)
        self._records: Dict[str, Record] = {}
        self._desired_names: List[str] = []
        self._primary: Optional[str] = None
        self._wrong_passwords: Set[str] = set()
        self._settings: Optional[Dict[str, Any]] = None
        self._limiter = RateLimiter()
        self._lock = threading.Lock()
        self._warnings: List[str] = []

    def gather(self, all_desired: Sequence[Desired[UserSpec]]) -> Current:
        """Return the accounts."""
        self._groups.forget()
        self._desired_names = [desired.name for desired in all_desired]
        if self._listed:
            present = [desired for desired in all_desired if desired.present]
            groups_of = [desired.name for desired in present if desired.spec.groups is not None]
            images_of = [desired.name for desired in present if desired.spec.profile_image_url is not None]
            records = self._accounts.listed(groups_of, images_of, len(present))
            fields = [*BASIC, *(["groups"] if groups_of else []), *(["profile_image_url"] if images_of else [])]
        else:
            emails = [desired.name for desired in all_desired if is_storable(desired.name)]
            records = [found for found in map(self._accounts.find, emails) if found]
            fields = list(FULL)
        self._records = {record["email"].lower(): record for record in records}
        return {email: user_state(record, self._groups, fields) for email, record in self._records.items()}

    def check(self, all_desired: Sequence[Desired[UserSpec]], current: Current) -> Sequence[Problem]:
        """Return missing groups and invalid new accounts; if there are none, verify the passwords."""
        found = []
        for number, desired in enumerate(all_desired):
            problems = self._problems(desired) if desired.present else ()
            found += [(number, by_column(desired.spec.columns, name, problem)) for name, problem in problems]
        if not found:
            self._wrong_passwords = self._verify(all_desired)
        return found

    def key(self, desired: Desired[UserSpec]) -> Hashable:
        """Return the e-mail address in lower case."""
        return desired.name

    def label(self, key: Hashable, state: State) -> str:
        """Return the e-mail address, because two people may have the same name."""
        return str(key)

    def desired_state(self, desired: Desired[UserSpec], current: Optional[State]) -> State:
        """Return the fields that the task sets, with the password if it must be written."""
        return desired_state(desired, current, with_password=current is None or self._is_due(desired))

    def veto(self, step: Step[UserSpec]) -> Optional[str]:
        """Return why the server would refuse a change, before any write, or why a purge must keep an account."""
        if step.action == "create":
            return None
        record = self._records[str(step.key)]
        deletes, demotes = step.action == "delete", "role" in step.changes
        kept = self._purge.veto(step.name, record, self._unlisted) if step.desired is None else None
        if kept:
            return kept
        if not deletes and record["role"] != "admin":
            return None
        who = f"The user {step.name} is"
        if record["id"] == self._primary_id():
            if deletes:
                return f"{who} the primary admin (the oldest account), which Open WebUI never deletes; keep it."
            if demotes:
                return f"{who} the primary admin (the oldest account), whose role must stay admin; leave role out."
            caller = self._client.caller()
            if caller and not caller.is_account(record):
                return _not_by_others(step)
        elif (deletes or demotes) and self._client.caller().is_account(record):
            if deletes:
                return f"{who} the account that this task signs in with, which cannot delete itself; keep it."
            return f"{who} the account that this task signs in with, which must stay an admin; leave role out."
        return None

    def precheck(self, steps: Sequence[Step[UserSpec]]) -> None:
        """Refuse a purge that could delete the wrong accounts, and estimate the time that new accounts take."""
        if any(step.desired is None for step in steps):
            self._purge.precheck()
        self._estimate(sum(step.action == "create" for step in steps), "new accounts")

    def warnings(self) -> Sequence[str]:
        """Return the time that a run waits, or would wait, for the server's rate limit."""
        if self._limiter.has_waited and not self._warnings:
            return [f"Open WebUI accepts {MAX_CALLS} calls in 15 minutes; the run had to wait."]
        return self._warnings

    def needs(self, step: Step[UserSpec]) -> Collection[Hashable]:
        """Write the caller's own password last, because that ends the session of this run."""
        return [*self._records, *self._desired_names] if self._ends_session(step) else ()

    def create(self, step: Step[UserSpec]) -> None:
        """Create the account and its memberships."""
        image, after = _desired_of(step).spec.profile_image_url, _after_of(step)
        body: Dict[str, Any] = {name: after[name] for name in ("email", "name", "role")}
        body["password"] = _password(after)
        if image is not None:
            body["profile_image_url"] = image
        self._client.hide(body["password"])
        what = f"create the user {step.name}"
        try:
            answer = self._limiter.call(lambda: self._client.post("auths/add", what, json=body))
        except Failure as failure:
            record = self._created_meanwhile(step, failure)
            self._write(step, record, {name: body[name] for name in body if name not in ("email", "password")})
            now: Collection[str] = record["group_ids"]
        else:
            # Without a second factor the answer has a session of the new account.
            self._client.hide(answer.get("token"))
            record, now = answer, self._first_groups(step) if "groups" in step.changes else ()
        if "groups" in step.changes:
            self._move(str(record["id"]), step, now)

    def update(self, step: Step[UserSpec]) -> None:
        """Write the changed fields, and others only if the version needs them."""
        spec, after = _desired_of(step).spec, _after_of(step)
        record = self._records[str(step.key)]
        body: Dict[str, Any] = {name: after[name] for name in ("name", "role") if name in step.changes}
        if "profile_image_url" in step.changes:
            body["profile_image_url"] = spec.profile_image_url
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

    def delete(self, step: Step[UserSpec]) -> None:
        """Delete the account."""
        record = self._records[str(step.key)]
        path, what = f"users/{record['id']}", f"delete the user {step.name}"
        self._guarded(step, lambda: self._client.delete(path, what))

    def _problems(self, desired: Desired[UserSpec]) -> Iterator[FieldProblem]:
        """Yield the problems of a desired account that only the server can tell, by field."""
        spec = desired.spec
        if spec.groups:
            yield from (("groups", problem) for problem in self._groups.problems(spec.groups))
        if desired.name not in self._records:
            yield from (("email", problem) for problem in new_email_problems(desired.name))
            if spec.password is None:
                yield "password", "the account does not exist yet, and a new account needs a password"
        if is_web_url(spec.profile_image_url) and not self._client.features().pictures_of_the_web:
            yield (
                "profile_image_url",
                "profile_image_url is an http or https address, which Open WebUI 0.8 refuses; use a data: address",
            )

    def _is_due(self, desired: Desired[UserSpec]) -> bool:
        mode = desired.spec.update_password
        return mode == ALWAYS or (mode == VERIFY and desired.name in self._wrong_passwords)

    def _verify(self, all_desired: Sequence[Desired[UserSpec]]) -> Set[str]:
        """Return the e-mail addresses of the accounts that have another password."""
        passwords = {
            desired.name: desired.spec.password.reveal()
            for desired in all_desired
            if desired.present and desired.spec.update_password == VERIFY and desired.spec.password is not None
        }
        passwords = {email: password for email, password in passwords.items() if email in self._records}
        if not passwords:
            return set()
        from .passwords import wrong_passwords

        self._estimate(len(passwords), "passwords to verify")
        self._client.hide(*passwords.values())
        return wrong_passwords(self._params, passwords, self._limiter)

    def _unlisted(self) -> List[Record]:
        listed = set(self._desired_names)
        return [record for email, record in self._records.items() if email not in listed]

    def _estimate(self, calls: int, what: str) -> None:
        """Warn if the calls will have to wait for the server's rate limit."""
        times = pauses(calls)
        if times and self._setting("ENABLE_MFA"):
            self._warnings.append(
                f"{calls} {what} take about {times * 16} minutes, because Open WebUI accepts {MAX_CALLS} such calls in "
                f"15 minutes from one address while a second factor is on; the run waits for it, and until it ends "
                f"people who come from the same address cannot sign in."
            )

    def _setting(self, name: str) -> Any:
        with self._lock:
            if self._settings is None:
                self._settings = self._client.get_mapping("auths/admin/config", "read the settings of accounts")
        return self._settings.get(name)

    def _first_groups(self, step: Step[UserSpec]) -> Collection[str]:
        """Return the groups to which the server itself has added a new account."""
        default = self._setting("DEFAULT_GROUP_ID")
        if default is None:
            return list((self._accounts.find(str(step.key)) or {}).get("group_ids") or ())
        return [default] if any(row["id"] == default for row in self._groups.rows()) else []

    def _created_meanwhile(self, step: Step[UserSpec], failure: Failure) -> Record:
        """Return the account if it was created after it was gathered, for example by a killed run; else raise."""
        answer = http_failure(failure)
        found = self._accounts.find(str(step.key)) if answer is not None and answer.status in (400, 500) else None
        if found is None:
            raise failure
        return found

    def _write(self, step: Step[UserSpec], record: Record, body: Dict[str, Any]) -> None:
        if not self._client.features().partial_user_update:
            body = {**self._needed_before_0_10(record), **body}
        path, what = f"users/{record['id']}/update", f"update the user {step.name}"
        self._guarded(step, lambda: self._client.post(path, what, json=body))

    def _guarded(self, step: Step[UserSpec], write: Callable[[], Any]) -> None:
        try:
            write()
        except Failure as failure:
            answer = http_failure(failure)
            # 0.6 and 0.8 answer 500, later versions 403.
            if answer is None or answer.status not in (403, 500) or step.key not in self._records:
                raise
            if answer.status == 500 and PRIMARY_ADMIN not in answer.words:
                raise
            if self._records[str(step.key)]["id"] != self._primary_id():
                raise
            raise Failure(_not_by_others(step)) from failure

    def _primary_id(self) -> Optional[str]:
        if self._primary is None:
            self._primary = self._accounts.primary(self._records.values() if self._listed else ())
        return self._primary

    def _ends_session(self, step: Step[UserSpec]) -> bool:
        if step.action != "update" or "password" not in step.changes:
            return False
        record = self._records[str(step.key)]
        return record["role"] == "admin" and self._client.caller().is_account(record)

    def _move(self, user_id: str, step: Step[UserSpec], now: Collection[str]) -> None:
        self._groups.move(user_id, step.name, now, self._groups.ids(_after_of(step)["groups"]))

    def _needed_before_0_10(self, record: Record) -> Mapping[str, Any]:
        if "profile_image_url" not in record:
            record = self._accounts.find(record["email"]) or record
        return {name: record[name] for name in ("role", "name", "email", "profile_image_url")}


def _not_by_others(step: Step[UserSpec]) -> str:
    return (
        f"The user {step.name} is the primary admin (the oldest account), which nobody else may change; use its "
        f"own credentials, or leave it out."
    )


def _desired_of(step: Step[UserSpec]) -> Desired[UserSpec]:
    if step.desired is None:
        raise AssertionError(f"{step.action} {step.name} has no entry")
    return step.desired


def _after_of(step: Step[UserSpec]) -> State:
    if step.after is None:
        raise AssertionError(f"{step.action} {step.name} has no state after")
    return step.after


def _password(after: State) -> str:
    secret = after["password"]
    return secret.reveal() if isinstance(secret, Secret) else str(secret)
