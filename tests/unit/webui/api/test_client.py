# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls, what is said of each refusal, and how often anything is asked."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from doubles.webui import session_token
from doubles.webui_call import HTML, JSON, KEY, Reply
from doubles.webui_http import HttpWebui, MakeClient

import ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client as client_module
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.http.session import HttpFailure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.callers import Caller
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.features import Features
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.messages import cannot
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.directory.accounts import Accounts
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.directory.groups import Groups

BY_PASSWORD = {"token": None, "admin_email": "Admin@example.org", "admin_password": "admin-password"}
SIGN_IN = "POST auths/signin"


def refusal(client: MakeClient, **given: Any) -> str:
    with pytest.raises(Failure) as caught:
        client(**given).get_list("groups/", "read the groups")
    message = caught.value.message
    assert message.endswith(".")
    assert "\n" not in message
    return message


def test_many_threads_sign_in_once(server: HttpWebui, client: MakeClient) -> None:
    one = client(**BY_PASSWORD)
    threads = [threading.Thread(target=one.get, args=("groups/", "read the groups")) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.requests.count(SIGN_IN) == 1
    assert len(server.requests) == 9


def test_nobody_signs_in_before_it_is_needed_or_where_there_is_a_token(server: HttpWebui, client: MakeClient) -> None:
    client(**BY_PASSWORD)
    client().get("groups/", "read the groups")
    assert server.requests == ["GET groups/"]


def test_a_token_from_a_file_is_taken_without_its_line_end(server: HttpWebui, client: MakeClient) -> None:
    assert client(token=KEY + "\n").get_list("groups/", "read the groups") == []


def test_a_token_from_a_file_is_hidden_without_its_line_end_too(server: HttpWebui, client: MakeClient) -> None:
    server.instead["GET groups/"] = Reply(500, {"detail": f"who is {KEY}?"}, JSON)
    with pytest.raises(Failure, match=r"who is \*{8}\?"):
        client(token=KEY + "\n").get_list("groups/", "read the groups")


def test_accounts_that_are_no_list_are_not_this_api(server: HttpWebui, client: MakeClient) -> None:
    server.instead["GET users/all"] = Reply(200, {"x": 1}, JSON)
    for number in range(40):
        server.add_user(f"u{number}@example.org")
    reader = client()
    with pytest.raises(Failure, match="is not Open WebUI's API"):
        Accounts(reader, Groups(reader)).listed((), ())


def test_an_empty_token_is_none(server: HttpWebui, client: MakeClient) -> None:
    client(**{**BY_PASSWORD, "token": ""}).get("groups/", "read the groups")
    assert server.requests == ["POST auths/signin", "GET groups/"]


def test_a_check_run_signs_in(server: HttpWebui, client: MakeClient) -> None:
    assert client(read_only=True, **BY_PASSWORD).get_list("groups/", "read the groups") == []


@pytest.mark.parametrize(
    ("status", "body", "kind", "sentence"),
    [
        (
            400,
            {"detail": "The email or password provided is incorrect."},
            JSON,
            "does not accept this e-mail with this password",
        ),
        (429, {"detail": "API rate limit exceeded"}, JSON, "too many sign-ins with this e-mail"),
        (429, {"detail": "API rate limit exceeded"}, JSON, "wait 4 minutes, or set an API key as token"),
        (403, {"detail": "restricted as a security measure"}, JSON, "has password sign-in switched off"),
        (200, {"next_step": "verify", "challenge_token": "x"}, JSON, "requires a second factor (verify)"),
        (200, "<html>", HTML, "is not Open WebUI's API"),
        (200, [], JSON, "is not Open WebUI's API"),
        (405, {"detail": "Method Not Allowed"}, JSON, "is not Open WebUI's API"),
        (404, {"detail": "Not Found"}, JSON, "is not Open WebUI's API"),
        (502, "<h1>Bad gateway</h1>", HTML, "is not ready (502: "),
        (503, {"detail": "starting"}, JSON, "/ready answers 200"),
        (500, {"detail": "oh"}, JSON, "answered 500: oh"),
        (200, {"token": "t", "email": "other@localhost", "role": "admin"}, JSON, "does not check passwords"),
        (200, {"token": "t", "email": "admin@example.org", "role": "pending"}, JSON, "its role is pending"),
    ],
)
def test_a_refused_sign_in_is_one_sentence(
    server: HttpWebui, client: MakeClient, status: int, body: dict[str, str] | list[Any] | str, kind: str, sentence: str
) -> None:
    server.instead[SIGN_IN] = Reply(status, body, kind)
    message = refusal(client, **BY_PASSWORD)
    assert sentence in message
    assert "admin-password" not in message


@pytest.mark.parametrize(
    ("status", "body", "kind", "sentence"),
    [
        (401, {"detail": "401 Unauthorized"}, JSON, "set a valid API key or session token"),
        (
            401,
            {"detail": "You do not have permission to access this resource."},
            JSON,
            "credentials of an administrator",
        ),
        (403, {"detail": "Use of API key is not enabled in the environment."}, JSON, "ENABLE_API_KEYS"),
        (403, {"detail": "restricted"}, JSON, "the account of this task may not do this"),
        (200, "<html>", HTML, "is not Open WebUI's API"),
        (200, {"detail": "no list"}, JSON, "is not Open WebUI's API"),
        (302, "", HTML, "a redirect to nowhere"),
        (400, {"detail": "No."}, JSON, "Cannot read the groups: Open WebUI at http://"),
    ],
)
def test_a_refused_call_is_one_sentence(
    server: HttpWebui, client: MakeClient, status: int, body: dict[str, str] | str, kind: str, sentence: str
) -> None:
    server.instead["GET groups/"] = Reply(status, body, kind)
    assert sentence in refusal(client)


def test_a_list_where_an_object_belongs_is_not_this_api(server: HttpWebui, client: MakeClient) -> None:
    server.instead["GET users/"] = Reply(200, [], JSON)
    with pytest.raises(Failure, match="is not Open WebUI's API"):
        client().get_mapping("users/", "read the accounts")


def test_a_server_that_is_down_is_one_sentence(server: HttpWebui, client: MakeClient) -> None:
    server.close()
    message = refusal(client)
    assert message.startswith(f"Cannot read the groups: Open WebUI at {server.url} does not answer (connection refused")


def test_a_token_in_an_answer_never_reaches_an_error(server: HttpWebui, client: MakeClient) -> None:
    one = client(**BY_PASSWORD)
    one.get("groups/", "read the groups")
    token = session_token(server.caller + "admin-password")
    server.instead["GET groups/"] = Reply(500, {"detail": f"who is {token}?"}, JSON)
    with pytest.raises(Failure, match=r"who is \*{8}\?"):
        one.get("groups/", "read the groups")


@pytest.mark.parametrize(
    ("version", "partial"),
    [("0.6.43", False), ("0.8.12", False), ("0.9.9", False), ("0.10.2", True), ("v0.12.4", True), ("1.0.0-dev", True)],
)
def test_before_0_10_an_update_needs_all_fields(version: str, partial: bool) -> None:
    assert Features.of(version).partial_user_update is partial


@pytest.mark.parametrize("version", ["", "main", "?"])
def test_a_version_that_says_nothing_counts_as_the_newest(version: str) -> None:
    assert Features.of(version) == Features()


def test_the_version_is_asked_once(server: HttpWebui, client: MakeClient) -> None:
    one = client()
    assert one.features() is one.features()
    assert server.requests == ["GET /api/version"]


def test_a_session_token_names_its_caller_without_a_call(server: HttpWebui, client: MakeClient) -> None:
    assert client(token=session_token("u1")).caller() == Caller("u1")
    assert server.requests == []


def test_a_sign_in_names_its_caller(server: HttpWebui, client: MakeClient) -> None:
    assert client(**BY_PASSWORD).caller().id == server.caller


def test_the_caller_of_an_api_key_is_asked_for_once(server: HttpWebui, client: MakeClient) -> None:
    one = client()
    assert one.caller().id == server.caller
    assert one.caller().is_account(server.users[server.caller])
    assert server.requests == ["GET users/user/status"]


def test_an_api_key_that_nobody_owns_up_to_is_known_by_admin_email_or_not_at_all(
    server: HttpWebui, client: MakeClient
) -> None:
    server.tells_status = False
    assert not client().caller()
    assert client(admin_email="ADMIN@example.org").caller().is_account(server.users[server.caller])
    assert not Caller().is_account(server.users[server.caller])


@pytest.mark.parametrize("token", ["a.b", "a.!!!.c", "a.bm9qc29u.c", "a.W10=.c", "a.e30=.c"])
def test_a_token_that_is_none_names_nobody(server: HttpWebui, client: MakeClient, token: str) -> None:
    assert not client(token=token).caller()


def test_after_its_own_password_changed_a_run_signs_in_anew(server: HttpWebui, client: MakeClient) -> None:
    one = client(**BY_PASSWORD)
    one.get("groups/", "read the groups")
    server.passwords[server.caller] = "another"
    one.password_changed("admin@example.org", "another")
    one.get("groups/", "read the groups")
    assert server.requests.count(SIGN_IN) == 2


def test_an_api_key_outlives_a_password(server: HttpWebui, client: MakeClient) -> None:
    one = client()
    one.password_changed("admin@example.org", "another")
    one.get("groups/", "read the groups")
    assert SIGN_IN not in server.requests


def test_without_any_credentials_nothing_is_tried(client: MakeClient) -> None:
    assert "No credentials: set token" in refusal(client, token=None)


def test_words_end_in_one_full_stop() -> None:
    assert cannot("do it", "http://x", HttpFailure("GET", "http://x/y", "no.", 400)).endswith("answered 400: no.")


INVALID = "Your session has expired or the token is invalid. Please sign in again."
PROHIBITED = "You do not have permission to access this resource. Please contact your system administrator."


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(client_module, "warn", found.append)
    return found


def told_once(warned: list[str]) -> None:
    (warning,) = warned
    assert "refuses the token (" in warning
    assert "This task signs in as Admin@example.org instead." in warning
    assert "sk-" not in warning


@pytest.mark.parametrize("token", ["sk-of-another-life", "a.b.c", "nonsense", "two\nlines", "schlüssel", "\x00"])
def test_a_token_that_is_not_valid_gives_way_to_the_password(
    server: HttpWebui, client: MakeClient, warned: list[str], token: str
) -> None:
    one = client(**{**BY_PASSWORD, "token": token})
    assert one.get_list("groups/", "read the groups") == []
    assert one.get_list("groups/", "read the groups") == []
    assert server.requests.count(SIGN_IN) == 1
    assert len(server.requests) <= 4
    assert one.caller().id == server.caller
    told_once(warned)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, INVALID),
        (401, PROHIBITED),
        (403, "Use of API key is not enabled in the environment."),
        (403, PROHIBITED),
    ],
)
def test_a_token_that_may_not_call_gives_way_to_the_password(
    server: HttpWebui, client: MakeClient, warned: list[str], status: int, words: str
) -> None:
    server.refused_keys[KEY] = (status, words)
    one = client(**{**BY_PASSWORD, "token": KEY})
    threads = [threading.Thread(target=one.get, args=("groups/", "read the groups")) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert one.get_list("groups/", "read the groups") == []
    assert server.requests.count(SIGN_IN) == 1
    told_once(warned)


def test_a_token_that_is_not_valid_gives_way_before_a_write_is_done_twice(
    server: HttpWebui, client: MakeClient, warned: list[str]
) -> None:
    one = client(**{**BY_PASSWORD, "token": "sk-of-another-life"})
    body = {"email": "anna@example.org", "name": "Anna", "password": "x", "role": "user"}
    one.post("auths/add", "make an account", json=body)
    assert sorted(server.by_email()) == ["admin@example.org", "anna@example.org"]
    told_once(warned)


def test_a_password_that_is_wrong_as_well_is_told(server: HttpWebui, client: MakeClient, warned: list[str]) -> None:
    message = refusal(client, **{**BY_PASSWORD, "token": "sk-of-another-life", "admin_password": "wrong"})
    assert "does not accept this e-mail with this password" in message
    told_once(warned)


@pytest.mark.parametrize("token", ["sk-of-another-life", "two\nlines"])
def test_a_token_that_is_not_valid_is_told_where_it_is_all_there_is(
    server: HttpWebui, client: MakeClient, warned: list[str], token: str
) -> None:
    with pytest.raises(Failure) as caught:
        client(token=token, admin_email="admin@example.org").get_list("groups/", "read the groups")
    assert "session token of an administrator" in caught.value.message
    assert token not in caught.value.message
    assert SIGN_IN not in server.requests
    assert warned == []


def test_what_is_refused_for_another_reason_is_not_asked_for_again(
    server: HttpWebui, client: MakeClient, warned: list[str]
) -> None:
    server.instead["GET tools/id/x"] = Reply(401, {"detail": "We could not find what you're looking for :/"}, JSON)
    with pytest.raises(Failure, match="could not find"):
        client(**{**BY_PASSWORD, "token": KEY}).get("tools/id/x", "read a tool")
    assert server.requests == ["GET tools/id/x"]
    assert warned == []


def test_a_password_beside_a_key_that_the_server_does_not_name_does_not_tell_whose_it_is(
    server: HttpWebui, client: MakeClient, warned: list[str]
) -> None:
    server.tells_status = False
    both = {**BY_PASSWORD, "token": KEY}
    assert client(**both).caller().id == server.caller
    server.caller = server.add_user("automation@localhost", role="admin")
    assert not client(**both).caller()
    assert not client(**{**both, "admin_password": "wrong"}).caller()
    assert warned == []
