"""webui_first_admin on a real Open WebUI, with an admin of its own in the first one's place."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Webui
from recorder import Recorder
from runner import fail, hides, quadruple, sentence, unchanged

ONE_TIME, LASTING = "One-Time-Password-1", "Lasting-Password-2"


@pytest.fixture
def said(webui: Webui, recorder: Recorder, request: pytest.FixtureRequest) -> dict[str, Any]:
    # Sign-ins are counted for each e-mail, so each test has one of its own.
    email = f"{request.node.name.replace('_', '-')[:40]}@example.org"
    webui.add_user(email, password=ONE_TIME, role="admin")
    return {"url": recorder.url, "admin_email": email, "admin_password": LASTING, "initial_password": ONE_TIME}


def test_the_one_time_password_gives_way(webui: Webui, recorder: Recorder, said: Any) -> None:
    recorder.reads |= {"POST /api/v1/auths/signin"}
    runs = quadruple("webui_first_admin", said, recorder)
    assert webui.lets_in(said["admin_email"], LASTING)
    assert not webui.lets_in(said["admin_email"], ONE_TIME)
    assert runs.done["first_admin"] == {"email": said["admin_email"], "signs_in_with": "admin_password"}
    assert recorder.seen() == ["POST /api/v1/auths/signin"]
    for result in (runs.foreseen, runs.done, runs.again):
        hides(result, ONE_TIME, LASTING, "eyJ")


def test_the_defaults_of_the_group_may_hold_a_token(recorder: Recorder, said: Any) -> None:
    unchanged(
        "webui_first_admin",
        {
            "url": said["url"],
            "admin_email": said["admin_email"],
            "admin_password": ONE_TIME,
            "initial_password": "gone",
            "token": "not used",
        },
        recorder,
    )


def test_a_password_that_somebody_changed_is_one_sentence(said: Any) -> None:
    result = fail("webui_first_admin", {**said, "initial_password": "Forgotten-3"})
    assert "accepts neither admin_password nor initial_password" in result["msg"]
    hides(result, LASTING, "Forgotten-3")


def test_passwords_that_cannot_do_are_told_before_any_call(recorder: Recorder, said: Any) -> None:
    assert "would show a valid password" in sentence("webui_first_admin", {**said, "admin_password": ONE_TIME})
    assert "74 bytes" in sentence("webui_first_admin", {**said, "admin_password": "é" * 37})
    assert "not be empty" in sentence("webui_first_admin", {**said, "admin_password": ""})
    assert recorder.requests == []


def test_a_server_that_is_down_is_one_sentence(said: Any) -> None:
    message = sentence("webui_first_admin", {**said, "url": "http://127.0.0.1:9"})
    assert f"Cannot sign in as {said['admin_email']}: Open WebUI at http://127.0.0.1:9 does not answer" in message
