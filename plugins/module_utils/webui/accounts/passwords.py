# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which passwords are in force: nobody can read one, but a sign-in tells."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Mapping, Optional, Set

from ...engine.errors import Failure
from ...http.session import Session
from ..api.client import WrongPassword, open_session, sign_in
from ..api.rate_limit import Gate, http_failure

# Open WebUI takes 15 sign-ins of one e-mail in 3 minutes, counted by the minute, and does not say how long to wait.
SIGN_IN_SECONDS = 240.0
TRUSTED_HEADER = "trusted header"


def wrong_passwords(params: Mapping[str, Any], passwords: Mapping[str, str], gate: Gate) -> Set[str]:
    """Return the e-mails whose account has another password; one sign-in for each, ``workers`` at once.

    ``params`` are the common options of a module. Raises Failure where a sign-in does not tell.
    """
    # Nothing is changed by a sign-in, so that it may be made in check mode.
    session = open_session(params, True, *passwords.values())
    workers = params.get("workers") or 1
    told = _signed_in(session, passwords, gate, workers)
    limited = {email: passwords[email] for email, right in told.items() if right is None}
    if limited:
        gate.sleep(SIGN_IN_SECONDS)
        told.update(_signed_in(session, limited, gate, workers))
    still: List[str] = [email for email, right in told.items() if right is None]
    if still:
        raise Failure(
            f"Cannot tell whether the password of {still[0]} is in force: Open WebUI at {session.url} has seen too "
            f"many sign-ins with this e-mail (it takes 15 in 3 minutes); run again later, or set update_password to "
            f"on_create."
        )
    return {email for email, right in told.items() if not right}


def _signed_in(session: Session, passwords: Mapping[str, str], gate: Gate, workers: int) -> Dict[str, Optional[bool]]:
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        answers = pool.map(lambda email: _is_right(session, email, passwords[email], gate), passwords)
        return dict(zip(passwords, answers))


def _is_right(session: Session, email: str, password: str, gate: Gate) -> Optional[bool]:
    """Tell whether a password is the account's; None where the server takes no more sign-ins of this e-mail."""
    try:
        # One that is asked for a second factor, or to wait for an approval, has passed this test.
        gate.call(lambda: sign_in(session, email, password))
    except Failure as failure:
        answer = http_failure(failure)
        if answer is not None and answer.status == 429:
            return None
        if answer is not None and (answer.status == 403 or TRUSTED_HEADER in answer.words):
            raise Failure(
                f"Cannot tell whether the password of {email} is in force: Open WebUI at {session.url} lets nobody "
                f"sign in with one ({answer.words.rstrip('.')}); set update_password to on_create or always."
            ) from failure
        if isinstance(failure, WrongPassword):
            return False
        raise
    return True
