# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Error messages for the answers of Open WebUI, or of another server at its address."""

from __future__ import annotations

from typing import Optional

from ...http.session import HttpFailure

# The server's own detail texts; its status codes alone do not distinguish these cases.
NO_RIGHT = "You do not have permission"
NO_API_KEYS = "API key"
NOT_READY = (502, 503, 504)
VERSION_CONFLICT = "version_conflict"
SESSION_OVER = ("Invalid token", "Your session has expired", "401 Unauthorized", "Not authenticated")


def cannot(what: str, url: str, failure: HttpFailure) -> str:
    """Return the message for a failed call; ``what`` is the verb and object, as in "read the accounts"."""
    return f"Cannot {what}: {_reason(url, failure).rstrip('.')}."


def not_webui(url: str) -> str:
    """Return the message for an answer that is not from the API."""
    return (
        f"the server at {url} is not Open WebUI's API (it sent a page or other text instead of JSON); "
        f"check that url is the server's base address"
    )


def is_session_over(failure: HttpFailure) -> bool:
    """Tell whether a session token was refused; 401 alone may also mean that an object does not exist."""
    return failure.status == 401 and any(words in failure.words for words in SESSION_OVER)


def is_token_refused(failure: HttpFailure) -> bool:
    """Tell whether a token was refused: it is invalid, API keys are off, or its account is not an administrator.

    The last case looks the same as an object that even an administrator may not see.
    """
    return is_session_over(failure) or (
        failure.status in (401, 403) and (NO_RIGHT in failure.words or NO_API_KEYS in failure.words)
    )


def _reason(url: str, failure: HttpFailure) -> str:
    status, words = failure.status, failure.words
    if status is None:
        return f"Open WebUI at {url} does not answer ({words})"
    if status in NOT_READY:
        return f"Open WebUI at {url} is not ready ({status}: {words}); try again when {url}/ready answers 200"
    if status == 405 or "instead of JSON" in words or (status == 404 and words == "Not Found"):
        return not_webui(url)
    if status == 409 and VERSION_CONFLICT in words:
        return f"{_said(url, status, words)}; somebody else is changing it at the same time, so run the task again"
    if status == 401:
        return _unauthorized(url, words)
    if status == 403 and NO_API_KEYS in words:
        return (
            f"{_said(url, status, words)}; switch on API keys there (ENABLE_API_KEYS, and before Open WebUI 0.8 the "
            f"permission features.api_keys, too), or set admin_email and admin_password instead of token"
        )
    if status == 403:
        return f"{_said(url, status, words)}; the account of this task may not do this"
    return _said(url, status, words)


def _unauthorized(url: str, words: str) -> str:
    if NO_RIGHT in words:
        return f"{_said(url, 401, words)}; use the credentials of an administrator"
    return (
        f"{_said(url, 401, words)}; set a valid API key or session token of an administrator as token, "
        f"or admin_email and admin_password"
    )


def _said(url: str, status: int, words: str) -> str:
    return f"Open WebUI at {url} answered {status}: {words.rstrip('.')}"


def sign_in_failed(url: str, email: str, failure: HttpFailure) -> str:
    """Return the message for a refused sign-in."""
    what = f"sign in as {email}"
    reason: Optional[str] = None
    if failure.status in (400, 401):
        reason = (
            f"Open WebUI at {url} does not accept this e-mail with this password ({failure.words}); "
            f"check admin_email and admin_password"
        )
    elif failure.status == 429:
        reason = (
            f"Open WebUI at {url} has seen too many sign-ins with this e-mail ({failure.words}; it accepts 15 in 3 "
            f"minutes, successful ones included); wait 4 minutes, or set an API key as token, which needs no sign-in"
        )
    elif failure.status == 403:
        reason = f"Open WebUI at {url} has password sign-in switched off ({failure.words}); set an API key as token"
    return f"Cannot {what}: {reason}." if reason else cannot(what, url, failure)


def second_factor(url: str, email: str, step: str) -> str:
    """Return the message for a sign-in that stops at a second factor or an approval."""
    return (
        f"Cannot sign in as {email}: the password is correct, but Open WebUI at {url} requires a second factor "
        f"({step}), which a task cannot provide; set an API key of an administrator as token, which keeps working."
    )
