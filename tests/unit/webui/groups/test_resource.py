# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups and permissions: what is refused, in which order is written, and two runs at once, on each version."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import Outcome, converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.http.session import HttpFailure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.features import Features
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.groups import permissions
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.groups import resource as group_resource
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.groups.resource import ManagedGroups, group_states
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.groups.spec import GROUP_OPTIONS, group_wishes

OLD, MIDDLE, TENTH, NEW = "0.6.43", "0.8.12", "0.10.2", "0.12.4"
TREE = {"chat": {"share": True, "delete": False}, "workspace": {"models": False}}


def raised(error: Exception) -> Any:
    """Raise an error where only an expression may stand."""
    raise error


class Server:
    """A client and the server behind it. ``rivals`` are made by somebody else right after the next creation."""

    url = "http://webui"

    def __init__(self, version: str = NEW) -> None:
        self.version = version
        self.groups: dict[str, dict[str, Any]] = {}
        self.defaults = copy.deepcopy(TREE)
        self.keeps = True
        self.saved: dict[str, Any] = {}
        self.made_in_advance: dict[str, list[str]] = {}
        self.calls: list[str] = []
        self.rivals: list[dict[str, Any]] = []
        self.looks_of_rivals = 10**6
        self.scim = False
        self._number = itertools.count(5)

    def features(self) -> Features:
        return Features.of(self.version)

    def foreseen(self, kind: str) -> list[str]:
        return self.made_in_advance.get(kind, [])

    def add(self, name: str, group_id: str | None = None, **more: Any) -> str:
        group_id = group_id or f"g{next(self._number)}"
        self.groups[group_id] = {
            "id": group_id, "name": name, "description": "", "permissions": None, "users": [], "created_at": 7, **more
        }  # fmt: skip
        return group_id

    def get_list(self, path: str, _what: str) -> list[Any]:
        self.calls.append(f"GET {path}")
        assert path == "groups/"
        for rival in self.rivals:
            self.looks_of_rivals -= 1
            if self.looks_of_rivals < 0:
                self.groups.pop(rival["id"], None)
        hidden = {"users"} if self.features().nested_groups else {"users", "parent_group_id"}
        return [
            {**{k: v for k, v in row.items() if k not in hidden}, "member_count": len(row["users"])}
            for row in copy.deepcopy(list(self.groups.values()))
        ]

    def get_mapping(self, path: str, _what: str) -> dict[str, Any]:
        self.calls.append(f"GET {path}")
        if path.startswith("groups/id/") and path.count("/") == 2:
            return copy.deepcopy(self.groups[path.rpartition("/")[2]])
        if path == "users/default/permissions":
            return copy.deepcopy(self.defaults)
        if path == "scim/v2/ServiceProviderConfig":
            return self._scim_facts()
        if path == "configs/namespace/u_":
            return {"ui.enable_signup": False} if self.keeps else {}
        if path == "configs/export":
            return {"user": {"permissions": self.saved}}
        if path == "users/all":
            roles = ("admin", "user", "pending")
            return {
                "users": [{"id": f"u{each}", "email": f"P{each}@example.org", "role": roles[each]} for each in range(3)]
            }
        return {"user_ids": list(self.groups[path.split("/")[2]]["users"])}

    def _scim_facts(self) -> dict[str, Any]:
        if not self.scim:
            page = HttpFailure("GET", "http://webui/api/v1/scim/v2", "text/html instead of JSON", 200)
            raise Failure("Cannot see whether SCIM is on.") from page
        return {"patch": {"supported": True}}

    def post(self, path: str, _what: str, json: Any) -> Any:
        self.calls.append(f"POST {path}")
        parts = path.split("/")
        if path == "users/default/permissions":
            self.defaults = json
            return json
        if path == "groups/create":
            group_id = self.add(json["name"], **{k: v for k, v in json.items() if k != "name"})
            for rival in self.rivals:
                self.add(json["name"], rival["id"], created_at=rival["created_at"])
            return self.groups[group_id]
        group = self.groups[parts[2]]
        if parts[3] == "update":
            parent = json.get("parent_group_id")
            assert parent is None or parent in self.groups, "a parent that is not there"
            assert self.features().nested_groups or "parent_group_id" not in json
            group.update({k: v for k, v in json.items() if v is not None or k == "parent_group_id"})
        elif parts[4] == "add":
            group["users"] = sorted({*group["users"], *json["user_ids"]})
        else:
            group["users"] = sorted({*group["users"]} - {*json["user_ids"]})
        return group

    def delete(self, path: str, _what: str) -> bool:
        self.calls.append(f"DELETE {path}")
        gone = self.groups.pop(path.split("/")[2])
        for group in self.groups.values():
            if group.get("parent_group_id") == gone["id"]:
                group["parent_group_id"] = gone.get("parent_group_id")
        return True

    def writes(self) -> list[str]:
        return [call for call in self.calls if not call.startswith("GET")]


