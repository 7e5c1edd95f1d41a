# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first admin: the password of the container's environment gives way to a lasting one, or the account is made."""

from __future__ import annotations

from typing import Any, Dict, Hashable, Mapping, Optional, Sequence

from ...engine.converge import Current, Desired, Resource, State, Step
from ...engine.errors import Failure
from ...http.session import HttpFailure
from ..api.callers import API
from ..api.client import SignIn, WrongPassword, open_session, sign_in
from ..api.messages import cannot, second_factor
from ..api.token_cache import SignIns
from .spec import MOST_PASSWORD_BYTES

LASTING, ONE_TIME = "admin_password", "initial_password"


class FirstAdmin(Resource[Any]):
    """One account, of which only one thing is known: which password lets it in."""

    kind = "first_admin"

    def __init__(self, params: Mapping[str, Any], read_only: bool) -> None:
        self._email: str = params["admin_email"]
        self._passwords: Dict[str, str] = {LASTING: params[LASTING], ONE_TIME: params[ONE_TIME]}
        self._session = open_session(params, read_only, *self._passwords.values())
        self._signed_in: Optional[SignIn] = None

    def gather(self, all_desired: Sequence[Desired[Any]]) -> Current:
        """Return which of the two passwords signs in; nothing where the server has no account at all."""
        for which, password in self._passwords.items():
            try:
                self._signed_in = sign_in(self._session, self._email, password)
            except WrongPassword:
                continue
            if which == LASTING and self._signed_in.token:
                found = self._signed_in
                SignIns(self._session.url, self._email, password).keep(str(found.token), found.id or "", found.email)
            return {self._email: {"email": self._email, "signs_in_with": which}}
        if self._is_empty():
            return {}
        raise Failure(
            f"Cannot sign in as {self._email}: Open WebUI at {self._session.url} accepts neither admin_password nor "
            f"initial_password; somebody has changed the password since, so give the present one as admin_password."
        )

    def key(self, desired: Desired[Any]) -> Hashable:
        """Return the e-mail."""
        return desired.name

    def desired_state(self, desired: Desired[Any], current: Optional[State]) -> State:
        """Return what every run wants."""
        return {"email": self._email, "signs_in_with": LASTING}

    def create(self, step: Step[Any]) -> None:
        """Sign up: whoever does so first is the administrator. Versions before 0.7 know no other way."""
        body = {"name": "Admin", "email": self._email, "password": self._passwords[LASTING]}
        try:
            answer = self._session.post(API + "auths/signup", json=body).json()
        except HttpFailure as failure:
            raise Failure(cannot(f"sign up as {self._email}", self._session.url, failure)) from failure
        if isinstance(answer, dict):
            self._session.hide(answer.get("token") or "")

    def update(self, step: Step[Any]) -> None:
        """Write the lasting password; the engine's second reading proves it by a sign-in."""
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


def desired_first_admin(params: Mapping[str, Any]) -> Desired[Any]:
    """Return the desired object, or raise a Failure where the passwords cannot do."""
    email, lasting, one_time = params["admin_email"], params[LASTING], params[ONE_TIME]
    if not lasting or not one_time:
        raise Failure(f"The first admin {email} needs an admin_password and an initial_password that are not empty.")
    if lasting == one_time:
        raise Failure(
            f"The first admin {email} has the same admin_password and initial_password, so the container's "
            f"environment would go on showing one that works; make initial_password another."
        )
    size = len(lasting.encode("utf-8", "surrogatepass"))
    if size > MOST_PASSWORD_BYTES:
        raise Failure(
            f"The admin_password of {email} has {size} bytes in UTF-8, and Open WebUI takes "
            f"{MOST_PASSWORD_BYTES} at most; shorten it."
        )
    return Desired(email)
