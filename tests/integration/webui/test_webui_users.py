"""webui_users on a real Open WebUI: many accounts in one run, and a server that dies meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Webui
from recorder import Recorder
from runner import fail, hides, quadruple, run, succeed, unchanged

PEOPLE: list[dict[str, Any]] = [
    {
        "email": f"Person{number:02}@example.org",
        "name": "The same name",
        "password": f"Password-of-{number:02}",
        "role": ("user", "pending", "admin")[number % 3],
        "groups": [["even"], ["odd", "staff"]][number % 2],
    }
    for number in range(12)
]


@pytest.fixture
def groups(webui: Webui) -> None:
    for name in ("even", "odd", "staff"):
        webui.add_group(name)


def test_a_list_is_made_in_one_run(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], groups: None
) -> None:
    webui.add_user("foreign@example.org")
    runs = quadruple("webui_users", by_token(users=PEOPLE), recorder, webui.state)
    state = webui.state()
    for person in PEOPLE:
        assert state[person["email"].lower()] == {
            "name": person["name"],
            "role": person["role"],
            "profile_image_url": "/user.png",
            "groups": person["groups"],
        }
    assert "foreign@example.org" in state
    assert webui.lets_in("person07@example.org", "Password-of-07")
    assert [user["email"] for user in runs.done["users"]] == [person["email"].lower() for person in PEOPLE]
    assert runs.again["users"] == []
    assert [step["action"] for step in runs.done["plan"]] == ["create"] * 12
    for result in (runs.foreseen, runs.done, runs.again):
        hides(result, *(person["password"] for person in PEOPLE), webui.token, "eyJ")


def test_a_list_as_wanted_costs_five_requests_at_most(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], groups: None
) -> None:
    succeed("webui_users", by_token(users=PEOPLE))
    unchanged("webui_users", by_token(users=PEOPLE), recorder)
    assert len(recorder.requests) <= 5, recorder.seen()


def test_more_accounts_than_a_page_are_all_seen(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], groups: None
) -> None:
    people = [{"email": f"p{number}@example.org", "password": "x"} for number in range(33)]
    succeed("webui_users", by_token(users=people, workers=8))
    unchanged("webui_users", by_token(users=people), recorder)
    assert len(recorder.requests) <= 2
    # Both ways of learning who is in which group must see the same.
    grouped = [{"email": person["email"], "groups": ["even"]} for person in people[:4]]
    quadruple("webui_users", by_token(users=grouped), recorder, webui.state)
    all_grouped = [{"email": person["email"], "groups": ["odd"]} for person in people]
    quadruple("webui_users", by_token(users=all_grouped), recorder, webui.state)
    succeed("webui_users", by_token(users=all_grouped[:1], purge=True))
    assert set(webui.users()) == {webui.admin_email, "p0@example.org"}


def test_present_and_absent_and_changed_in_one_list(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], groups: None
) -> None:
    for email in ("anna@example.org", "ben@example.org", "clara@example.org"):
        webui.add_user(email)
    users = [
        {"email": "anna@example.org", "state": "absent"},
        {"email": "ben@example.org", "role": "pending"},
        {"email": "clara@example.org", "profile_image_url": "/static/favicon.png"},
        {"email": "dora@example.org", "password": "Password-1"},
        {"email": "emil@example.org", "state": "absent"},
    ]
    runs = quadruple("webui_users", by_token(users=users), recorder, webui.state)
    assert [step["action"] for step in runs.done["plan"]] == ["delete", "update", "update", "create"]
    assert set(webui.users()) == {webui.admin_email, "ben@example.org", "clara@example.org", "dora@example.org"}


def test_a_purge_keeps_administrators_unless_told_otherwise(webui: Webui, recorder: Recorder, groups: None) -> None:
    webui.add_user("purger@example.org", role="admin")
    for email in ("anna@example.org", "ben@example.org", "other-admin@example.org"):
        webui.add_user(email, role="admin" if "admin" in email else "user")
    said = {"url": recorder.url, "admin_email": "purger@example.org", "admin_password": "Password-1", "purge": True}
    users = [{"email": "ANNA@example.org"}, {"email": "new@example.org", "password": "Password-1"}]
    runs = quadruple("webui_users", {**said, "users": users}, recorder, webui.state)
    admins = {webui.admin_email, "purger@example.org", "other-admin@example.org"}
    assert runs.done["kept"] == sorted(admins)
    assert set(webui.users()) == {*admins, "anna@example.org", "new@example.org"}
    runs = quadruple("webui_users", {**said, "users": users, "purge_admins": True}, recorder, webui.state)
    assert runs.done["kept"] == sorted(admins - {"other-admin@example.org"})
    assert "other-admin@example.org" not in webui.users()


def test_a_purge_with_a_key_that_the_server_does_not_name_keeps_its_account(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    """As the role calls it: the key is the automation's, the password the first administrator's."""
    before = webui.settings(ENABLE_API_KEYS=True, ENABLE_USER_STATUS=False)
    try:
        key = succeed("webui_api_key", by_token(email="automation@example.org"))["key"]
        webui.add_user("ben@example.org")
        both = {"admin_email": webui.admin_email, "admin_password": webui.admin_password}
        said = {"url": recorder.url, "token": key, **both, "users": [{"email": webui.admin_email}], "purge": True}
        runs = quadruple("webui_users", said, recorder, webui.state)
        assert runs.done["kept"] == ["automation@example.org"]
        assert set(webui.users()) == {webui.admin_email, "automation@example.org"}
        webui.add_user("ben@example.org")
        if webui.features.second_factor:
            message = fail("webui_users", {**said, "purge_admins": True})["msg"]
            assert message.startswith("Refusing to purge administrators: the server does not tell whose API key token")
            assert "ben@example.org" in webui.users()
    finally:
        webui.settings(**before)


def test_a_refused_account_stops_the_list_and_says_how_far_it_came(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    recorder.answer("POST /api/v1/auths/add", {"detail": "database is locked"}, status=500, times=1)
    people = [{"email": f"p{number}@example.org", "password": "Password-1"} for number in range(6)]
    result = fail("webui_users", by_token(users=people, workers=1))
    assert result["msg"].startswith("Cannot create the user p0@example.org: Open WebUI at ")
    assert "answered 500: database is locked" in result["msg"]
    assert result["msg"].endswith("Of 6 users to change, 0 were done, 1 failed and 5 were not begun.")
    assert result["not_begun"] == [person["email"] for person in people[1:]]


def test_a_server_that_dies_halfway_is_told_and_the_next_run_finishes(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], groups: None
) -> None:
    if not webui.container:
        pytest.skip("this server is no container that could be killed")
    results = []
    thread = threading.Thread(target=lambda: results.append(run("webui_users", by_token(users=PEOPLE, workers=2))))
    thread.start()
    end = time.monotonic() + 60
    while len(recorder.seen("POST /api/v1/auths/add")) < 5:
        assert time.monotonic() < end
        time.sleep(0.01)
    webui.kill()
    thread.join()
    webui.start()
    (result,) = results
    assert result.failed
    assert "closed the connection" in result["msg"] or "does not answer" in result["msg"], result["msg"]
    done, failed, left = (result[name] for name in ("done", "failed_steps", "not_begun"))
    assert done
    assert failed
    assert left
    assert len(done) + len(failed) + len(left) == 12
    assert set(done) < set(webui.users())
    said = {**by_token(users=PEOPLE), "url": webui.url}
    assert succeed("webui_users", said)["changed"]
    assert not succeed("webui_users", said)["changed"]
    state = webui.state()
    assert all(state[person["email"].lower()]["groups"] == person["groups"] for person in PEOPLE)
    assert all(webui.lets_in(person["email"], person["password"]) for person in PEOPLE[:3])
