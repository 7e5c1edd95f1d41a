# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first admin: replace the password of the container's environment, or create the account."""

from __future__ import annotations

from typing import Any, Dict, Hashable, Mapping, Optional, Sequence

from ...engine.converge import Current, Desired, Resource, State, Step
from ...engine.errors import Failure
from ...http.session import HttpFailure
from ..api.callers import API
from ..api.client import SignIn, WrongPassword, open_session, sign_in
from ..api.messages import cannot, second_factor
from ..api.token_cache import TokenCache
from .spec import MAX_PASSWORD_BYTES

LASTING, ONE_TIME = "admin_password", "initial_password"


class FirstAdmin(Resource[None]):
    """One account, whose only visible state is which password signs it in. It has no options."""

    kind = "first_admin"

    def __init__(self, params: Mapping[str, Any], read_only: bool) -> None:
        self._email: str = params["admin_email"]
        self._passwords: Dict[str, str] = {LASTING: params[LASTING], ONE_TIME: params[ONE_TIME]}
        self._session = open_session(params, read_only, *self._passwords.values())
        self._signed_in: Optional[SignIn] = None

    def gather(self, all_desired: Sequence[Desired[None]]) -> Current:
        """Return which of the two passwords signs in; nothing if the server has no accounts."""
        for which, password in self._passwords.items():
            try:
                self._signed_in = sign_in(self._session, self._email, password)
            except WrongPassword:
                continue
            if which == LASTING and self._signed_in.token:
                found = self._signed_in
                TokenCache(self._session.url, self._email, password).keep(str(found.token), found.id or "", found.email)
            return {self._email: {"email": self._email, "signs_in_with": which}}
        if self._is_empty():
            return {}
        raise Failure(
            f"Cannot sign in as {self._email}: Open WebUI at {self._session.url} accepts neither admin_password nor "
            f"initial_password; if somebody has changed the password, set admin_password to the current one."
        )

    def key(self, desired: Desired[None]) -> Hashable:
        """Return the e-mail address."""
        return desired.name

    def desired_state(self, desired: Desired[None], current: Optional[State]) -> State:
        """Return the state that every run wants."""
        return {"email": self._email, "signs_in_with": LASTING}

    def create(self, step: Step[None]) -> None:
        """Sign up: the first account becomes the administrator. Before 0.7 there is no other way."""
        body = {"name": "Admin", "email": self._email, "password": self._passwords[LASTING]}
        try:
            answer = self._session.post(API + "auths/signup", json=body).json()
        except HttpFailure as failure:
            raise Failure(cannot(f"sign up as {self._email}", self._session.url, failure)) from failure
        if isinstance(answer, dict):
            self._session.hide(answer.get("token") or "")

    def update(self, step: Step[None]) -> None:
        """Write the lasting password; the engine's second gathering verifies it by a sign-in."""
        signed_in = self._signed_in
        if signed_in is None or not signed_in.token:
            raise Failure(second_factor(self._session.url, self._email, signed_in.step if signed_in else "unknown"))
        what = f"change the password of {self._email}"
        try:
            self._session.post(
                API + "auths/update/password",
                json={"password": self._passwords[ONE_TIME], "new_password": self._passwords[LASTING]},
                headers={"Authorization": f"Bearer {signed_in.token}"},
            ).json()
        except HttpFailure as failure:
            raise Failure(cannot(what, self._session.url, failure)) from failure

    def _is_empty(self) -> bool:
        try:
            answer = self._session.get("/api/config").json()
        except HttpFailure:
            return False
        return isinstance(answer, dict) and answer.get("onboarding") is True


def desired_first_admin(params: Mapping[str, Any]) -> Desired[None]:
    """Return the desired first admin, or raise a Failure for passwords that cannot be used."""
    email, lasting, one_time = params["admin_email"], params[LASTING], params[ONE_TIME]
    if not lasting or not one_time:
        raise Failure(f"The admin_password and the initial_password of the first admin {email} must not be empty.")
    if lasting == one_time:
        raise Failure(
            f"The first admin {email} has the same admin_password and initial_password, so the container's "
            f"environment would show a valid password; set another initial_password."
        )
    size = len(lasting.encode("utf-8", "surrogatepass"))
    if size > MAX_PASSWORD_BYTES:
        raise Failure(
            f"The admin_password of {email} has {size} bytes in UTF-8, but Open WebUI allows at most "
            f"{MAX_PASSWORD_BYTES}; shorten it."
        )
    return Desired(email, spec=None)
