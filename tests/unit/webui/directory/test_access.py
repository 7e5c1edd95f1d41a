"""Access by names here, by ids on the server, in the form of each version."""

from __future__ import annotations

from typing import Any

import pytest
from doubles.webui import Webui

from ansible_collections.selfhosted.llm.plugins.module_utils.webui.directory import access
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.directory.access import Grants

GROUPS = [{"id": "g1", "name": "teachers"}, {"id": "g2", "name": "pupils"}, {"id": "g3", "name": "twice"}]
GROUPS += [{"id": "g4", "name": "twice"}]
USERS = [{"id": "u1", "email": "Anna@example.org"}, {"id": "u2", "email": "ben@example.org"}]


def grants(version: str = "0.12.4", **params: Any) -> tuple[Grants, Webui]:
    server = Webui(version)
    for group in GROUPS:
        server.add_group(**group)
    for user in USERS:
        server.add_user(**user)
    return Grants(server.client(**params)), server


def access_of(
    public: bool = False, groups: Any = (), users: Any = (), write_groups: Any = (), write_users: Any = ()
) -> dict[str, Any]:
    return {
        "public": public,
        "read": {"groups": list(groups), "users": list(users)},
        "write": {"groups": list(write_groups), "users": list(write_users)},
    }


def test_who_may_write_may_read() -> None:
    said = access.wanted(
        {"read": {"groups": ["b", "a", "a"]}, "write": {"groups": ["c"], "users": ["ANNA@example.org"]}}
    )
    assert said == access_of(False, ["a", "b", "c"], ["anna@example.org"], ["c"], ["anna@example.org"])
    assert access.wanted({"public": None, "read": None, "write": None}) == access_of()


@pytest.mark.parametrize("version", ["0.12.4", "0.8.12", "0.6.43"])
@pytest.mark.parametrize(
    "said",
    [
        access_of(),
        access_of(groups=["pupils", "teachers"], users=["ben@example.org"], write_groups=["teachers"]),
        access_of(users=["anna@example.org", "ben@example.org"], write_users=["ben@example.org"]),
        access_of(True),
    ],
)
def test_what_is_sent_is_read_back_as_it_was(version: str, said: dict[str, Any]) -> None:
    one, _server = grants(version)
    assert one.state(one.in_create(said)) == said


def test_grants_are_written_by_their_own_call_and_control_with_the_object() -> None:
    said = access_of(True)
    new, server = grants()
    server.add_model("x", access_grants=[])
    new.write("models/model/access/update", "share", said, id="x")
    public = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    assert server.writes() == ["POST models/model/access/update"]
    assert server.bodies[-1] == {"id": "x", "access_grants": public}
    assert new.in_update(said) == {}
    old, server = grants("0.6.43")
    old.write("models/model/access/update", "share", said)
    assert server.writes() == []
    assert old.in_update(said) == {"access_control": None}


def test_what_has_no_word_is_a_difference() -> None:
    one, _server = grants()
    record = {"access_grants": [{"principal_type": "user", "principal_id": "*", "permission": "write"}]}
    assert one.state(record) == {**access_of(), "other": ["user * write"]}


@pytest.mark.parametrize("version", ["0.12.4", "0.6.43"])
def test_who_is_gone_stays_an_id(version: str) -> None:
    one, _server = grants(version)
    kept = access_of(groups=["g9", "teachers"], users=["u9"])
    record = one.in_create(kept)
    assert all(each in str(record) for each in ("g1", "g9", "u9"))
    assert one.state(record) == kept


def test_names_that_mean_nobody_or_two_are_told() -> None:
    one, _server = grants()
    given = {
        "read": {"groups": ["teachers", "nobody", "twice"]},
        "write": {"users": ["x@example.org", "BEN@example.org"]},
    }
    first, second, third = one.problems(given)
    assert first.startswith("there is no group 'nobody'")
    assert second.startswith("the group name 'twice' is ambiguous (ids g3, g4)")
    assert third == "there is no account 'x@example.org' on the server; create it first"


def test_a_check_run_takes_what_earlier_tasks_would_have_made_for_there() -> None:
    made = {"groups": ["new", "twice"], "users": ["NEW@example.org"]}
    one, _server = grants(read_only=True, foreseen=made)
    given = {"read": {"groups": ["new", "twice"], "users": ["New@example.org", "old@example.org"]}}
    first, second = one.problems(given)
    assert first.startswith("the group name 'twice' is ambiguous")
    assert second.startswith("there is no account 'old@example.org'")
    assert one.in_create(access.wanted({"read": {"groups": ["new"]}}))["access_grants"][0]["principal_id"] == "new"


def test_before_0_8_what_is_public_has_no_writers_of_its_own() -> None:
    given = {"public": True, "write": {"groups": ["teachers"]}}
    old, _server = grants("0.6.43")
    assert old.problems(given) == [
        "access cannot be public with names before Open WebUI 0.8; remove access.public or the names"
    ]
    new, _server = grants()
    assert new.problems(given) == []


def test_nothing_is_asked_where_nobody_is_named() -> None:
    one, server = grants()
    one.problems({"public": True})
    one.state({"access_grants": []})
    one.in_create(access_of(True))
    assert server.asked() == []
