# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify passwords by signing in, because the server never shows them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Mapping, Optional, Set

from ...engine.errors import Failure
from ...http.session import Session
from ..api.client import WrongPassword, open_session, sign_in
from ..api.rate_limit import RateLimiter, http_failure

# Open WebUI accepts 15 sign-ins per e-mail address in 3 minutes, counted by the minute, without a Retry-After.
SIGN_IN_SECONDS = 240.0
TRUSTED_HEADER = "trusted header"


def wrong_passwords(params: Mapping[str, Any], passwords: Mapping[str, str], limiter: RateLimiter) -> Set[str]:
    """Return the e-mail addresses whose account has another password; one sign-in each, ``workers`` at once.

    ``params`` are the common options of a module. Raises Failure if a password cannot be verified.
    """
    # A sign-in changes nothing, so check mode makes it, too.
    session = open_session(params, True, *passwords.values())
    workers = params.get("workers") or 1
    verified = _verify(session, passwords, limiter, workers)
    limited = {email: passwords[email] for email, right in verified.items() if right is None}
    if limited:
        limiter.sleep(SIGN_IN_SECONDS)
        verified.update(_verify(session, limited, limiter, workers))
    still: List[str] = [email for email, right in verified.items() if right is None]
    if still:
        raise Failure(
            f"Cannot verify the password of {still[0]}: Open WebUI at {session.url} has seen too many sign-ins with "
            f"this e-mail address (it accepts 15 in 3 minutes); run again later, or set update_password to on_create."
        )
    return {email for email, right in verified.items() if not right}


def _verify(
    session: Session, passwords: Mapping[str, str], limiter: RateLimiter, workers: int
) -> Dict[str, Optional[bool]]:
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        answers = pool.map(lambda email: _is_right(session, email, passwords[email], limiter), passwords)
        return dict(zip(passwords, answers))


def _is_right(session: Session, email: str, password: str, limiter: RateLimiter) -> Optional[bool]:
    """Tell whether a password is correct; None if the server accepts no more sign-ins with this e-mail address."""
    try:
        # The server asks for a second factor, or an approval, only after a correct password.
        limiter.call(lambda: sign_in(session, email, password))
    except Failure as failure:
        answer = http_failure(failure)
        if answer is not None and answer.status == 429:
            return None
        if answer is not None and (answer.status == 403 or TRUSTED_HEADER in answer.words):
            raise Failure(
                f"Cannot verify the password of {email}: Open WebUI at {session.url} does not allow sign-in with a "
                f"password ({answer.words.rstrip('.')}); set update_password to on_create or always."
            ) from failure
        if isinstance(failure, WrongPassword):
            return False
        raise
    return True
