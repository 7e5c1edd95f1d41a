# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one API key of an account, as a resource of the engine."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Hashable, List, Mapping, Optional, Sequence

from ...engine.converge import Current, Desired, Resource, Secret, State, Step
from ...engine.errors import Failure
from ...http.session import HttpFailure
from ..api.callers import API_KEY_PATH, account_of, bearer, is_sendable
from ..api.client import Client, WrongPassword, open_session, sign_in
from ..api.messages import cannot, second_factor
from ..directory.accounts import Accounts, Record
from ..directory.groups import Groups

OWN = "the caller"
ENABLED = "auth.enable_api_keys"


@dataclass(frozen=True)
class ApiKeySpec:
    """Whether a valid key is replaced by a new one."""

    rotate: bool = False


class ApiKey(Resource[ApiKeySpec]):
    """The key of one account. ``key_in_force`` is the newest key that is known to be valid, or None."""

    kind = "api_key"
    writes_unseen = True

    def __init__(self, client: Client, params: Mapping[str, Any], read_only: bool) -> None:
        known = (params["key"] or "").strip()
        # A key that HTTP cannot carry belongs to no account: `dest` may be a file of another kind.
        self.key_in_force: Optional[str] = known if known and is_sendable(known) else None
        self._removed = False
        self._client = client
        self._params = params
        self._warnings: List[str] = []
        self._email: str = (params["email"] or "").strip().lower()
        self._accounts = Accounts(client, Groups(client))
        self._session = open_session(params, read_only, params["password"], self.key_in_force)

    def gather(self, all_desired: Sequence[Desired[ApiKeySpec]]) -> Current:
        """Return the known key if the server accepts it."""
        self.key_in_force = None if self._removed else self._known_key(all_desired[0].present)
        return {all_desired[0].name: {"email": self._email or None}} if self.key_in_force else {}

    def key(self, desired: Desired[ApiKeySpec]) -> Hashable:
        """Return the e-mail address."""
        return desired.name

    def desired_state(self, desired: Desired[ApiKeySpec], current: Optional[State]) -> State:
        """Return a new key if there is none, or if it is to be rotated."""
        new = {"key": Secret("")} if current is None or desired.spec.rotate else {}
        return {"email": self._email or None, **new}

    def warnings(self) -> Sequence[str]:
        """Return why a known key cannot be used now."""
        return self._warnings

    def create(self, step: Step[ApiKeySpec]) -> None:
        """Create the account if it is missing, and return its key or create one. A valid key is never replaced."""
        token = self._session_of_the_account()
        self._enable_keys()
        self.key_in_force = self._key_of(token) or self._new_key(token)

    def update(self, step: Step[ApiKeySpec]) -> None:
        """Replace the key. The old one becomes invalid at once."""
        self._enable_keys()
        self.key_in_force = self._new_key(str(self.key_in_force))

    def delete(self, step: Step[ApiKeySpec]) -> None:
        """Delete the key."""
        self._call("DELETE", str(self.key_in_force), "delete the API key")
        self._removed = True

    def _known_key(self, is_desired: bool) -> Optional[str]:
        if not self._email:
            return self._key_of(self.key_in_force or self._client.token())
        if self.key_in_force is not None:
            self._refuse_another_account(self.key_in_force)
            found = self._key_of(self.key_in_force)
            if found:
                return found
        if is_desired and self._params["password"] is None:
            return None
        record = self._accounts.find(self._email)
        if record is None:
            return None
        if self._params["password"] is None:
            raise Failure(
                f"Cannot tell whether {self._email} has an API key; set its key or its password, or delete the account."
            )
        return self._key_of(self._signed_in(self._params["password"]))

    def _refuse_another_account(self, key: str) -> None:
        """Refuse a valid key of another account. If the server does not tell whose it is, accept it."""
        owner = account_of(self._session, key)
        record = self._accounts.find(self._email) if owner else None
        if record and not owner.is_account(record):
            raise Failure(
                f"The key is valid, but does not belong to {self._email}; set another key or dest, or leave them out."
            )

    def _key_of(self, token: str) -> Optional[str]:
        """Return the key of the account of a token; None if it has none, or if the token is invalid."""
        try:
            answer = self._session.get(API_KEY_PATH, headers=bearer(token)).json()
        except HttpFailure as failure:
            if failure.status in (401, 404):
                return None
            if failure.status == 403 and token == self.key_in_force and self._params["state"] != "absent":
                # The server looks up the account first: 403 means that the key is valid, but not allowed now.
                self._warn_of_forbidden_key(failure)
                return token
            raise Failure(cannot("read the API key", self._client.url, failure)) from failure
        return self._hidden(answer)

    def _warn_of_forbidden_key(self, failure: HttpFailure) -> None:
        whose = f"The API key of {self._email}" if self._email else "The API key"
        warning = (
            f"{whose} is valid, but Open WebUI at {self._client.url} refuses it ({failure.words.rstrip('.')}); "
            f"see the settings {ENABLED} and auth.api_key.endpoint_restrictions."
        )
        self._warnings += [warning] if warning not in self._warnings else []

    def _new_key(self, token: str) -> str:
        key = self._hidden(self._call("POST", token, "create an API key"))
        if key is None:
            raise Failure(f"Cannot create an API key: the answer of Open WebUI at {self._client.url} has none.")
        return key

    def _enable_keys(self) -> None:
        """Set the setting for API keys to true if the task says so."""
        if not self._params.get("enable_api_keys"):
            return
        from ..settings.resource import converge_settings
        from ..settings.spec import SETTINGS_OPTIONS

        options = {**dict.fromkeys(SETTINGS_OPTIONS), "settings": {ENABLED: True}}
        converge_settings(self._client, options, by_api_key=False, check_mode=False)

    def _hidden(self, answer: Any) -> Optional[str]:
        key = str(answer.get("api_key") or "") if isinstance(answer, dict) else ""
        self._session.hide(key)
        self._client.hide(key)
        return key or None

    def _call(self, method: str, token: str, what: str) -> Any:
        whose = f" of {self._email}" if self._email else ""
        try:
            return self._session.request(method, API_KEY_PATH, headers=bearer(token)).json()
        except HttpFailure as failure:
            raise Failure(cannot(what + whose, self._client.url, failure)) from failure

    def _session_of_the_account(self) -> str:
        if not self._email:
            return self._client.token()
        record = self._accounts.find(self._email)
        if record is None:
            return self._create_account()
        return self._signed_in(self._params["password"] or self._reset_password(record))

    def _signed_in(self, password: str) -> str:
        try:
            signed_in = sign_in(self._session, self._email, password)
        except WrongPassword as failure:
            raise Failure(f"The password of {self._email} is wrong: {failure.message}") from failure
        if not signed_in.token:
            raise Failure(second_factor(self._client.url, self._email, signed_in.step))
        return signed_in.token

    def _create_account(self) -> str:
        password = self._params["password"] or _random_password()
        body = {"email": self._email, "name": self._params["name"], "password": password, "role": self._params["role"]}
        answer = self._client.post("auths/add", f"create the account {self._email}", json=body)
        token = str(answer.get("token") or "") if isinstance(answer, dict) else ""
        if not token:
            raise Failure(
                f"The account {self._email} was created, but Open WebUI at {self._client.url} opens no session for it "
                f"because a second factor is switched on; switch that off, run the task again, and switch it on."
            )
        self._session.hide(token)
        return token

    def _reset_password(self, record: Record) -> str:
        """Set a random password for an account that this module created, and return it."""
        if record["name"] != self._params["name"] or record["role"] != self._params["role"]:
            raise Failure(
                f"The account {self._email} existed before (name {record['name']!r}, role {record['role']}), and "
                f"its key can only be read with its password; set password, or its key as key, or another email."
            )
        password = _random_password()
        fields = {name: record[name] for name in ("name", "email", "role", "profile_image_url")}
        what = f"set a new password for the account {self._email}"
        self._client.post(f"users/{record['id']}/update", what, json={**fields, "password": password})
        return password


def _random_password() -> str:
    # Meets every rule that a server may have for passwords.
    return f"Aa1-{secrets.token_urlsafe(24)}"


def desired_api_key(params: Mapping[str, Any]) -> Desired[ApiKeySpec]:
    """Return the desired key of a task."""
    return Desired(
        (params["email"] or "").strip().lower() or OWN,
        present=params["state"] != "absent",
        spec=ApiKeySpec(rotate=params["state"] == "rotated"),
    )
