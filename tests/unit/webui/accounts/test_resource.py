# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts through the engine: what is written, what is refused, and in how many calls."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from doubles.webui_http import HttpWebui, MakeClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.compare import user_states, without_password
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.resource import Users
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.spec import (
    desired_user,
    desired_users,
    listed_entries,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import Client

BY_PASSWORD = {"token": None, "admin_email": "admin@example.org", "admin_password": "admin-password"}


def entry(email: str, **said: Any) -> dict[str, Any]:
    unsaid = dict.fromkeys(("name", "password", "role", "groups", "profile_image_url"))
    return {"email": email, "state": "present", "update_password": "on_create", **unsaid, **said}


def resource(client: Client, **more: Any) -> Users:
    params = {"url": client.url, "timeout": 10.0, "validate_certs": True, "ca_path": None, "workers": 4}
    return Users(client, params, **more)


def one(
    client: MakeClient, email: str, check: bool = False, credentials: dict[str, Any] | None = None, **said: Any
) -> dict[str, Any]:
    users = resource(client(read_only=check, **(credentials or {})))
    return without_password(converge(users, [desired_user(entry(email, **said))], check_mode=check).single())


def many(
    client: MakeClient,
    *entries: dict[str, Any],
    check: bool = False,
    purge: bool = False,
    workers: int = 4,
    credentials: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    users = resource(client(read_only=check, **(credentials or {})), listed=True, **more)
    all_desired = desired_users(listed_entries(entries))
    outcome = converge(users, all_desired, check_mode=check, purge=purge, workers=workers)
    return without_password(outcome.many("users"))


def told(call: Callable[..., object], *arguments: Any, **named: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        call(*arguments, **named)
    return caught.value


def test_a_new_account_is_a_user_by_its_own_name(server: HttpWebui, client: MakeClient) -> None:
    result = one(client, "Anna@example.org", password="anna-password")
    assert server.by_email()["anna@example.org"] == {
        "name": "anna",
        "role": "user",
        "profile_image_url": "/user.png",
        "groups": [],
    }
    assert result["user"]["email"] == "anna@example.org"
    assert result["diff"]["after"]["password"] == "********"
    assert "password" not in result["user"]
    assert not one(client, "ANNA@example.org", password="anna-password")["changed"]


def test_a_check_run_shows_what_the_run_does(server: HttpWebui, client: MakeClient) -> None:
    server.add_group("staff")
    said: dict[str, Any] = {
        "password": "anna-password",
        "groups": ["staff"],
        "profile_image_url": "https://x.org/a.png",
    }
    foreseen = one(client, "anna@example.org", check=True, **said)
    assert server.writes() == []
    assert "password" not in foreseen["user"]
    assert foreseen["diff"] == one(client, "anna@example.org", **said)["diff"]


def test_an_account_as_wanted_costs_one_call_and_two_with_groups(server: HttpWebui, client: MakeClient) -> None:
    server.add_group("staff", server.add_user("anna@example.org"))
    server.add_user("ben@example.org")
    one(client, "ben@example.org", role="user", name="ben", password="x")
    assert len(server.requests) == 1
    server.forget()
    one(client, "anna@example.org", groups=["staff"])
    assert len(server.requests) == 2


def test_accounts_as_wanted_cost_five_calls_at_most(server: HttpWebui, client: MakeClient) -> None:
    ids = [server.add_user(f"user{number}@example.org") for number in range(200)]
    server.add_group("even", *ids[::2])
    server.add_group("odd", *ids[1::2])
    entries = [entry(f"user{n}@example.org", groups=[("even", "odd")[n % 2]], password="x") for n in range(200)]
    assert not many(client, *entries)["changed"]
    assert len(server.requests) <= 5


def test_only_what_differs_is_written(server: HttpWebui, client: MakeClient) -> None:
    server.add_user("anna@example.org", name="Anna")
    one(client, "anna@example.org", name="Anna", role="pending")
    assert server.bodies[server.requests.index("POST users/u00002/update")] == {"role": "pending"}


@pytest.mark.parametrize("version", ["0.6.43", "0.8.12"])
@pytest.mark.parametrize("listed", [False, True])
def test_before_0_10_all_four_fields_are_written(
    server: HttpWebui, client: MakeClient, version: str, listed: bool
) -> None:
    server.version = version
    server.add_user("anna@example.org", profile_image_url="https://x.org/a.png")
    for number in range(40):
        server.add_user(f"user{number}@example.org")
    if listed:
        many(client, entry("anna@example.org", name="Anna"))
    else:
        one(client, "anna@example.org", name="Anna")
    body = next(body for line, body in zip(server.requests, server.bodies) if line.endswith("/update"))
    assert body == {
        "name": "Anna",
        "role": "user",
        "email": "anna@example.org",
        "profile_image_url": "https://x.org/a.png",
    }


def test_groups_are_exact_when_given_and_left_alone_when_not(server: HttpWebui, client: MakeClient) -> None:
    anna = server.add_user("anna@example.org")
    server.add_group("a", anna)
    server.add_group("b")
    server.add_group("c", anna)
    assert not one(client, "anna@example.org")["changed"]
    result = one(client, "anna@example.org", groups=["b", "c"])
    assert result["diff"] == {"before": {"groups": ["a", "c"]}, "after": {"groups": ["b", "c"]}}
    assert server.by_email()["anna@example.org"]["groups"] == ["b", "c"]
    one(client, "anna@example.org", groups=[])
    assert server.by_email()["anna@example.org"]["groups"] == []


def test_a_new_account_leaves_the_default_group_where_it_is_not_listed(server: HttpWebui, client: MakeClient) -> None:
    server.default_group = server.add_group("everybody")
    server.add_group("staff")
    one(client, "anna@example.org", password="x", groups=["staff"])
    one(client, "ben@example.org", password="x")
    assert server.by_email()["anna@example.org"]["groups"] == ["staff"]
    assert server.by_email()["ben@example.org"]["groups"] == ["everybody"]


def test_a_password_is_written_on_creation_or_always(server: HttpWebui, client: MakeClient) -> None:
    anna = server.add_user("anna@example.org", password="old")
    assert not one(client, "anna@example.org", password="new")["changed"]
    assert server.passwords[anna] == "old"
    result = one(client, "anna@example.org", password="new", update_password="always")
    assert result["diff"]["after"] == {"password": "********"}
    assert server.passwords[anna] == "new"
    assert one(client, "anna@example.org", password="new", update_password="always")["changed"]


def test_the_own_password_comes_last_and_the_run_goes_on(server: HttpWebui, client: MakeClient) -> None:
    entries = [
        entry("admin@example.org", password="another-password", update_password="always"),
        *[entry(f"new{number}@example.org", password="x") for number in range(6)],
    ]
    many(client, *entries, workers=4, credentials=BY_PASSWORD)
    assert server.writes()[-1] == f"POST users/{server.caller}/update"
    assert server.passwords[server.caller] == "another-password"
    assert len(server.users) == 7
    assert sum(line.endswith("/signin") for line in server.requests) == 2


def test_an_absent_account_is_removed_once(server: HttpWebui, client: MakeClient) -> None:
    server.add_user("anna@example.org")
    assert one(client, "anna@example.org", state="absent")["user"] == {}
    assert "anna@example.org" not in server.by_email()
    assert not one(client, "anna@example.org", state="absent")["changed"]


@pytest.mark.parametrize(
    ("email", "said", "words"),
    [
        ("admin@example.org", {"state": "absent"}, "is the primary admin (the oldest account), which Open WebUI never"),
        (
            "admin@example.org",
            {"role": "user"},
            "is the primary admin (the oldest account), whose role must stay admin",
        ),
        ("admin@example.org", {"name": "X"}, "is the primary admin (the oldest account), which nobody else may change"),
        (
            "second@example.org",
            {"state": "absent"},
            "is the account that this task signs in with, which cannot delete itself",
        ),
        ("second@example.org", {"role": "pending"}, "is the account that this task signs in with, which must stay"),
        ("new@example.org", {}, "a new account needs a password"),
        ("second@example.org", {"groups": ["x"]}, "there is no group 'x'"),
    ],
)
def test_what_the_server_forbids_is_told_before_any_write(
    server: HttpWebui, client: MakeClient, email: str, said: dict[str, Any], words: str
) -> None:
    server.add_user("second@example.org", role="admin", password="second-password")
    caller = {"token": None, "admin_email": "second@example.org", "admin_password": "second-password"}
    for check in (True, False):
        failure = told(one, client, email, check=check, credentials=caller, **said)
        assert words in failure.message
        assert failure.message.startswith((f"The user {email} ", f"Invalid user {email}: "))
    others = [entry(f"other{number}@example.org", password="x") for number in range(3)]
    assert words in told(many, client, *others, entry(email, **said), credentials=caller).message
    assert server.writes() == []


def test_another_admin_may_go_and_the_primary_may_change_himself(server: HttpWebui, client: MakeClient) -> None:
    server.add_user("second@example.org", role="admin")
    assert one(client, "second@example.org", role="user")["changed"]
    assert one(client, "second@example.org", state="absent")["changed"]
    assert one(client, "admin@example.org", name="The Boss")["changed"]


def test_purge_removes_the_unlisted_and_names_whom_it_kept(server: HttpWebui, client: MakeClient) -> None:
    server.add_user("second@example.org", role="admin", password="second-password")
    for number in range(40):
        server.add_user(f"user{number}@example.org", name="the same name")
    caller = {"token": None, "admin_email": "second@example.org", "admin_password": "second-password"}
    entries = [entry("user7@example.org"), entry("new@example.org", password="x")]
    foreseen = many(client, *entries, check=True, purge=True, credentials=caller)
    done = many(client, *entries, purge=True, credentials=caller)
    assert foreseen["plan"] == done["plan"]
    assert done["kept"] == ["admin@example.org", "second@example.org"]
    assert set(server.by_email()) == {*done["kept"], "user7@example.org", "new@example.org"}
    assert len(done["diff"]["before"]) == 40
    assert not many(client, *entries, purge=True, credentials=caller)["changed"]


def test_a_purge_keeps_administrators_unless_told_otherwise(server: HttpWebui, client: MakeClient) -> None:
    for name in ("second", "third"):
        server.add_user(f"{name}@example.org", role="admin")
    server.add_user("anna@example.org")
    server.add_user("ben@example.org")
    listed = entry("anna@example.org")
    assert many(client, listed, check=True, purge=True)["kept"] == [
        "admin@example.org", "second@example.org", "third@example.org"
    ]  # fmt: skip
    many(client, listed, purge=True)
    assert set(server.by_email()) == {f"{name}@example.org" for name in ("admin", "second", "third", "anna")}
    more = entry("second@example.org")
    assert many(client, listed, more, purge=True, purge_admins=True)["kept"] == ["admin@example.org"]
    assert set(server.by_email()) == {f"{name}@example.org" for name in ("admin", "second", "anna")}


def test_a_purge_keeps_the_account_of_an_api_key_that_the_server_does_not_name(
    server: HttpWebui, client: MakeClient
) -> None:
    """As the role calls it: the key is the automation's, the password the first administrator's."""
    server.tells_status = False
    server.caller = server.add_user("automation@localhost", role="admin")
    server.add_user("ben@example.org")
    both = {"admin_email": "admin@example.org", "admin_password": "admin-password"}
    for _run in range(2):
        done = many(client, entry("admin@example.org"), purge=True, credentials=both)
        assert done["kept"] == ["automation@localhost"]
    assert not done["changed"]
    server.add_user("clara@example.org")
    for credentials in ({}, both):
        for check in (True, False):
            failure = told(
                many, client, entry("admin@example.org"), check=check, purge=True, purge_admins=True,
                credentials=credentials,
            )  # fmt: skip
            assert failure.message.startswith("Refusing to purge administrators: the server does not tell whose API")
    assert "clara@example.org" in server.by_email()


def test_a_purge_of_administrators_knows_the_account_of_a_key_by_what_it_is_given(
    server: HttpWebui, client: MakeClient
) -> None:
    server.tells_status = False
    own = {"admin_email": "admin@example.org", "admin_password": "admin-password"}
    for credentials in (own, {"admin_email": "admin@example.org"}):
        server.add_user("second@example.org", role="admin")
        done = many(client, entry("new@example.org", password="x"), purge=True, purge_admins=True,
                    credentials=credentials)  # fmt: skip
        assert done["kept"] == ["admin@example.org"]
        assert "second@example.org" not in server.by_email()


def test_accounts_of_single_sign_on_are_managed_whatever_their_email_is(server: HttpWebui, client: MakeClient) -> None:
    server.add_group("staff")
    emails = ["alice@github", "jdoe@corp", "jdoe", "a\u202eb", "x" * 300]
    for email in emails:
        server.add_user(email)
    entries = [entry(email, role="user", groups=["staff"], name="N") for email in emails]
    assert many(client, *entries)["changed"]
    assert all(server.by_email()[email]["groups"] == ["staff"] for email in emails)
    assert not many(client, *entries)["changed"]
    for email in emails:
        assert not one(client, email, role="user", groups=["staff"])["changed"]
        assert one(client, email, role="pending")["changed"]
        assert one(client, email, state="absent")["changed"]


@pytest.mark.parametrize("email", ["jdoe", "alice@github", "mia@schule"])
def test_a_new_account_with_an_email_that_the_server_does_not_take_is_refused_before_any_write(
    server: HttpWebui, client: MakeClient, email: str
) -> None:
    words = "email is not an e-mail address (name@domain.tld or name@localhost), which a new account needs"
    assert words in told(one, client, email, password="x").message
    failure = told(many, client, entry("new@example.org", password="x"), entry(email, password="x"))
    assert failure.details["problems"] == [f"Entry 2 ({email}): {words}."]
    assert server.writes() == []


def test_all_that_only_the_server_knows_is_wrong_is_told_at_once(server: HttpWebui, client: MakeClient) -> None:
    failure = told(
        many, client, entry("a@b.c"), entry("admin@example.org"), entry("d@e.f", password="x", groups=["x", "y"])
    )
    assert len(failure.details["problems"]) == 3
    assert "2 of 3 users" in failure.message


@pytest.mark.parametrize(("version", "takes"), [("0.6.43", True), ("0.8.12", False), ("0.12.4", True)])
def test_a_picture_of_the_web_is_refused_before_any_write_where_the_version_takes_none(
    server: HttpWebui, client: MakeClient, version: str, takes: bool
) -> None:
    server.version = version
    said = entry("anna@example.org", password="x", profile_image_url="https://example.org/a.png")
    if takes:
        assert many(client, said)["changed"]
    else:
        assert (
            "profile_image_url is an http or https address, which Open WebUI 0.8 refuses"
            in told(many, client, said).message
        )
        assert not server.writes()


@pytest.mark.parametrize("writes", range(6))
def test_a_run_that_breaks_off_tells_how_far_it_came_and_the_next_finishes(
    server: HttpWebui, client: MakeClient, writes: int
) -> None:
    server.add_group("staff")
    entries = [entry(f"user{number}@example.org", password="pw", groups=["staff"]) for number in range(5)]
    server.fail_after_writes = writes
    failure = told(many, client, *entries, workers=1)
    done, failed, left = (failure.details[name] for name in ("done", "failed_steps", "not_begun"))
    assert len(done) + len(failed) + len(left) == 5
    assert len(done) == writes // 2
    assert "the disk is full" in failure.message
    server.fail_after_writes = None
    assert many(client, *entries)["changed"]
    assert not many(client, *entries)["changed"]
    assert all(server.by_email()[wanted["email"]]["groups"] == ["staff"] for wanted in entries)


def test_no_result_or_error_holds_a_password_or_a_token(server: HttpWebui, client: MakeClient) -> None:
    result = one(client, "anna@example.org", password="anna-password", credentials=BY_PASSWORD)
    server.fail_after_writes = 0
    failure = told(one, client, "ben@example.org", password="ben-password", credentials=BY_PASSWORD)
    shown = repr(result) + repr(failure.message) + repr(failure.details)
    assert not any(secret in shown for secret in ("anna-password", "ben-password", "admin-password", "signature"))


def test_the_info_shows_all_or_one(server: HttpWebui, client: MakeClient) -> None:
    anna = server.add_user("anna@example.org", profile_image_url="data:image/png;base64,AAAA")
    server.add_group("staff", anna)
    all_of_them = user_states(client(), None)
    assert [state["email"] for state in all_of_them] == ["admin@example.org", "anna@example.org"]
    assert user_states(client(), "ANNA@example.org") == all_of_them[1:]
    assert all_of_them[1]["groups"] == ["staff"]
    assert "AAAA" not in all_of_them[1]["profile_image_url"]
    assert user_states(client(), "nobody@example.org") == []


PEOPLE = [f"p{number}@example.org" for number in range(4)]
said = st.fixed_dictionaries(
    {"password": st.just("pw")},
    optional={
        "name": st.sampled_from(["A", "B"]),
        "role": st.sampled_from(["pending", "user", "admin"]),
        "groups": st.lists(st.sampled_from(["g1", "g2", "g3"]), max_size=3),
        "profile_image_url": st.sampled_from(["/user.png", "https://x.org/a.png"]),
        "state": st.sampled_from(["present", "absent"]),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    present=st.dictionaries(st.sampled_from(PEOPLE), st.sets(st.sampled_from(["g1", "g2", "g3"]))),
    all_desired=st.dictionaries(st.sampled_from(PEOPLE), said),
    crowd=st.sampled_from([0, 40]),
    purge=st.booleans(),
)
def test_any_state_converges_in_one_run_and_foreign_accounts_stay(
    present: dict[str, set[str]], all_desired: dict[str, dict[str, Any]], crowd: int, purge: bool
) -> None:
    server = HttpWebui()
    try:
        groups = {name: server.add_group(name) for name in ("g1", "g2", "g3")}
        for email, memberships in present.items():
            user_id = server.add_user(email)
            for name in memberships:
                server.groups[groups[name]]["members"].add(user_id)
        for number in range(crowd):
            server.add_user(f"foreign{number}@example.org")
        common = {"url": server.url, "timeout": 10.0, "validate_certs": True, "ca_path": None}

        def client(read_only: bool = False) -> Client:
            return Client(
                {**common, "token": "sk-of-the-admin", "admin_email": None, "admin_password": None}, read_only
            )

        before = copy.deepcopy(server.by_email())
        entries = [entry(email, **what) for email, what in all_desired.items()]
        foreseen = many(client, *entries, check=True, purge=purge)
        assert server.by_email() == before
        done = many(client, *entries, purge=purge)
        assert foreseen["plan"] == done["plan"]
        after = server.by_email()
        assert not many(client, *entries, purge=purge)["changed"]
        for email, what in all_desired.items():
            if what.get("state") == "absent":
                assert email not in after
                continue
            for name in ("name", "role", "profile_image_url"):
                assert name not in what or after[email][name] == what[name]
            assert "groups" not in what or after[email]["groups"] == sorted(set(what["groups"]))
        for email, state in before.items():
            if email not in all_desired and (not purge or email == "admin@example.org"):
                assert after[email] == state
    finally:
        server.close()
