# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups and permissions: what is refused, in which order is written, and two runs at once, on each version."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from doubles.webui import Webui
from doubles.webui_call import Reply

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import Outcome, converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.groups import default_permissions, permissions
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.groups import resource as group_resource
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.groups.resource import ManagedGroups, group_states
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.groups.spec import GROUP_OPTIONS, desired_groups

if TYPE_CHECKING:
    from doubles.webui_call import Call

OLD, MIDDLE, TENTH, NEW = "0.6.43", "0.8.12", "0.10.2", "0.12.4"
TREE = {"chat": {"share": True, "delete": False}, "workspace": {"models": False}}


def webui(version: str = NEW) -> Webui:
    server = Webui(version, permissions=copy.deepcopy(TREE))
    for number, role in enumerate(("admin", "user", "pending")):
        server.add_user(f"P{number}@example.org", role, id=f"u{number}")
    return server


def with_rival(group_id: str, looks: int = 10**6) -> Webui:
    """Return a server where somebody else makes the same group right after, and takes it back after so many looks."""
    server = webui()
    left = iter(range(looks))

    def after(call: Call) -> None:
        if call.name == "POST groups/create":
            server.add_group(call.body["name"], id=group_id)

    def before(call: Call) -> None:
        if call.name == "GET groups/" and group_id in server.groups and next(left, None) is None:
            del server.groups[group_id]

    server.after, server.before = after, before
    return server


def entries(*groups: dict[str, Any]) -> list[dict[str, Any]]:
    unsaid = {name: option.get("default") for name, option in GROUP_OPTIONS.items()}
    return [{**unsaid, **group} for group in groups]


def converged(
    server: Webui,
    *groups: dict[str, Any],
    check: bool = False,
    purge: bool = False,
    foreseen: dict[str, list[str]] | None = None,
    **more: bool,
) -> Outcome:
    resource = ManagedGroups(server.client(check, foreseen=foreseen), **more)
    return converge(resource, desired_groups(entries(*groups)), check_mode=check, purge=purge, workers=1)


def refused(server: Webui, *groups: dict[str, Any], purge: bool = False) -> str:
    messages = []
    for check in (True, False):
        with pytest.raises(Failure) as failure:
            converged(server, *groups, check=check, purge=purge)
        messages.append(str(failure.value))
    assert messages[0] == messages[1]
    assert server.writes() == []
    return messages[0]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_resource, "PAUSE_SECONDS", 0)


@pytest.mark.parametrize("version", [OLD, MIDDLE, TENTH, NEW])
def test_every_version_takes_groups_with_permissions_and_members(version: str) -> None:
    server = webui(version)
    said = {"name": "a", "permissions": {"chat": {"share": True}}, "members": ["p1@Example.org "]}
    outcome = converged(server, said)
    (state,) = outcome.states
    assert state["members"] == ["p1@example.org"]
    assert ("parent" in state) == (version == NEW)
    assert not converged(server, said).changed


@pytest.mark.parametrize("version", [OLD, MIDDLE, TENTH])
@pytest.mark.parametrize("parent", ["b", ""])
def test_before_0_12_a_parent_is_refused(version: str, parent: str) -> None:
    server = webui(version)
    server.add_group("b")
    message = refused(server, {"name": "a", "parent": parent})
    assert f"parent needs Open WebUI 0.12 or newer, and the server is {version}; leave it out" in message


def test_a_server_that_ignores_permissions_at_creation_gets_them_after() -> None:
    server = webui()

    def forget_permissions(call: Call) -> None:
        if call.name == "POST groups/create":
            call.body["permissions"] = None

    server.before = forget_permissions
    converged(server, {"name": "a", "permissions": {"chat": {"share": True}}})
    assert server.writes() == ["POST groups/create", "POST groups/id/g00005/update"]


def test_a_chain_is_turned_around_from_its_new_root() -> None:
    server = webui()
    server.add_group("a", id="ga")
    server.add_group("b", id="gb", parent_group_id="ga")
    server.add_group("c", id="gc", parent_group_id="gb")
    converged(server, {"name": "a", "parent": "b"}, {"name": "b", "parent": "c"}, {"name": "c", "parent": ""})
    assert server.writes() == [f"POST groups/id/{each}/update" for each in ("gc", "gb", "ga")]


def test_a_circle_is_found_through_groups_that_nobody_listed() -> None:
    server = webui()
    server.add_group("a", id="ga")
    server.add_group("b", id="gb", parent_group_id="ga")
    assert "part of itself (a -> b -> a); break the circle" in refused(server, {"name": "a", "parent": "b"})


