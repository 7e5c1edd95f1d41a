"""Everything that goes wrong with accounts ends in one clear sentence, and before any write where it can be known."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Webui
from recorder import Recorder
from runner import fail, hides, sentence, succeed

PASSWORD = "Anna-Password-1"
ANNA = {"email": "anna@example.org", "password": PASSWORD}


@pytest.mark.parametrize("module", ["webui_user", "webui_users", "webui_user_info"])
def test_a_wrong_admin_password(webui: Webui, recorder: Recorder, module: str) -> None:
    webui.add_user("boss@example.org", role="admin")
    given: dict[str, dict[str, Any]] = {"webui_user": ANNA, "webui_users": {"users": [ANNA]}, "webui_user_info": {}}
    said = given[module]
    result = fail(
        module, {"url": recorder.url, "admin_email": "boss@example.org", "admin_password": "Wrong-Password", **said}
    )
    assert result["msg"].startswith("Cannot sign in as boss@example.org: Open WebUI at ")
    assert "does not accept this e-mail with this password" in result["msg"]
    assert "check admin_email and admin_password" in result["msg"]
    assert "Wrong-Password" not in result.raw
    assert recorder.writes() == []


def test_too_many_sign_ins(webui: Webui, recorder: Recorder) -> None:
    for _attempt in range(15):
        assert not webui.lets_in("throw-away@example.org", "wrong")
    message = sentence(
        "webui_user",
        {"url": recorder.url, "admin_email": "throw-away@example.org", "admin_password": "wrong-one", **ANNA},
    )
    assert "has seen too many sign-ins with this e-mail" in message
    assert "wait 4 minutes, or set an API key as token" in message


@pytest.mark.parametrize("role", ["user", "pending"])
def test_no_administrator(webui: Webui, recorder: Recorder, role: str) -> None:
    token = webui.add_user("clara@example.org", role=role)
    said = {"url": recorder.url, "admin_email": "clara@example.org", "admin_password": "Password-1", **ANNA}
    assert f"its role is {role}; use the credentials of an administrator" in sentence("webui_user", said)
    message = sentence("webui_user", {"url": recorder.url, "token": token, **ANNA})
    assert "use the credentials of an administrator" in message
    assert token not in message


@pytest.mark.parametrize("token", ["sk-0123456789abcdef", "no-token", "a.b.c"])
def test_a_token_that_is_none(recorder: Recorder, token: str) -> None:
    result = fail("webui_user", {"url": recorder.url, "token": token, **ANNA})
    assert "set a valid API key or session token of an administrator" in result["msg"]
    assert token not in result.raw


@pytest.mark.parametrize("token", ["sk-0123456789abcdef", "no-token", "a.b.c", "two\nlines", "schlüssel"])
def test_a_token_that_is_none_gives_way_to_the_password(webui: Webui, recorder: Recorder, token: str) -> None:
    both = {"admin_email": webui.admin_email, "admin_password": webui.admin_password}
    result = succeed("webui_user_info", {"url": recorder.url, "token": token, **both})
    assert [user["email"] for user in result["users"]] == [webui.admin_email]
    (warning,) = result["warnings"]
    assert "refuses the token" in str(warning)
    hides(result, token, webui.admin_password)


def test_no_credentials() -> None:
    assert "one of the following is required: token, admin_password" in sentence("webui_user", ANNA)


def test_a_server_that_is_down(by_token: Callable[..., dict[str, Any]]) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        for module, said in (("webui_user", ANNA), ("webui_users", {"users": [ANNA]}), ("webui_user_info", {})):
            message = sentence(module, {**by_token(**said), "url": url})
            assert f"Open WebUI at {url} does not answer (connection refused" in message
        message = sentence("webui_user", {"url": url, "admin_email": "a@b.c", "admin_password": "secret-word", **ANNA})
        assert message.startswith(f"Cannot sign in as a@b.c: Open WebUI at {url} does not answer")


def test_a_server_that_does_not_know_the_api(webui: Webui, by_token: Callable[..., dict[str, Any]]) -> None:
    # The server answers unknown addresses with its own page and 200.
    message = sentence("webui_user", {**by_token(**ANNA), "url": f"{webui.url}/chat"})
    assert "is not Open WebUI's API" in message
    message = sentence(
        "webui_user", {"url": f"{webui.url}/chat", "admin_email": "a@b.c", "admin_password": "secret-word", **ANNA}
    )
    assert "is not Open WebUI's API" in message


def test_html_of_another_server(by_token: Callable[..., dict[str, Any]]) -> None:
    # Any web server that is not Open WebUI; this is no double of it.
    class Page(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html>It works!</html>")

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        assert "is not Open WebUI's API" in sentence("webui_user", {**by_token(**ANNA), "url": url})
        credentials = {"url": url, "admin_email": "a@b.c", "admin_password": "secret-word"}
        assert "is not Open WebUI's API" in sentence("webui_user", {**credentials, **ANNA})
        server.shutdown()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"email": " "}, "email is empty"),
        ({"role": "wizard"}, "value of role must be one of: pending, user, admin, got: wizard"),
        ({"password": ""}, "password is empty"),
        ({"password": "é" * 37}, "password has 74 bytes in UTF-8, but Open WebUI allows at most 72"),
        ({"name": ""}, "name is empty"),
        ({"profile_image_url": "javascript:alert(1)"}, "profile_image_url is not an address that the server accepts"),
    ],
)
def test_values_that_cannot_be_are_told_before_any_call(
    recorder: Recorder, by_token: Callable[..., dict[str, Any]], said: dict[str, str], words: str
) -> None:
    assert words in sentence("webui_user", by_token(**{**ANNA, **said}))
    assert recorder.requests == []


@pytest.mark.parametrize("email", ["anna", "mia@schule", "a\u202eb@c.d"])
def test_a_new_account_with_an_email_that_the_server_does_not_take(
    recorder: Recorder, by_token: Callable[..., dict[str, Any]], email: str
) -> None:
    message = sentence("webui_user", by_token(**{**ANNA, "email": email}))
    assert message.startswith(f"Invalid user {email.encode('ascii', 'backslashreplace').decode()}: email ")
    assert recorder.writes() == []


def test_a_new_account_without_a_password(recorder: Recorder, by_token: Callable[..., dict[str, Any]]) -> None:
    message = sentence("webui_user", by_token(email="anna@example.org"))
    assert message.startswith("Invalid user anna@example.org: the account does not exist yet")
    assert recorder.writes() == []


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"state": "absent"}, "is the primary admin (the oldest account), which Open WebUI never deletes; keep it."),
        ({"role": "user"}, "is the primary admin (the oldest account), whose role must stay admin; leave role out."),
        ({"role": "pending"}, "is the primary admin (the oldest account), whose role must stay admin; leave role out."),
    ],
)
def test_the_primary_admin_is_told_to_stay(
    webui: Webui,
    recorder: Recorder,
    by_token: Callable[..., dict[str, Any]],
    said: dict[str, str],
    words: str,
    check: bool,
) -> None:
    message = sentence("webui_user", by_token(email=webui.admin_email, **said), check=check)
    assert message == f"The user {webui.admin_email} {words}"
    assert recorder.writes() == []


def test_nobody_else_changes_the_primary_admin(webui: Webui, recorder: Recorder) -> None:
    token = webui.add_user("boss@example.org", role="admin")
    message = sentence("webui_user", {"url": recorder.url, "token": token, "email": webui.admin_email, "name": "X"})
    assert "is the primary admin (the oldest account), which nobody else may change" in message
    assert recorder.writes() == []


@pytest.mark.parametrize(
    ("said", "words"), [({"state": "absent"}, "which cannot delete itself"), ({"role": "user"}, "must stay an admin")]
)
def test_nobody_removes_the_admin_that_the_task_is(
    webui: Webui, recorder: Recorder, said: dict[str, str], words: str
) -> None:
    token = webui.add_user("boss@example.org", role="admin")
    message = sentence("webui_user", {"url": recorder.url, "token": token, "email": "boss@example.org", **said})
    assert message.startswith("The user boss@example.org is the account that this task signs in with")
    assert words in message
    assert recorder.writes() == []


def test_groups_that_are_not_there_or_not_clear(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    webui.add_group("staff")
    twins = [webui.add_group("twins"), webui.add_group("twins")]
    message = sentence("webui_user", by_token(**ANNA, groups=["nobody", "twins"]))
    assert "there is no group 'nobody' on the server (there are: staff, twins)" in message
    assert "the group name 'twins' is ambiguous" in message
    assert all(group_id in message for group_id in twins)
    assert recorder.writes() == []


def test_one_error_names_every_bad_entry_of_a_list(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    users: list[dict[str, Any]] = [
        {"email": "good@example.org", "password": PASSWORD},
        {"email": "bad", "password": PASSWORD, "role": "king"},
        {"email": "Twice@example.org", "password": PASSWORD},
        {"email": "twice@Example.org", "password": "x" * 73},
    ]
    result = fail("webui_users", by_token(users=users))
    assert "2 of 4 users are invalid" in result["msg"]
    assert [problem.split(":")[0] for problem in result["problems"]] == [
        "Entry 2 (bad)",
        "Entry 2 (bad)",
        "Entry 4 (twice@Example.org)",
        "Entry 4 (twice@Example.org)",
    ]
    assert recorder.requests == []
    users = [{"email": "a@b.c"}, {"email": "d@e.f", "password": PASSWORD, "groups": ["none"]}]
    assert len(fail("webui_users", by_token(users=users))["problems"]) == 2
    assert recorder.writes() == []


@pytest.mark.parametrize("users", [[], [{"email": "gone@example.org", "state": "absent"}]])
def test_purge_of_all_is_refused(recorder: Recorder, by_token: Callable[..., dict[str, Any]], users: list[Any]) -> None:
    message = sentence("webui_users", by_token(users=users, purge=True))
    assert message.startswith("Refusing to purge: users lists nothing with state present")
    assert recorder.requests == []
