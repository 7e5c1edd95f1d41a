# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account that a token belongs to."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional

from ...http.session import HttpFailure, Session

API = "/api/v1/"
API_KEY_PATH = API + "auths/api_key"
# API keys may get neither: 0.8 and newer refuse the first while users.enable_status is off, and 0.12 refuses the
# second to every key ("A human session is required").
WHO_AM_I = ("users/user/status", "auths/")


@dataclass(frozen=True)
class Caller:
    """The account that makes the calls, as far as it is known."""

    id: Optional[str] = None
    email: Optional[str] = None

    def __bool__(self) -> bool:
        return bool(self.id or self.email)

    def is_account(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record of an account is the caller's."""
        if self.id:
            return bool(self.id == record["id"])
        return bool(self.email and self.email.lower() == record["email"].lower())


def bearer(token: Optional[str]) -> Dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def is_sendable(token: str) -> bool:
    """Tell whether a token fits into an HTTP header."""
    return token.isascii() and token.isprintable()


def account_of(session: Session, token: str) -> Caller:
    """Return the account of a token; an empty Caller if the server does not tell."""
    named = _named_in(token)
    if named:
        return Caller(named)
    for path in WHO_AM_I:
        try:
            answer = session.get(API + path, headers=bearer(token)).json()
        except HttpFailure:
            continue
        if isinstance(answer, dict) and answer.get("id"):
            return Caller(str(answer["id"]), answer.get("email"))
    return Caller()


def has_key(session: Session, token: Optional[str], key: str) -> bool:
    """Tell whether the account of a session token owns an API key; an account has one key at most."""
    try:
        answer = session.get(API_KEY_PATH, headers=bearer(token)).json()
    except HttpFailure:
        return False
    return isinstance(answer, dict) and answer.get("api_key") == key


def _named_in(token: str) -> Optional[str]:
    """Return the id of the account that a session token (a JWT) names; the server checks the signature."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    found = claims.get("id") if isinstance(claims, dict) else None
    return str(found) if found else None
