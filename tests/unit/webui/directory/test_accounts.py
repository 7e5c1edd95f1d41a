# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading accounts in as few calls as there can be."""

from __future__ import annotations

import pytest
from doubles.webui_call import Reply
from doubles.webui_http import HttpWebui, MakeClient

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.directory.accounts import Accounts
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.directory.groups import Groups


@pytest.fixture
def reader(client: MakeClient) -> Accounts:
    one = client()
    return Accounts(one, Groups(one))


def fill(server: HttpWebui, count: int, groups: int = 0) -> None:
    ids = [server.add_user(f"user{number}@example.org") for number in range(count - len(server.users))]
    for number in range(groups):
        server.add_group(f"group{number}", *ids[number :: groups + 1])


def emails(server: HttpWebui) -> set[str]:
    return {user["email"] for user in server.users.values()}


@pytest.mark.parametrize("count", [1, 29, 30, 31, 59, 60, 61, 100])
def test_every_account_is_read_once_whatever_the_pages(server: HttpWebui, reader: Accounts, count: int) -> None:
    fill(server, count)
    records = reader.every()
    assert len(records) == count
    assert {record["email"] for record in records} == emails(server)
    assert len(server.requests) == -(-count // 30)


@pytest.mark.parametrize(("count", "calls"), [(1, 1), (30, 1), (31, 2), (1000, 2)])
def test_a_list_without_groups_costs_two_calls_at_most(
    server: HttpWebui, reader: Accounts, count: int, calls: int
) -> None:
    fill(server, count)
    assert {record["email"] for record in reader.listed([], [])} == emails(server)
    assert len(server.requests) == calls


@pytest.mark.parametrize(
    ("count", "groups", "wanted", "images", "calls"),
    [
        (30, 3, 10, 0, 1),  # one page knows all
        (45, 9, 20, 0, 3),  # two pages, and the groups that pages are weighed against
        (400, 2, 300, 0, 5),  # the short list, the groups, the members of both
        (400, 40, 2, 0, 5),  # the short list, and one search for each
        (400, 2, 3, 3, 5),  # images are known by search alone
        (100, 2, 100, 100, 4),  # ... or by pages
    ],
)
def test_groups_and_images_come_by_the_cheapest_way(
    server: HttpWebui, reader: Accounts, count: int, groups: int, wanted: int, images: int, calls: int
) -> None:
    fill(server, count, groups)
    asked = sorted(emails(server) - {"admin@example.org"})[: max(wanted, images)]
    records = {record["email"]: record for record in reader.listed(asked[:wanted], asked[:images])}
    assert len(server.requests) == calls, server.requests
    assert set(records) == emails(server)
    for email in asked:
        user = next(user for user in server.users.values() if user["email"] == email)
        if email in asked[:wanted]:
            expected = {group_id for group_id, group in server.groups.items() if user["id"] in group["members"]}
            assert set(records[email]["group_ids"]) == expected
        if email in asked[:images]:
            assert records[email]["profile_image_url"] == "/user.png"


def test_a_group_without_members_is_not_read(server: HttpWebui, reader: Accounts) -> None:
    fill(server, 200, 2)
    server.add_group("empty")
    reader.listed(sorted(emails(server)), [])
    assert len([line for line in server.requests if line.endswith("/export")]) == 2


def test_wildcards_in_an_email_find_only_that_account(server: HttpWebui, reader: Accounts) -> None:
    for number in range(40):
        server.add_user(f"a{number % 10}{number // 10}@example.org")
    server.add_user("a_%@example.org")
    found = reader.find("a_%@example.org")
    assert found
    assert found["email"] == "a_%@example.org"
    assert reader.find("a__@example.org") is None
    assert len(server.requests) <= 4


def test_a_backslash_is_searched_for_by_a_wildcard(server: HttpWebui, reader: Accounts) -> None:
    server.add_user("a\\b@example.org")
    found = reader.find("a\\b@example.org")
    assert found
    assert found["name"] == "a\\b"
    assert "%5C" not in server.requests[0]


def test_the_oldest_account_is_the_primary_admin_and_admins_win_ties(server: HttpWebui, reader: Accounts) -> None:
    server.users[server.caller]["created_at"] = 50
    server.add_user("old@example.org", created_at=40)
    first = server.add_user("also-old@example.org", role="admin", created_at=40)
    assert reader.primary([]) == first
    assert len(server.requests) == 1
    assert reader.primary(list(server.users.values())) == first
    assert len(server.requests) == 1


def test_without_accounts_there_is_no_primary_admin(server: HttpWebui, reader: Accounts) -> None:
    server.users.clear()
    server.instead["GET users/"] = Reply(200, {"users": [], "total": 0})
    assert reader.primary([]) is None


def test_json_of_somebody_else_is_not_this_api(server: HttpWebui, reader: Accounts) -> None:
    server.instead["GET users/"] = Reply(200, {"data": []})
    with pytest.raises(Failure, match="is not Open WebUI's API"):
        reader.every()


def test_an_account_that_goes_away_between_two_pages_ends_no_loop(server: HttpWebui, reader: Accounts) -> None:
    fill(server, 31)
    server.instead["GET users/"] = Reply(200, {"users": [], "total": 31})
    assert reader.every() == []


def test_groups_are_found_by_name_or_told(server: HttpWebui, client: MakeClient) -> None:
    groups = Groups(client())
    staff = server.add_group("staff")
    twins = [server.add_group("twins"), server.add_group("twins")]
    assert groups.ids(["staff"]) == [staff]
    unknown, ambiguous = groups.problems(["nobody", "staff", "twins"])
    assert "there is no group 'nobody' on the server (there are: staff, twins)" in unknown
    assert "the group name 'twins' is ambiguous" in ambiguous
    assert all(found in ambiguous for found in twins)
    assert groups.names([staff, "gone"]) == ["gone", "staff"]
    assert len(server.requests) == 1