def entries(*groups: dict[str, Any]) -> list[dict[str, Any]]:
    unsaid = {name: option.get("default") for name, option in GROUP_OPTIONS.items()}
    return [{**unsaid, **group} for group in groups]


def converged(
    server: Server, *groups: dict[str, Any], check: bool = False, purge: bool = False, **more: bool
) -> Outcome:
    resource = ManagedGroups(server, **more)  # type: ignore[arg-type]
    return converge(resource, group_wishes(entries(*groups)), check_mode=check, purge=purge, workers=1)


def refused(server: Server, *groups: dict[str, Any], purge: bool = False) -> str:
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
    monkeypatch.setattr(group_resource, "PAUSE", 0)


@pytest.mark.parametrize("version", [OLD, MIDDLE, TENTH, NEW])
def test_every_version_takes_groups_with_permissions_and_members(version):
    server = Server(version)
    said = {"name": "a", "permissions": {"chat": {"share": True}}, "members": ["p1@Example.org "]}
    outcome = converged(server, said)
    (state,) = outcome.states
    assert state["members"] == ["p1@example.org"]
    assert ("parent" in state) == (version == NEW)
    assert not converged(server, said).changed


@pytest.mark.parametrize("version", [OLD, MIDDLE, TENTH])
@pytest.mark.parametrize("parent", ["b", ""])
def test_before_0_12_a_parent_is_refused(version, parent):
    server = Server(version)
    server.add("b")
    message = refused(server, {"name": "a", "parent": parent})
    assert f"parent needs Open WebUI 0.12 or newer, and the server is {version}; leave it out" in message


def test_a_server_that_ignores_permissions_at_creation_gets_them_after():
    class Forgetful(Server):
        def post(self, path: str, what: str, json: Any) -> Any:
            body = {**json, "permissions": None} if path == "groups/create" else json
            return super().post(path, what, body)

    server = Forgetful()
    converged(server, {"name": "a", "permissions": {"chat": {"share": True}}})
    assert server.writes() == ["POST groups/create", "POST groups/id/g5/update"]


def test_a_chain_is_turned_around_from_its_new_root():
    server = Server()
    server.add("a", "ga")
    server.add("b", "gb", parent_group_id="ga")
    server.add("c", "gc", parent_group_id="gb")
    converged(server, {"name": "a", "parent": "b"}, {"name": "b", "parent": "c"}, {"name": "c", "parent": ""})
    assert server.writes() == [f"POST groups/id/{each}/update" for each in ("gc", "gb", "ga")]


def test_a_circle_is_found_through_groups_that_nobody_listed():
    server = Server()
    server.add("a", "ga")
    server.add("b", "gb", parent_group_id="ga")
    assert "a part of itself (a -> b -> a); break the circle" in refused(server, {"name": "a", "parent": "b"})


def test_what_is_absent_makes_no_circle():
    server = Server()
    server.add("b")
    converged(server, {"name": "a", "parent": "b"}, {"name": "c", "state": "absent", "parent": "a"})
    assert len(server.groups) == 2


