# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first admin's password, against a double."""

from __future__ import annotations

from typing import Any

import pytest
from doubles.webui_call import Reply
from doubles.webui_http import HttpWebui

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.first_admin import (
    FirstAdmin,
    desired_first_admin,
)

CHANGE = "POST auths/update/password"
SIGN_UP = "POST auths/signup"


def given(server: HttpWebui, **more: Any) -> dict[str, Any]:
    common = {"url": server.url, "timeout": 10.0, "validate_certs": True, "ca_path": None}
    passwords = {"admin_password": "lasting", "initial_password": "admin-password"}
    return {**common, "admin_email": "admin@example.org", **passwords, **more}


def go(params: dict[str, Any], check: bool = False) -> dict[str, Any]:
    return converge(FirstAdmin(params, check), [desired_first_admin(params)], check_mode=check).single()


def test_the_lasting_password_in_force_is_nothing_to_do(server: HttpWebui) -> None:
    result = go(given(server, admin_password="admin-password", initial_password="one-time"))
    assert not result["changed"]
    assert result["first_admin"] == {"email": "admin@example.org", "signs_in_with": "admin_password"}
    assert server.requests == ["POST auths/signin"]


def test_a_check_run_tells_that_it_would_change(server: HttpWebui) -> None:
    result = go(given(server), check=True)
    assert result["diff"] == {
        "before": {"signs_in_with": "initial_password"},
        "after": {"signs_in_with": "admin_password"},
    }
    assert CHANGE not in server.requests


def test_a_change_that_does_not_take_is_found_out(server: HttpWebui) -> None:
    server.instead[CHANGE] = Reply(200, True)
    with pytest.raises(Failure, match="still shows a different signs_in_with"):
        go(given(server))


@pytest.mark.parametrize(
    ("path", "status", "body", "words"),
    [
        (CHANGE, 400, {"detail": "Too simple"}, "Cannot change the password of admin@example.org: .* Too simple"),
        ("POST auths/signin", 429, {"detail": "API rate limit exceeded"}, "too many sign-ins"),
    ],
)
def test_a_refusal_is_told_in_the_servers_words(
    server: HttpWebui, path: str, status: int, body: dict[str, str], words: str
) -> None:
    server.instead[path] = Reply(status, body)
    with pytest.raises(Failure, match=words):
        go(given(server))


def test_neither_password_is_one_sentence(server: HttpWebui) -> None:
    params = given(server, initial_password="forgotten")
    with pytest.raises(Failure, match="accepts neither admin_password nor initial_password") as caught:
        go(params)
    assert "forgotten" not in caught.value.message


@pytest.fixture
def empty(server: HttpWebui) -> HttpWebui:
    """A server that nobody has signed up to, as one before 0.7 is at first."""
    server.users.clear()
    server.instead["GET /api/config"] = Reply(200, {"onboarding": True})
    return server


def test_an_account_is_foreseen_where_there_is_none(empty: HttpWebui) -> None:
    result = go(given(empty), check=True)
    assert result["first_admin"] == {"email": "admin@example.org", "signs_in_with": "admin_password"}
    assert result["diff"]["before"] == {}
    assert SIGN_UP not in empty.requests


def test_the_account_is_made_with_the_lasting_password(empty: HttpWebui) -> None:
    empty.instead[SIGN_UP] = Reply(200, {"token": "eyJ"})
    FirstAdmin(given(empty), False).create(None)  # type: ignore[arg-type] # it needs no step
    assert empty.bodies == [{"name": "Admin", "email": "admin@example.org", "password": "lasting"}]


def test_a_sign_up_that_is_refused_is_told_in_the_servers_words(empty: HttpWebui) -> None:
    empty.instead[SIGN_UP] = Reply(403, {"detail": "Sign-up is off"})
    with pytest.raises(Failure, match=r"Cannot sign up as admin@example\.org: .* 403: Sign-up is off"):
        go(given(empty))


def test_a_second_factor_proves_a_password_but_cannot_change_one(server: HttpWebui) -> None:
    server.instead["POST auths/signin"] = Reply(200, {"next_step": "verify"})
    assert not go(given(server))["changed"]
    admin = FirstAdmin(given(server), False)
    with pytest.raises(Failure, match="requires a second factor"):
        admin.update(None)  # type: ignore[arg-type] # it needs no step


@pytest.mark.parametrize(
    ("passwords", "words"),
    [
        ({"admin_password": ""}, "must not be empty"),
        ({"initial_password": ""}, "must not be empty"),
        ({"initial_password": "lasting"}, "would show a valid password"),
        ({"admin_password": "é" * 37}, "74 bytes"),
    ],
)
def test_passwords_that_cannot_do_are_refused_before_any_call(
    server: HttpWebui, passwords: dict[str, str], words: str
) -> None:
    with pytest.raises(Failure, match=words):
        go(given(server, **passwords))
    assert server.requests == []
