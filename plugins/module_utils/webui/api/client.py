# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of Open WebUI's API: credentials, calls, and checks that the answers are from this API."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import count
from typing import Any, Dict, Iterator, List, Mapping, Optional

from ansible.module_utils.common.warnings import warn

from ...engine.errors import Failure
from ...http.session import Answer, HttpFailure, Session
from .callers import API, Caller, account_of, bearer, has_key, is_sendable
from .features import Features
from .messages import cannot, is_session_over, is_token_refused, not_webui, second_factor, sign_in_failed
from .token_cache import TokenCache

NOT_SENDABLE = "it holds a line end or another character that HTTP cannot carry"

SERVER_OPTIONS: Dict[str, Any] = {
    "url": {"type": "str", "default": "http://127.0.0.1:3001"},
    "timeout": {"type": "float", "default": 30.0},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "use_proxy": {"type": "bool"},
}
WEBUI_OPTIONS: Dict[str, Any] = {
    **SERVER_OPTIONS,
    "token": {"type": "str", "no_log": True},
    "admin_email": {"type": "str"},
    "admin_password": {"type": "str", "no_log": True},
}
WEBUI_RULES: Dict[str, Any] = {
    "required_one_of": [["token", "admin_password"]],
    "required_by": {"admin_password": ["admin_email"]},
}


@dataclass(frozen=True)
class SignIn:
    """A sign-in with the correct password; without a token if the server requires a second factor (``step``)."""

    email: str
    token: Optional[str] = None
    step: str = ""
    id: Optional[str] = None
    role: str = ""


class WrongPassword(Failure):
    """The server does not know this e-mail with this password."""


def open_session(params: Mapping[str, Any], read_only: bool, *secrets: Optional[str]) -> Session:
    """Return a session for the common options of a module."""
    return Session(
        params["url"],
        timeout=params["timeout"],
        validate_certs=params["validate_certs"],
        ca_path=params["ca_path"],
        read_only=read_only,
        secrets=[secret for secret in secrets if secret],
        use_proxy=params.get("use_proxy"),
    )


def sign_in(session: Session, email: str, password: str) -> SignIn:
    """Sign in; raise WrongPassword, or a Failure for every other reason."""
    try:
        answer = session.post(API + "auths/signin", json={"email": email, "password": password}, reads=True)
        body = _mapping(session, answer)
    except HttpFailure as failure:
        kind = WrongPassword if failure.status == 400 else Failure
        raise kind(sign_in_failed(session.url, email, failure)) from failure
    if not body.get("token"):
        return SignIn(email, step=str(body.get("next_step", "no token came")))
    session.hide(body["token"])
    if str(body.get("email", "")).lower() != email.lower():
        raise Failure(
            f"Signed in as {body.get('email')} instead of {email}: Open WebUI at {session.url} does not check "
            f"passwords (WEBUI_AUTH or a trusted header); set an API key as token."
        )
    return SignIn(email, body["token"], "", body.get("id"), str(body.get("role", "")))


def is_api_key(token: Optional[str]) -> bool:
    """Tell whether a token is the API key of an account, and not of a session."""
    return (token or "").strip().startswith("sk-")