@pytest.mark.parametrize("inside", [True, False])
def test_what_is_purged_takes_no_group(inside):
    server = Server()
    server.add("b", "gb")
    server.add("a", "ga", parent_group_id="gb" if inside else None)
    message = refused(server, {"name": "a", "parent": "b"}, purge=True)
    assert "parent is 'b', which purge would remove; list it, too" in message


def test_in_check_mode_what_earlier_tasks_would_make_is_there():
    server = Server()
    server.made_in_advance = {"groups": ["b"], "users": ["New@example.org"]}
    outcome = converged(server, {"name": "a", "parent": "b", "members": ["new@example.org"]}, check=True)
    assert outcome.states[0]["members"] == ["new@example.org"]


@pytest.mark.parametrize("rival", ["g0", "g9"], ids=["first", "last"])
def test_where_another_group_stays_ones_own_is_taken_back(rival):
    server = Server()
    server.rivals = [{"id": rival, "created_at": 7}]
    with pytest.raises(Failure, match="The group a was made by somebody else at the same moment; run the task again"):
        converged(server, {"name": "a"})
    assert list(server.groups) == [rival]


def test_where_the_other_run_takes_its_own_back_the_first_stays():
    server = Server()
    server.rivals, server.looks_of_rivals = [{"id": "g9", "created_at": 7}], 4
    assert converged(server, {"name": "a"}).changed
    assert list(server.groups) == ["g5"]


def test_fifty_groups_as_wanted_cost_one_read_and_one_for_each_with_members():
    server = Server()
    for number in range(50):
        server.add(f"c{number}", users=["u1"] if number < 5 else [])
    said = [{"name": f"c{number}", "description": ""} for number in range(50)]
    server.calls.clear()
    assert not converged(server, *said).changed
    assert server.calls == ["GET groups/"]
    for each in said[:10]:
        each.update(members=[])
    server.calls.clear()
    assert not converged(server, *said).changed
    assert sorted(call.split("/")[-1] for call in server.calls) == ["", "all", *["export"] * 5]


def test_the_members_of_the_one_that_is_asked_for_are_told():
    server = Server()
    server.add("a", users=["u0", "gone"])
    server.add("b", users=["u1"])
    (told,) = group_states(server, "a", with_members=True)  # type: ignore[arg-type]
    assert told["members"] == ["p0@example.org"]
    assert sum("export" in call for call in server.calls) == 1


@pytest.mark.parametrize("character", ["\n", "\x00", "\u202e", "\u200b", "\ufeff", "\ud800", "\x1b"])
def test_a_name_that_nobody_can_read_is_refused(character):
    name = f"a{character}b"
    words = "name holds a NUL" if character in "\0\ud800" else "name holds characters that nobody sees; take them out"
    message = refused(Server(), {"name": name})
    assert words in message
    assert message.isprintable()


@pytest.mark.parametrize("name", [" a ", "", "a\u202eb", "n" * 2000])
def test_a_group_that_exists_is_managed_whatever_its_name_is(name):
    server = Server()
    server.add(name)
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
def test_a_purge_keeps_groups_of_oauth_ldap_and_scim(row, scim, stays):
    server = Server()
    server.add("listed")
    server.add("a", **row)
    server.scim = scim
    foreseen = converged(server, {"name": "listed"}, check=True, purge=True)
    outcome = converged(server, {"name": "listed"}, purge=True)
    assert foreseen.kept == outcome.kept == (("a",) if stays else ())
    assert outcome.changed is not stays
    converged(server, {"name": "listed"}, purge=True, purge_external=True)
    assert [row["name"] for row in server.groups.values()] == ["listed"]


def test_a_purge_asks_where_groups_come_from_once_and_only_if_it_would_remove_some():
    server = Server()
    server.add("listed")
    converged(server, {"name": "listed"}, purge=True)
    assert server.calls == ["GET groups/"]
    for name in "abc":
        server.add(name, user_id="u0")
    converged(server, {"name": "listed"}, purge=True)
    assert server.calls.count("GET users/all") == server.calls.count("GET scim/v2/ServiceProviderConfig") == 1


