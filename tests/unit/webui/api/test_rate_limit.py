# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords that are verified, what the server limits, and accounts that are not ours to purge."""

from __future__ import annotations

from typing import Any

import pytest
from doubles.webui import nothing
from doubles.webui_call import Call, Reply
from doubles.webui_http import HttpWebui, MakeClient

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.http.session import HttpFailure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.rate_limit import RateLimiter, pauses
from unit.webui.accounts.test_resource import entry, many, one, told

VERIFY: dict[str, Any] = {"update_password": "verify"}


class Time:
    """A clock that only a sleep moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    make = "ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.resource.RateLimiter"
    monkeypatch.setattr(make, lambda: RateLimiter(clock.clock, clock.sleep))
    return clock


def sign_ins(server: HttpWebui) -> list[str]:
    return [line for line in server.requests if line.endswith("/signin")]


def too_many(words: str = "Too many attempts. Please try again later.", **more: Any) -> HttpFailure:
    failure = HttpFailure("POST", "http://x", words, 429)
    for name, value in more.items():
        setattr(failure, name, value)
    return failure


@pytest.mark.parametrize("check", [True, False])
def test_a_password_in_force_is_left_alone_and_costs_one_sign_in(
    server: HttpWebui, client: MakeClient, check: bool
) -> None:
    server.add_user("anna@example.org", password="right")
    assert not one(client, "anna@example.org", check=check, password="right", **VERIFY)["changed"]
    assert len(sign_ins(server)) == 1


def test_another_password_is_written_once(server: HttpWebui, client: MakeClient) -> None:
    anna = server.add_user("anna@example.org", password="old")
    foreseen = one(client, "anna@example.org", check=True, password="new", **VERIFY)
    assert foreseen["diff"]["after"] == {"password": "********"}
    assert server.passwords[anna] == "old"
    assert one(client, "anna@example.org", password="new", **VERIFY)["diff"] == foreseen["diff"]
    assert server.passwords[anna] == "new"
    # One for the check run and one for the run: a password that was just written needs no proof.
    assert len(sign_ins(server)) == 2
    assert not one(client, "anna@example.org", password="new", **VERIFY)["changed"]


def test_only_accounts_that_are_there_and_have_a_password_are_verified(server: HttpWebui, client: MakeClient) -> None:
    for name in ("right", "wrong", "silent", "gone"):
        server.add_user(f"{name}@example.org", password="pw")
    entries = [
        entry("right@example.org", password="pw", **VERIFY),
        entry("wrong@example.org", password="other", **VERIFY),
        entry("new@example.org", password="pw", **VERIFY),
        entry("gone@example.org", password="pw", state="absent", **VERIFY),
        entry("silent@example.org"),
    ]
    done = many(client, *entries)
    assert [(step["action"], step["name"]) for step in done["plan"]] == [
        ("update", "wrong@example.org"),
        ("create", "new@example.org"),
        ("delete", "gone@example.org"),
    ]
    assert len(sign_ins(server)) == 2


def test_a_second_factor_proves_the_password_before_it(server: HttpWebui, client: MakeClient) -> None:
    server.second_factor = True
    anna = server.add_user("anna@example.org", password="right")
    assert not one(client, "anna@example.org", password="right", **VERIFY)["changed"]
    assert one(client, "anna@example.org", password="other", **VERIFY)["changed"]
    assert server.passwords[anna] == "other"


def test_too_many_sign_ins_of_one_email_wait_four_minutes_once(
    server: HttpWebui, client: MakeClient, time: Time
) -> None:
    server.too_many_words = "API rate limit exceeded"
    server.add_user("anna@example.org", password="right")
    server.too_many = 1
    assert not one(client, "anna@example.org", password="right", **VERIFY)["changed"]
    assert time.slept == [240.0]
    server.too_many = 2
    message = told(one, client, "anna@example.org", password="right", **VERIFY).message
    assert message.startswith("Cannot verify the password of anna@example.org: ")
    assert "15 in 3 minutes" in message


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, "The requested action has been restricted as a security measure."),
        (400, "Your provider has not provided a trusted header. Please contact your administrator for assistance."),
    ],
)
def test_a_server_that_looks_at_no_password_is_told(
    server: HttpWebui, client: MakeClient, status: int, words: str
) -> None:
    server.add_user("anna@example.org", password="right")
    server.instead["POST auths/signin"] = Reply(status, {"detail": words})
    message = told(one, client, "anna@example.org", password="secret-word", **VERIFY).message
    assert words.rstrip(".") in message
    assert "set update_password to on_create or always" in message
    assert "secret-word" not in message
    assert server.writes() == []


@pytest.mark.parametrize("mode", ["always", "verify"])
def test_a_mode_that_needs_a_password_says_so(client: MakeClient, mode: str) -> None:
    message = told(one, client, "anna@example.org", update_password=mode).message
    assert f"update_password is {mode}, but there is no password" in message


def test_a_gate_waits_as_long_as_the_server_says_and_a_minute_more() -> None:
    clock, answers = Time(), iter([too_many(retry_after=30), too_many(), None])

    def call() -> str:
        failure = next(answers)
        if failure:
            raise failure
        return "done"

    assert RateLimiter(clock.clock, clock.sleep).call(call) == "done"
    assert clock.slept == [90.0, 960.0]


@pytest.mark.parametrize("failure", [too_many("slow down"), HttpFailure("POST", "http://x", "no", 500), Failure("no")])
def test_a_gate_lets_other_failures_through(failure: Failure) -> None:
    clock = Time()

    def call() -> None:
        raise failure

    with pytest.raises(Failure) as caught:
        RateLimiter(clock.clock, clock.sleep).call(call)
    assert caught.value is failure
    assert clock.slept == []


def test_a_gate_gives_up_after_three_waits() -> None:
    clock, calls = Time(), []

    def call() -> None:
        calls.append(clock.now)
        raise too_many()

    with pytest.raises(HttpFailure):
        RateLimiter(clock.clock, clock.sleep).call(call)
    assert calls == [0.0, 960.0, 1920.0, 2880.0]


@pytest.mark.parametrize(("calls", "times"), [(0, 0), (100, 0), (101, 1), (200, 1), (201, 2), (1000, 9)])
def test_how_often_calls_wait(calls: int, times: int) -> None:
    assert pauses(calls) == times


def test_a_hundred_and_one_new_accounts_under_a_second_factor_say_so_and_wait(
    server: HttpWebui, client: MakeClient, time: Time
) -> None:
    server.second_factor = True
    entries = [entry(f"user{number}@example.org", password="pw") for number in range(101)]
    foreseen = many(client, *entries, check=True)
    assert len(foreseen["warnings"]) == 1
    assert foreseen["warnings"][0].startswith("101 new accounts take about 16 minutes, because Open WebUI accepts 100 ")
    server.too_many = 3
    done = many(client, *entries)
    assert done["warnings"] == foreseen["warnings"]
    assert len(server.users) == 102
    assert time.now >= 960.0
    assert "warnings" not in many(client, *entries)


def test_a_wait_that_nobody_foresaw_is_told_afterwards(server: HttpWebui, client: MakeClient, time: Time) -> None:
    server.too_many = 1
    (warning,) = many(client, entry("anna@example.org", password="pw"))["warnings"]
    assert warning == "Open WebUI accepts 100 calls in 15 minutes; the run had to wait."
    assert time.slept[0] == 960.0


@pytest.mark.parametrize(("second_factor", "count"), [(False, 101), (True, 100)])
def test_where_nothing_waits_nothing_is_said(
    server: HttpWebui, client: MakeClient, second_factor: bool, count: int
) -> None:
    server.second_factor = second_factor
    entries = [entry(f"user{number}@example.org", password="pw") for number in range(count)]
    assert "warnings" not in many(client, *entries, check=True)
    asked = [line for line in server.requests if line.endswith("/admin/config")]
    assert len(asked) == (count > 100)


@pytest.mark.parametrize("crowd", [0, 40])
@pytest.mark.parametrize(
    "mark", [{"oauth": {"google": {"sub": "1"}}}, {"scim": {"x": {"external_id": "1"}}}, {"oauth_sub": "g@1"}]
)
def test_a_purge_keeps_whom_oauth_and_scim_own_unless_told(
    server: HttpWebui, client: MakeClient, mark: dict[str, Any], crowd: int
) -> None:
    server.add_user("theirs@example.org", **mark)
    server.add_user("ours@example.org", oauth=None, scim={})
    for number in range(crowd):
        server.add_user(f"user{number}@example.org")
    keep = [entry("admin@example.org")]
    done = many(client, *keep, purge=True)
    assert done["kept"] == ["theirs@example.org"]
    assert set(server.by_email()) == {"admin@example.org", "theirs@example.org"}
    assert not many(client, *keep, purge=True)["changed"]
    assert many(client, *keep, purge=True, purge_external=True)["kept"] == []
    assert set(server.by_email()) == {"admin@example.org"}


@pytest.mark.parametrize(("feature", "who"), [("enable_ldap", "LDAP"), ("auth_trusted_header", "a trusted header")])
def test_a_purge_is_refused_where_nobody_can_tell_whose_accounts_these_are(
    server: HttpWebui, client: MakeClient, feature: str, who: str
) -> None:
    server.features[feature] = True
    keep = [entry("admin@example.org")]
    assert not many(client, *keep, purge=True)["changed"]
    server.add_user("anna@example.org")
    for check in (True, False):
        message = told(many, client, *keep, purge=True, check=check).message
        assert message.startswith(f"Refusing to purge: people sign in to this server by {who}")
    assert server.writes() == []
    assert many(client, *keep, purge=True, purge_external=True)["changed"]


@pytest.mark.parametrize("version", ["0.6.43", "0.8.12"])
def test_the_500_of_old_versions_for_the_primary_admin_is_told_as_the_403(
    server: HttpWebui, client: MakeClient, version: str
) -> None:
    server.version, server.tells_status = version, False
    server.instead[f"POST users/{server.caller}/update"] = Reply(
        500, {"detail": "Could not verify primary admin status."},
    )  # fmt: skip
    message = told(one, client, "admin@example.org", name="X").message
    assert message == (
        "The user admin@example.org is the primary admin (the oldest account), which nobody else may change; use its "
        "own credentials, or leave it out."
    )


@pytest.mark.parametrize("status", [400, 500])
def test_an_account_that_was_made_meanwhile_is_brought_to_what_is_wanted(
    server: HttpWebui, client: MakeClient, status: int
) -> None:
    """A run that was killed leaves calls behind that the server still answers."""
    server.add_group("staff")
    words = {"detail": "Uh-oh! This email is already registered."}
    server.instead["POST auths/add"] = Reply(status, words)

    def made_by_another(call: Call) -> None:
        if call.name == "POST auths/add":
            server.add_user(call.body["email"], role="pending", password="of the other")

    server.before = made_by_another
    assert one(client, "anna@example.org", password="pw", name="Anna", groups=["staff"])["changed"]
    shown = server.by_email()["anna@example.org"]
    assert (shown["name"], shown["role"], shown["groups"]) == ("Anna", "user", ["staff"])
    server.before = nothing
    assert "already registered" in told(one, client, "ben@example.org", password="pw").message