class Client:
    """The calls of one module run. Signs in once, at the first call that needs it, if no earlier task did.

    ``foreseen`` are names of objects that an earlier part of a check run would have created; they count as current.

    The token comes first. If the server refuses it and there is also a password, the calls go on with the password.
    """

    def __init__(
        self, params: Mapping[str, Any], read_only: bool, foreseen: Optional[Mapping[str, List[str]]] = None
    ) -> None:
        # A token that was read from a file ends in a line end. An empty token counts as none.
        self._token: Optional[str] = (params["token"] or "").strip() or None
        self._dropped_token: Optional[str] = None
        self._session = open_session(params, read_only, self._token, params["admin_password"])
        self._foreseen: Mapping[str, List[str]] = foreseen or {}
        self._email: Optional[str] = params["admin_email"]
        self._password: Optional[str] = params["admin_password"]
        self._signed_in: Optional[SignIn] = None
        self._recalled = False
        self._caller: Optional[Caller] = None
        self._features: Optional[Features] = None
        self._lock = threading.Lock()
        if self._token and not is_sendable(self._token):
            self._drop_token(NOT_SENDABLE)

    @property
    def url(self) -> str:
        """Return the server's base address."""
        return self._session.url

    def foreseen(self, kind: str) -> List[str]:
        """Return the names of a kind that an earlier part of a check run would have created."""
        return list(self._foreseen.get(kind) or ())

    def get(self, path: str, what: str, **options: Any) -> Any:
        """GET ``path`` below the API, or from the root if it begins with a slash.

        ``what`` is the verb and object in the message of a failure.
        """
        return self._call("GET", path, what, **options)

    def get_mapping(self, path: str, what: str, **options: Any) -> Dict[str, Any]:
        """GET an object; fail for any other answer."""
        answer = self.get(path, what, **options)
        if not isinstance(answer, dict):
            raise Failure(f"Cannot {what}: {not_webui(self.url)}.")
        return answer

    def get_list(self, path: str, what: str, **options: Any) -> List[Any]:
        """GET a list; fail for any other answer."""
        answer = self.get(path, what, **options)
        if not isinstance(answer, list):
            raise Failure(f"Cannot {what}: {not_webui(self.url)}.")
        return answer

    def pages(self, path: str, what: str, **params: Any) -> Iterator[Dict[str, Any]]:
        """GET the pages of a listing with ``items`` and ``total``, one after the other."""
        found = 0
        for page in count(1):
            answer = self.get_mapping(path, what, params={**params, "page": page})
            items = answer.get("items")
            if not isinstance(items, list):
                raise Failure(f"Cannot {what}: {not_webui(self.url)}.")
            yield answer
            found += len(items)
            if not items or found >= int(answer.get("total") or 0):
                return

    def get_pages(self, path: str, what: str, **params: Any) -> List[Dict[str, Any]]:
        """GET all items of all pages."""
        return [item for page in self.pages(path, what, **params) for item in page["items"]]

    def post(self, path: str, what: str, **options: Any) -> Any:
        """POST to ``path``; pass ``reads=True`` if that changes nothing."""
        return self._call("POST", path, what, **options)

    def delete(self, path: str, what: str, **options: Any) -> Any:
        """DELETE ``path``."""
        return self._call("DELETE", path, what, **options)

    def hide(self, *secrets: Optional[str]) -> None:
        """Mask these secrets in all later errors."""
        self._session.hide(*(secret for secret in secrets if secret))

    def features(self) -> Features:
        """Return the features of the server's version; costs one call, once."""
        if self._features is None:
            answer = self._session.get("/api/version").json()
            self._features = Features.of(str(answer.get("version", "")) if isinstance(answer, dict) else "")
        return self._features

    def caller(self) -> Caller:
        """Return the account that makes the calls; a false value if it is unknown."""
        if self._caller is None:
            self._caller = self._find_caller()
        return self._caller

    def token(self) -> str:
        """Return an API key or session token that the server accepts now."""
        self.get("users/default/permissions", "read the default permissions")
        return self._headers()["Authorization"].split(" ", 1)[1]

    def password_changed(self, email: str, password: str) -> None:
        """Continue after the caller's own password was written, which ends its sessions (0.12)."""
        if is_api_key(self._token):
            return
        self.hide(password)
        with self._lock:
            if self._email and self._password:
                TokenCache(self.url, self._email, self._password).forget()
            self._token, self._signed_in = None, None
            self._email, self._password = email, password

    def _find_caller(self) -> Caller:
        if self._token is None:
            signed_in = self._sign_in_once()
            return Caller(signed_in.id, signed_in.email)
        found = account_of(self._session, self._token)
        if found:
            return found
        if not self._password:
            return Caller(None, self._email)
        # The password may be that of another account, so it identifies the caller only if that account has the key.
        try:
            signed_in = self._sign_in_once()
        except Failure:
            return Caller()
        own = has_key(self._session, signed_in.token, self._token)
        return Caller(signed_in.id, signed_in.email) if own else Caller()

    def _call(self, method: str, path: str, what: str, **options: Any) -> Any:
        headers = self._headers()
        path = path if path.startswith("/") else API + path
        try:
            try:
                return self._session.request(method, path, headers=headers, **options).json()
            except HttpFailure as failure:
                if not (self._token_dropped(failure, headers) or self._sign_in_again(failure, headers)):
                    raise
            return self._session.request(method, path, headers=self._headers(), **options).json()
        except HttpFailure as failure:
            raise Failure(cannot(what, self.url, failure)) from failure

    def _headers(self) -> Dict[str, str]:
        return bearer(self._token if self._token is not None else self._sign_in_once().token)

    def _token_dropped(self, failure: HttpFailure, refused: Mapping[str, str]) -> bool:
        """Tell whether the token was refused and the password replaces it."""
        if not self._password or not is_token_refused(failure):
            return False
        with self._lock:
            if self._token is None:
                # Another thread may have dropped it during this call.
                return self._dropped_token is not None and refused == bearer(self._dropped_token)
            if refused != bearer(self._token):
                return False
            self._drop_token(f"{failure.status}: {failure.words}")
            return True

    def _drop_token(self, reason: str) -> None:
        """Continue with the password, and warn; raise a Failure if there is none."""
        if not (self._email and self._password):
            raise Failure(f"Invalid token: {reason}; set an API key or a session token of an administrator.")
        warn(
            f"Open WebUI at {self.url} refuses the token ({reason.rstrip('.')}). This task signs in as "
            f"{self._email} instead. Set a valid token, or none."
        )
        self._dropped_token, self._token, self._caller = self._token, None, None

    def _sign_in_once(self) -> SignIn:
        with self._lock:
            if self._signed_in is None:
                self._signed_in = self._recall() or self._sign_in()
            return self._signed_in

    def _sign_in_again(self, failure: HttpFailure, refused: Mapping[str, str]) -> bool:
        """Tell whether there is a newer token than the refused one: the session of an earlier task may have ended."""
        if not is_session_over(failure):
            return False
        with self._lock:
            if not self._recalled or self._signed_in is None:
                return False
            if refused == bearer(self._signed_in.token):
                self._recalled = False
                TokenCache(self.url, self._email or "", self._password or "").forget()
                self._signed_in = self._sign_in()
            return True

    def _recall(self) -> Optional[SignIn]:
        if not self._email or not self._password:
            return None
        kept = TokenCache(self.url, self._email, self._password).recall()
        if kept is None:
            return None
        self._recalled = True
        self.hide(kept["token"])
        return SignIn(kept["email"], kept["token"], "", kept["id"], "admin")

    def _sign_in(self) -> SignIn:
        if not self._email or not self._password:
            raise Failure("No credentials: set token, or admin_email and admin_password.")
        signed_in = sign_in(self._session, self._email, self._password)
        if not signed_in.token:
            raise Failure(second_factor(self.url, self._email, signed_in.step))
        if signed_in.role != "admin":
            raise Failure(
                f"The account {self._email} signs in to Open WebUI at {self.url}, but its role is "
                f"{signed_in.role or 'unknown'}; use the credentials of an administrator."
            )
        TokenCache(self.url, self._email, self._password).keep(signed_in.token, signed_in.id or "", signed_in.email)
        return signed_in


def posted(client: Client, path: str, what: str, *, has: str = "", **options: Any) -> Dict[str, Any]:
    """POST to ``path`` and return the object that the server created, which must have the field ``has``.

    Some versions answer null instead of an error.
    """
    answer = client.post(path, what, **options)
    if not isinstance(answer, dict) or (has and not answer.get(has)):
        raise Failure(f"Cannot {what}: Open WebUI at {client.url} did not store it; see its log.")
    return answer


def _mapping(session: Session, answer: Answer) -> Dict[str, Any]:
    body = answer.json()
    if not isinstance(body, dict):
        raise Failure(f"Cannot sign in: {not_webui(session.url)}.")
    return body
