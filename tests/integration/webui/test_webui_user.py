"""webui_user on a real Open WebUI: each option, and the second run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from conftest import Webui
from recorder import Recorder
from runner import hides, quadruple, sentence, succeed, unchanged

PASSWORD = "Anna-Password-1"
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_a_new_account_is_a_user_who_can_sign_in(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    runs = quadruple("webui_user", by_token(email="Anna@Example.org", password=PASSWORD), recorder, webui.state)
    assert webui.state()["anna@example.org"] == {
        "name": "anna",
        "role": "user",
        "profile_image_url": "/user.png",
        "groups": [],
    }
    assert webui.lets_in("anna@example.org", PASSWORD)
    shown = webui.users()["anna@example.org"]
    assert runs.done["user"]["id"] == shown["id"]
    assert runs.done["user"]["created_at"] == shown["created_at"]
    assert runs.again["user"]["role"] == "user"
    for result in (runs.foreseen, runs.done, runs.again):
        hides(result, PASSWORD, webui.token, "eyJ")


def test_a_new_account_with_all_options_is_made_in_one_run(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    webui.add_group("staff")
    webui.add_group("teachers")
    said = {
        "email": "anna@example.org",
        "name": "Anna Weber 🙂",
        "password": PASSWORD,
        "role": "admin",
        "groups": ["teachers", "staff"],
        "profile_image_url": PIXEL,
    }
    runs = quadruple("webui_user", by_token(**said), recorder, webui.state)
    assert webui.state()["anna@example.org"] == {
        "name": "Anna Weber 🙂",
        "role": "admin",
        "profile_image_url": PIXEL,
        "groups": ["staff", "teachers"],
    }
    assert runs.done["user"]["groups"] == ["staff", "teachers"]
    assert "iVBOR" not in str(runs.done["user"]) + str(runs.done["diff"])


@pytest.mark.parametrize(
    ("said", "after"),
    [
        ({"name": "Another"}, {"name": "Another"}),
        ({"role": "pending"}, {"role": "pending"}),
        ({"role": "admin"}, {"role": "admin"}),
        pytest.param(
            {"profile_image_url": "https://example.org/anna.png"},
            {"profile_image_url": "https://example.org/anna.png"},
            marks=pytest.mark.feature("pictures_by_address"),
        ),
        ({"groups": ["a", "b"]}, {"groups": ["a", "b"]}),
        ({"groups": ["b"]}, {"groups": ["b"]}),
        ({"groups": []}, {"groups": []}),
    ],
)
def test_only_what_is_given_changes(
    webui: Webui,
    recorder: Recorder,
    by_token: Callable[..., dict[str, Any]],
    said: dict[str, Any],
    after: dict[str, Any],
) -> None:
    webui.add_user("anna@example.org")
    webui.add_user("ben@example.org")
    webui.add_group("a", "anna@example.org", "ben@example.org")
    webui.add_group("b")
    before = webui.state()
    quadruple("webui_user", by_token(email="anna@example.org", **said), recorder, webui.state)
    expected = {**before, "anna@example.org": {**before["anna@example.org"], **after}}
    assert webui.state() == expected
    assert webui.lets_in("anna@example.org", "Password-1")


def test_an_empty_picture_is_the_one_that_all_have(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    webui.add_user("anna@example.org", profile_image_url="/static/favicon.png")
    quadruple("webui_user", by_token(email="anna@example.org", profile_image_url=""), recorder, webui.state)
    assert webui.state()["anna@example.org"]["profile_image_url"] == "/user.png"


def test_an_account_goes_and_stays_away(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    webui.add_user("anna@example.org")
    webui.add_user("ben@example.org")
    quadruple("webui_user", by_token(email="ANNA@example.org", state="absent"), recorder, webui.state)
    assert set(webui.users()) == {webui.admin_email, "ben@example.org"}


def test_wildcards_in_an_email_touch_nobody_else(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    for email in ("ab@example.org", "axb@example.org", "a_b@example.org"):
        webui.add_user(email)
    quadruple("webui_user", by_token(email="a%b@example.org", password=PASSWORD), recorder, webui.state)
    quadruple("webui_user", by_token(email="a_b@example.org", state="absent"), recorder, webui.state)
    assert {"ab@example.org", "axb@example.org", "a%b@example.org"} < set(webui.users())
    assert "a_b@example.org" not in webui.users()


def test_a_password_is_kept_or_written_each_time(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    webui.add_user("anna@example.org", password="First-1")
    unchanged("webui_user", by_token(email="anna@example.org", password="Second-2"), recorder)
    assert webui.lets_in("anna@example.org", "First-1")
    said = by_token(email="anna@example.org", password="Second-2", update_password="always")
    for _run in range(2):
        result = succeed("webui_user", said)
        assert result["changed"]
        assert result["diff"]["after"] == {"password": "********"}
        hides(result, "Second-2")
    assert webui.lets_in("anna@example.org", "Second-2")
    assert not webui.lets_in("anna@example.org", "First-1")


def test_the_longest_password_works(webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]) -> None:
    password = "é" * 36
    quadruple("webui_user", by_token(email="anna@localhost", password=password), recorder, webui.state)
    assert webui.lets_in("anna@localhost", password)


def test_an_admin_changes_the_own_password_by_itself_and_goes_on(webui: Webui, recorder: Recorder) -> None:
    webui.add_user("owner@example.org", password="Old-Password-1", role="admin")
    said = {
        "url": recorder.url,
        "admin_email": "owner@example.org",
        "admin_password": "Old-Password-1",
        "email": "owner@example.org",
        "password": "New-Password-2",
        "update_password": "always",
        "name": "The Boss",
    }
    result = succeed("webui_user", said)
    assert result["user"]["name"] == "The Boss"
    hides(result, "Old-Password-1", "New-Password-2", "eyJ")
    assert webui.lets_in("owner@example.org", "New-Password-2")


def test_the_default_group_holds_only_whom_it_should(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    before = webui.settings(DEFAULT_GROUP_ID=webui.add_group("everybody"))
    webui.add_group("staff")
    try:
        said = by_token(email="anna@example.org", password=PASSWORD, groups=["staff"])
        quadruple("webui_user", said, recorder, webui.state)
        quadruple("webui_user", by_token(email="ben@example.org", password=PASSWORD), recorder, webui.state)
    finally:
        webui.settings(DEFAULT_GROUP_ID=before["DEFAULT_GROUP_ID"])
    assert webui.state()["anna@example.org"]["groups"] == ["staff"]
    assert webui.state()["ben@example.org"]["groups"] == ["everybody"]


def test_an_account_as_wanted_costs_two_requests_at_most(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    webui.add_user("anna@example.org")
    webui.add_group("staff", "anna@example.org")
    said = by_token(email="anna@example.org", name="anna", role="user", groups=["staff"], password="x")
    unchanged("webui_user", said, recorder)
    assert len(recorder.requests) <= 2, recorder.seen()


def test_an_api_key_does_as_well(webui: Webui, recorder: Recorder) -> None:
    before = webui.settings(ENABLE_API_KEYS=True)
    try:
        key = webui.call("POST", "auths/api_key")["api_key"]
        said = {"url": recorder.url, "token": key}
        runs = quadruple("webui_user", {**said, "email": "a@example.org", "password": PASSWORD}, recorder, webui.state)
        hides(runs.done, key)
        message = sentence("webui_user", {**said, "email": webui.admin_email, "state": "absent"})
        assert "is the primary admin" in message
        assert succeed("webui_user", {**said, "email": webui.admin_email, "name": f"Admin {key[-6:]}"})["changed"]
        webui.settings(ENABLE_API_KEYS=False)
        message = sentence("webui_user", {**said, "email": "a@example.org"})
        assert "ENABLE_API_KEYS" in message
        assert key not in message
    finally:
        webui.settings(ENABLE_API_KEYS=before["ENABLE_API_KEYS"])