def test_what_is_absent_makes_no_circle() -> None:
    server = webui()
    server.add_group("b")
    converged(server, {"name": "a", "parent": "b"}, {"name": "c", "state": "absent", "parent": "a"})
    assert len(server.groups) == 2


@pytest.mark.parametrize("inside", [True, False])
def test_what_is_purged_takes_no_group(inside: bool) -> None:
    server = webui()
    server.add_group("b", id="gb")
    server.add_group("a", id="ga", parent_group_id="gb" if inside else None)
    message = refused(server, {"name": "a", "parent": "b"}, purge=True)
    assert "parent is 'b', which purge would delete; list it, too" in message


def test_in_check_mode_what_earlier_tasks_would_make_is_there() -> None:
    foreseen = {"groups": ["b"], "users": ["New@example.org"]}
    desired = {"name": "a", "parent": "b", "members": ["new@example.org"]}
    outcome = converged(webui(), desired, check=True, foreseen=foreseen)
    assert outcome.states[0]["members"] == ["new@example.org"]


@pytest.mark.parametrize("rival", ["g0", "g9"], ids=["first", "last"])
def test_where_another_group_stays_ones_own_is_taken_back(rival: str) -> None:
    server = with_rival(rival)
    with pytest.raises(Failure, match="Somebody else created the group a at the same moment; run the task again"):
        converged(server, {"name": "a"})
    assert list(server.groups) == [rival]


def test_where_the_other_run_takes_its_own_back_the_first_stays() -> None:
    server = with_rival("g9", looks=3)
    assert converged(server, {"name": "a"}).changed
    assert list(server.groups) == ["g00005"]


def test_fifty_groups_as_wanted_cost_one_read_and_one_for_each_with_members() -> None:
    server = webui()
    for number in range(50):
        server.add_group(f"c{number}", members={"u1"} if number < 5 else set())
    said: list[dict[str, Any]] = [{"name": f"c{number}", "description": ""} for number in range(50)]
    server.forget()
    assert not converged(server, *said).changed
    assert server.asked() == ["GET groups/"]
    for each in said[:10]:
        each.update(members=[])
    server.forget()
    assert not converged(server, *said).changed
    assert sorted(call.split("/")[-1] for call in server.asked()) == ["", "all", *["export"] * 5]


def test_the_members_of_the_one_that_is_asked_for_are_told() -> None:
    server = webui()
    server.add_group("a", members={"u0", "gone"})
    server.add_group("b", members={"u1"})
    (told,) = group_states(server.client(), "a", with_members=True)
    assert told["members"] == ["p0@example.org"]
    assert sum("export" in call for call in server.requests) == 1


@pytest.mark.parametrize("character", ["\n", "\x00", "\u202e", "\u200b", "\ufeff", "\ud800", "\x1b"])
def test_a_name_that_nobody_can_read_is_refused(character: str) -> None:
    name = f"a{character}b"
    words = "name holds a NUL" if character in "\0\ud800" else "name contains invisible characters; remove them"
    message = refused(webui(), {"name": name})
    assert words in message
    assert message.isprintable()


@pytest.mark.parametrize("name", [" a ", "", "a\u202eb", "n" * 2000])
def test_a_group_that_exists_is_managed_whatever_its_name_is(name: str) -> None:
    server = webui()
    server.add_group(name)
    assert not converged(server, {"name": name}).changed
    assert converged(server, {"name": name, "description": "x", "members": ["P1@example.org"]}).changed
    assert converged(server, {"name": name, "state": "absent"}).changed
    assert server.groups == {}


@pytest.mark.parametrize(
    ("row", "scim", "stays"),
    [
        ({"description": "Group 'a' created automatically via OAuth."}, False, True),
        ({"description": "Group 'b\n' created automatically via OAuth."}, False, True),
        ({"description": "", "user_id": "u1"}, False, True),
        ({"description": "", "user_id": "u2"}, False, True),
        ({"description": "", "user_id": "u0"}, False, False),
        ({"description": "", "user_id": "gone"}, False, False),
        ({"description": "", "user_id": "u0"}, True, True),
        ({"description": "Made by hand", "user_id": "u1"}, True, False),
    ],
)
def test_a_purge_keeps_groups_of_oauth_ldap_and_scim(row: dict[str, str], scim: bool, stays: bool) -> None:
    server = webui()
    server.add_group("listed")
    server.add_group("a", **row)
    server.scim = scim
    foreseen = converged(server, {"name": "listed"}, check=True, purge=True)
    outcome = converged(server, {"name": "listed"}, purge=True)
    assert foreseen.kept == outcome.kept == (("a",) if stays else ())
    assert outcome.changed is not stays
    converged(server, {"name": "listed"}, purge=True, purge_external=True)
    assert [row["name"] for row in server.groups.values()] == ["listed"]