def test_a_purge_stops_if_the_server_does_not_tell_whether_scim_is_on(monkeypatch):
    server = Server()
    server.add("listed")
    server.add("a", user_id="u0")
    failed = Failure("The server is not ready.")
    monkeypatch.setattr(Server, "_scim_facts", lambda self: raised(failed))
    assert refused(server, {"name": "listed"}, purge=True) == "The server is not ready."


def test_all_that_a_list_has_wrong_is_told_before_any_call():
    with pytest.raises(Failure) as failure:
        group_wishes(entries({"name": "a", "purge_members": True}, {"name": "a"}, {"name": "b"}))
    assert len(failure.value.details["problems"]) == 2
    assert "2 of 3 groups cannot be as wanted" in str(failure.value)


def test_a_list_names_each_unknown_account_and_permission():
    message = refused(
        Server(),
        {"name": "a", "members": ["x@example.org", "p1@example.org", "y@example.org"]},
        {"name": "b", "permissions": {"chat": {"shar": True}, "chats": {}}},
    )
    for word in ("x@example.org", "y@example.org", "permissions.chat.shar ", "(near: share)", "(near: chat)"):
        assert word in message
    assert "p1@example.org" not in message


def test_a_permission_keeps_what_was_not_given_of_it():
    present = {"chat": {"share": True, "edit": False}, "own": {"x": True}}
    assert permissions.merged(present, {"chat": {"edit": True}}) == {
        "chat": {"share": True, "edit": True},
        "own": {"x": True},
    }
    assert present["chat"]["edit"] is False
    assert permissions.granted(present) == {"chat": ["share"], "own": ["x"]}


def test_a_false_that_everybody_has_is_warned_of_once_a_group():
    said = {"name": "a", "permissions": {"chat": {"share": False, "delete": False}}}
    outcome = converged(Server(), said)
    assert len(outcome.warnings) == 1
    assert "The group a cannot take away chat.share, which everybody has" in outcome.warnings[0]
    assert not converged(Server(), {"name": "a", "permissions": {"chat": {"delete": False}}}).warnings


def test_default_permissions_are_written_whole():
    server = Server()
    said = {"chat": {"delete": True}}
    resource = permissions.DefaultPermissions(server)  # type: ignore[arg-type]
    outcome = converge(resource, [permissions.default_wish(said)], check_mode=False)
    assert outcome.changed
    assert server.defaults == {"chat": {"share": True, "delete": True}, "workspace": {"models": False}}


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("version", [NEW, "0.8.12"])
def test_default_permissions_that_the_server_would_forget_are_refused(version, check):
    server = Server(version)
    server.keeps = False
    server.saved = {**TREE, "chat": {**TREE["chat"], "delete": not TREE["chat"]["delete"]}}
    resource = permissions.DefaultPermissions(server)  # type: ignore[arg-type]
    wish = permissions.default_wish({"chat": {"delete": not TREE["chat"]["delete"]}})
    with pytest.raises(Failure, match=r"would lose chat.delete at its next start, because ENABLE_PERSISTENT_CONFIG is"):
        converge(resource, [wish], check_mode=check)
    assert server.writes() == []
    same = permissions.default_wish({"chat": {"delete": TREE["chat"]["delete"]}})
    assert not converge(resource, [same], check_mode=check).changed


@pytest.mark.parametrize("said", [{"chat": {"share": "yes"}}, {"chat": 1}, {"chat": {"shar": True}}, {"cat": {}}])
def test_default_permissions_that_are_none_are_told(said):
    server = Server()
    with pytest.raises(Failure, match="The set of permissions of everybody cannot be as wanted") as failure:
        converge(
            permissions.DefaultPermissions(server),  # type: ignore[arg-type]
            [permissions.default_wish(said)],
            check_mode=False,
        )
    assert len(failure.value.details["problems"]) == 1
    assert server.writes() == []
