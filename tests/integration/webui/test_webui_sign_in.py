"""A play signs in once, however many tasks it has."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from conftest import SIGN_IN, Webui
from recorder import Recorder
from runner import fail, run

PASSWORD = "Boss-Password-1"
BEN = {"email": "ben@example.org", "password": "Ben-Password-1"}


@pytest.fixture
def by_password(webui: Webui, recorder: Recorder) -> dict[str, Any]:
    """Module arguments of an admin whom no other test signs in, because the server counts that."""
    email = f"boss-{uuid.uuid4().hex}@example.org"
    webui.add_user(email, PASSWORD, role="admin")
    return {"url": recorder.url, "admin_email": email, "admin_password": PASSWORD}


def sign_ins(recorder: Recorder) -> int:
    return sum(str(request) == SIGN_IN for request in recorder.requests)


def test_tasks_share_a_sign_in(by_password: dict[str, Any], recorder: Recorder) -> None:
    for module, said, check in (
        ("webui_users", {"users": [BEN]}, True),
        ("webui_users", {"users": [BEN]}, False),
        ("webui_user", {**BEN, "role": "pending"}, False),
        ("webui_user_info", {}, False),
    ):
        result = run(module, {**by_password, **said}, check=check)
        assert not result.failed, result.raw
    assert sign_ins(recorder) == 1


@pytest.mark.feature("revocable_sessions")
def test_a_session_that_is_over_is_begun_anew(by_password: dict[str, Any], webui: Webui, recorder: Recorder) -> None:
    assert not run("webui_user_info", by_password).failed
    webui.call("POST", f"users/{webui.users()[by_password['admin_email']]['id']}/sessions/revoke")
    assert run("webui_user", {**by_password, **BEN})["changed"]
    assert not run("webui_user_info", by_password).failed
    assert sign_ins(recorder) == 2


def test_a_wrong_password_gets_nothing_of_who_knows_the_right_one(
    by_password: dict[str, Any], recorder: Recorder
) -> None:
    assert not run("webui_user_info", by_password).failed
    wrong = fail("webui_user_info", {**by_password, "admin_password": "Wrong-Password-1"})
    assert "does not accept this e-mail with this password" in wrong["msg"]
    assert not run("webui_user_info", by_password).failed
    assert sign_ins(recorder) == 2


def test_who_is_no_admin_any_more_is_told_so(by_password: dict[str, Any], webui: Webui) -> None:
    assert not run("webui_user_info", by_password).failed
    boss = webui.users()[by_password["admin_email"]]
    webui.call("POST", f"users/{boss['id']}/update", {**boss, "role": "user"})
    assert "use the credentials of an administrator" in fail("webui_user_info", by_password)["msg"]


def test_without_a_place_each_task_signs_in(
    by_password: dict[str, Any], recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_to_all = tmp_path / "runtime" / "selfhosted-llm"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    for _task in range(2):
        assert not run("webui_user_info", by_password).failed
    assert sign_ins(recorder) == 2
    assert list(open_to_all.iterdir()) == []


def test_the_first_admins_sign_in_serves_the_tasks_that_follow(by_password: dict[str, Any], recorder: Recorder) -> None:
    assert not run("webui_first_admin", {**by_password, "initial_password": "Another-Password-1"})["changed"]
    assert not run("webui_user_info", by_password).failed
    assert sign_ins(recorder) == 1