def test_a_purge_asks_where_groups_come_from_once_and_only_if_it_would_remove_some() -> None:
    server = webui()
    server.add_group("listed")
    converged(server, {"name": "listed"}, purge=True)
    assert server.asked() == ["GET groups/"]
    for name in "abc":
        server.add_group(name, user_id="u0")
    converged(server, {"name": "listed"}, purge=True)
    assert server.requests.count("GET users/all") == server.requests.count("GET scim/v2/ServiceProviderConfig") == 1


def test_a_purge_stops_if_the_server_does_not_tell_whether_scim_is_on() -> None:
    server = webui()
    server.add_group("listed")
    server.add_group("a", user_id="u0")
    server.instead["GET scim/v2/ServiceProviderConfig"] = Reply(503, {"detail": "starting"})
    assert refused(server, {"name": "listed"}, purge=True) == (
        "Cannot see whether SCIM is on: Open WebUI at http://webui is not ready (503: starting); "
        "try again when http://webui/ready answers 200."
    )


def test_all_that_a_list_has_wrong_is_told_before_any_call() -> None:
    with pytest.raises(Failure) as failure:
        desired_groups(entries({"name": "a", "purge_members": True}, {"name": "a"}, {"name": "b"}))
    assert len(failure.value.details["problems"]) == 2
    assert "2 of 3 groups are invalid" in str(failure.value)


def test_a_list_names_each_unknown_account_and_permission() -> None:
    message = refused(
        webui(),
        {"name": "a", "members": ["x@example.org", "p1@example.org", "y@example.org"]},
        {"name": "b", "permissions": {"chat": {"shar": True}, "chats": {}}},
    )
    for word in (
        "x@example.org",
        "y@example.org",
        "permissions.chat.shar ",
        "(did you mean share?)",
        "(did you mean chat?)",
    ):
        assert word in message
    assert "p1@example.org" not in message


def test_a_permission_keeps_what_was_not_given_of_it() -> None:
    present = {"chat": {"share": True, "edit": False}, "own": {"x": True}}
    assert permissions.merged(present, {"chat": {"edit": True}}) == {
        "chat": {"share": True, "edit": True},
        "own": {"x": True},
    }
    assert present["chat"]["edit"] is False
    assert permissions.granted(present) == {"chat": ["share"], "own": ["x"]}


def test_a_false_that_everybody_has_is_warned_of_once_a_group() -> None:
    said = {"name": "a", "permissions": {"chat": {"share": False, "delete": False}}}
    outcome = converged(webui(), said)
    assert len(outcome.warnings) == 1
    assert "The group a cannot take away chat.share, which the default permissions grant" in outcome.warnings[0]
    assert not converged(webui(), {"name": "a", "permissions": {"chat": {"delete": False}}}).warnings


def test_default_permissions_are_written_whole() -> None:
    server = webui()
    said = {"chat": {"delete": True}}
    resource = default_permissions.DefaultPermissions(server.client())
    outcome = converge(resource, [default_permissions.desired_permissions(said)], check_mode=False)
    assert outcome.changed
    assert server.permissions == {"chat": {"share": True, "delete": True}, "workspace": {"models": False}}


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("version", [NEW, "0.8.12"])
def test_default_permissions_that_the_server_would_forget_are_refused(version: str, check: bool) -> None:
    server = webui(version)
    server.keeps_settings = False
    saved = {**TREE, "chat": {**TREE["chat"], "delete": not TREE["chat"]["delete"]}}
    server.settings = {"user": {"permissions": saved}}
    resource = default_permissions.DefaultPermissions(server.client())
    desired = default_permissions.desired_permissions({"chat": {"delete": not TREE["chat"]["delete"]}})
    with pytest.raises(Failure, match=r"would lose chat.delete at its next start, because ENABLE_PERSISTENT_CONFIG is"):
        converge(resource, [desired], check_mode=check)
    assert server.writes() == []
    same = default_permissions.desired_permissions({"chat": {"delete": TREE["chat"]["delete"]}})
    assert not converge(resource, [same], check_mode=check).changed


@pytest.mark.parametrize("said", [{"chat": {"share": "yes"}}, {"chat": 1}, {"chat": {"shar": True}}, {"cat": {}}])
def test_default_permissions_that_are_none_are_told(said: dict[str, Any]) -> None:
    server = webui()
    with pytest.raises(Failure, match="Invalid set of permissions of everybody") as failure:
        converge(
            default_permissions.DefaultPermissions(server.client()),
            [default_permissions.desired_permissions(said)],
            check_mode=False,
        )
    assert len(failure.value.details["problems"]) == 1
    assert server.writes() == []
