# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which options of accounts are accepted."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.spec import (
    UserSpec,
    desired_user,
    desired_users,
    listed_entries,
    new_email_problems,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.entries.images import shown_image

PIXEL = "data:image/png;base64,iVBORw0KGgo="


def entry(**said: Any) -> dict[str, Any]:
    unsaid = dict.fromkeys(("name", "password", "role", "groups", "profile_image_url"))
    return {"email": "anna@example.org", "state": "present", "update_password": "on_create", **unsaid, **said}


def words(**said: Any) -> str:
    with pytest.raises(Failure) as caught:
        desired_user(entry(**said))
    return caught.value.message


@pytest.mark.parametrize(
    "email",
    [
        "a@b.c",
        "a@localhost",
        "Anna.Weber+x@sub.example.org",
        "a%b_c@example.org",
        "ä@bücher.example",
        "a@b.c.",
        "o'x@b.c",
    ],
)
def test_an_email_that_the_server_takes_is_taken_in_lower_case(email: str) -> None:
    assert desired_user(entry(email=email)).name == email.lower()


@pytest.mark.parametrize(
    "email",
    ["anna", "anna@", "@b.c", "anna@host", "mia@schule", "alice@github", "@localhost", "a@xlocalhost", "a@.c", "@"],
)
def test_a_new_account_needs_an_email_address_and_an_existing_one_does_not(email: str) -> None:
    assert desired_user(entry(email=email, role="user")).name == email
    (problem,) = new_email_problems(email)
    assert problem.startswith("email is not an e-mail address (name@domain.tld or name@localhost)")


@pytest.mark.parametrize(
    ("email", "sentence"),
    [("a\0@b.c", "an invisible character"), ("x" * 3000 + "@b.c", "has 3004")],
)
def test_an_email_that_no_server_can_have_is_an_error_of_an_account_that_is_to_be(email: str, sentence: str) -> None:
    assert sentence in words(email=email)
    assert desired_user(entry(email=email, state="absent")).name == email


@pytest.mark.parametrize("email", ["", " \t"])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_no_email_is_an_error(email: str, state: str) -> None:
    assert "email is empty" in words(email=email, state=state)


@pytest.mark.parametrize(
    ("email", "sentence"),
    [
        ("a\u202eb@c.d", "an invisible character"),
        (" a@b.c", "begins or ends with a blank"),
        ("x" * 260 + "@b.c", "has 264"),
    ],
)
def test_a_new_account_has_no_email_address_that_nobody_could_use(email: str, sentence: str) -> None:
    assert desired_user(entry(email=email)).name == email
    assert sentence in "".join(new_email_problems(email))


@given(st.text(alphabet="ab@. Ä_%\n", max_size=12) | st.sampled_from(["a b@c.d", "a@b.c@d", "a@localhost"]))
def test_every_new_email_that_passes_would_pass_the_server_and_no_other_form_is_refused(email: str) -> None:
    by_the_server = email.endswith("@localhost") or bool(re.match(r"[^@]+@[^@]+\.[^@]+", email))
    refused = "".join(new_email_problems(email))
    assert by_the_server or refused
    if by_the_server and email.isprintable() and email == email.strip() and not email.startswith("@"):
        assert not refused


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"name": ""}, "name is empty"),
        ({"name": "  "}, "name is empty"),
        ({"role": "wizard"}, "role is 'wizard'; it must be one of pending, user, admin"),
        ({"role": "Admin"}, "role is 'Admin'"),
        ({"password": ""}, "password is empty"),
        ({"password": "x" * 73}, "password has 73 bytes"),
        ({"password": "é" * 37}, "password has 74 bytes"),
        ({"update_password": "always"}, "update_password is always, but there is no password"),
        ({"profile_image_url": "javascript:alert(1)"}, "profile_image_url"),
        ({"profile_image_url": "https://"}, "profile_image_url"),
        ({"profile_image_url": "https://[bad"}, "profile_image_url"),
        ({"profile_image_url": "/other.png"}, "profile_image_url"),
        ({"profile_image_url": "data:image/svg+xml;base64,AAAA"}, "profile_image_url"),
    ],
)
def test_what_the_server_would_take_wrongly_is_an_error(said: dict[str, str], sentence: str) -> None:
    message = words(**said)
    assert message.startswith("Invalid user anna@example.org: ")
    assert sentence in message
    assert message.endswith(".")


@pytest.mark.parametrize("password", ["x", "x" * 72, "é" * 36, "🙂" * 18, " "])
def test_a_password_of_1_to_72_bytes_is_taken(password: str) -> None:
    secret = desired_user(entry(password=password)).spec.password
    assert secret is not None
    assert secret.reveal() == password


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/user.png",
        "/favicon.png",
        "/static/favicon.png",
        "/api/v1/users/1/profile/image",
        "https://x.org/a.png",
        PIXEL,
    ],
)
def test_the_images_that_the_server_takes_are_taken(url: str) -> None:
    assert desired_user(entry(profile_image_url=url)).spec.profile_image_url == (url or "/user.png")


@pytest.mark.parametrize("email", ["notmail", "a@b"])
def test_an_account_with_an_odd_email_can_be_removed(email: str) -> None:
    assert not desired_user(entry(email=email, state="absent", password="")).present


def test_an_absent_account_has_an_email() -> None:
    assert "email is empty" in words(email=" ", state="absent")


def test_an_account_without_options_sets_no_field() -> None:
    assert desired_user(entry()).spec == UserSpec(update_password="on_create")


def test_groups_are_sorted_without_duplicates_and_an_empty_list_is_kept() -> None:
    assert desired_user(entry(groups=["b", "a", "b"])).spec.groups == ["a", "b"]
    assert desired_user(entry(groups=[])).spec.groups == []


def test_one_error_names_every_bad_entry() -> None:
    entries = [
        entry(email="good@example.org"),
        entry(email="bad", role="king", password="x"),
        entry(email="jdoe", role="user"),
        entry(email="Twice@example.org"),
        entry(email="twice@Example.org", password=""),
    ]
    with pytest.raises(Failure) as caught:
        desired_users(listed_entries(entries))
    assert caught.value.message.startswith("Nothing was changed: 2 of 5 users are invalid: entry 2 (bad): ")
    assert caught.value.details["problems"] == [
        "Entry 2 (bad): role is 'king'; it must be one of pending, user, admin.",
        (
            "Entry 2 (bad): email is not an e-mail address (name@domain.tld or name@localhost), which a new account "
            "needs."
        ),
        (
            "Entry 5 (twice@Example.org): password is empty, and anybody could sign in with it; "
            "leave it out to keep the current password."
        ),
        "Entry 5 (twice@Example.org): it is listed twice (entry 4 is the same account).",
    ]


@given(st.text(min_size=73, max_size=90, alphabet="XYZß"))
def test_no_error_shows_a_password(password: str) -> None:
    assert password not in words(password=password)


def test_an_image_within_its_address_is_shown_by_its_digest() -> None:
    shown = shown_image(PIXEL)
    assert "iVBOR" not in shown
    assert shown.startswith("data:image/png;base64,... (34 characters, sha256 ")
    assert shown != shown_image(PIXEL + "A")
    assert shown_image("/user.png") == "/user.png"
