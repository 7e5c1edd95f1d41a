"""Groups after a kill, beside other hands, and with whatever a name or a description may hold."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from fuzzing import SEED, scaled
from recorder import Recorder
from runner import fail, killed, quadruple, run, sentence, succeed

from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.features import Features

if TYPE_CHECKING:
    from conftest import Webui

KILLS = scaled(5)
EMAILS = [f"p{number}@example.org" for number in range(3)]


def groups_of(webui: Webui) -> dict[str, dict[str, Any]]:
    """Return the groups by name with what a list may say of them; two of one name are a fault."""
    rows = webui.call("GET", "groups/")
    names = {row["id"]: row["name"] for row in rows}
    found = {
        row["name"]: {
            "description": row["description"],
            "share": (row["permissions"] or {}).get("chat", {}).get("share", False),
            "members": webui.members(row),
            "parent": names.get(row.get("parent_group_id"), ""),
        }
        for row in rows
    }
    assert len(found) == len(rows), f"doubled: {sorted(names.values())}"
    return found


def killed_after(webui: Webui, arguments: dict[str, Any], requests: int) -> bool:
    """Run the module and kill it when so many requests have come by; tell whether it was still running."""
    proxy = Recorder(webui.url)
    running = killed("webui_groups", {**arguments, "url": proxy.url}, lambda: len(proxy.requests) >= requests)
    proxy.close()
    return running


@pytest.mark.parametrize("number", range(KILLS))
def test_a_run_that_is_killed_at_a_random_moment_is_finished_by_the_next(
    webui: Webui, features: Features, number: int
) -> None:
    dice = random.Random(f"{SEED} {number}")
    for email in EMAILS:
        webui.add_user(email)
    webui.add_group("old", EMAILS[0])
    webui.add_group("gone", EMAILS[1])
    names = ["old", *(f"g{each}" for each in range(5))]
    wanted = {
        name: {
            "description": dice.choice(("", "of a school")),
            "share": dice.random() < 0.5,
            "members": sorted(dice.sample(EMAILS, dice.randrange(3))),
            "parent": names[dice.randrange(place)] if place and features.nested_groups else "",
        }
        for place, name in enumerate(names)
    }
    groups = [
        {
            "name": name,
            "description": group["description"],
            "permissions": {"chat": {"share": group["share"]}},
            "members": group["members"],
            "purge_members": True,
            **({"parent": group["parent"]} if features.nested_groups else {}),
        }
        for name, group in wanted.items()
    ]
    dice.shuffle(groups)
    arguments = {"url": webui.url, "token": webui.token, "groups": [*groups, {"name": "gone", "state": "absent"}]}
    assert killed_after(webui, arguments, dice.randrange(6, 20))
    succeed("webui_groups", arguments)
    assert groups_of(webui) == wanted
    assert not succeed("webui_groups", arguments)["changed"]


@pytest.mark.feature("nested_groups")
def test_purging_what_a_group_is_to_lie_in_is_refused(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    webui.add_group("pupils")
    groups = [{"name": "teachers"}, {"name": "7a", "parent": "pupils"}]
    for check in (True, False):
        result = fail("webui_groups", by_token(groups=groups, purge=True), check=check)
        assert "entry 2 (7a): parent is 'pupils', which purge would delete; list it, too" in result["msg"]
    assert recorder.writes() == []
    # It already lies there, so that there is nothing to write but the purge.
    succeed("webui_groups", by_token(groups=groups))
    recorder.clear()
    assert "which purge would delete" in sentence("webui_groups", by_token(groups=groups, purge=True))
    assert recorder.writes() == []


def test_what_others_keep_with_a_group_stays(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    webui.add_user(EMAILS[0])
    group = {"name": "a", "description": "b", "data": {"config": {"share": False}, "note": "by hand"}}
    group_id = webui.call("POST", "groups/create", group)["id"]
    data = webui.call("GET", f"groups/id/{group_id}")["data"]
    assert data["config"]["share"] is False
    said = {"description": "c", "permissions": {"chat": {"share": True}}, "members": [EMAILS[0]]}
    quadruple("webui_group", by_token(name="a", **said), recorder)
    assert webui.call("GET", f"groups/id/{group_id}")["data"] == data


def test_purged_groups_of_one_name_are_told_apart(webui: Webui, by_token: Callable[..., dict[str, Any]]) -> None:
    ids = [webui.call("POST", "groups/create", {"name": "twice", "description": ""})["id"] for _time in range(2)]
    result = succeed("webui_groups", by_token(groups=[{"name": "a"}], purge=True))
    gone = [step["name"] for step in result["plan"] if step["action"] == "delete"]
    assert len(set(gone)) == 2
    assert any(each in str(gone) for each in ids)
    assert set(result["diff"]["before"]) == {"a", *gone}


def test_members_of_one_group_are_asked_for_alone(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    webui.add_user(EMAILS[0])
    for name in ("a", "b", "c"):
        webui.add_group(name, EMAILS[0])
    recorder.clear()
    (told,) = run("webui_group_info", by_token(name="b", members=True))["groups"]
    assert told["members"] == EMAILS[:1]
    assert sum("/export" in request.path for request in recorder.requests) == 1


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script> & \"'",
        "\u05e9\u05dc\u05d5\u05dd \u202eevil",
        "\U0001f469\u200d\U0001f467 \u00e9 e\u0301",
        "a\tb\r\nc\x07",
        "  around  ",
        "{{ lookup('env', 'HOME') }} %s \\",
        "x" * 10_000_000,
    ],
    ids=["html", "right to left", "emoji", "control", "blanks", "template", "10 MB"],
)
def test_a_description_is_kept_exactly(webui: Webui, by_token: Callable[..., dict[str, Any]], text: str) -> None:
    said = by_token(groups=[{"name": "a", "description": text}])
    assert succeed("webui_groups", said)["groups"][0]["description"] == text
    assert webui.call("GET", "groups/")[0]["description"] == text
    assert not succeed("webui_groups", said)["changed"]


@pytest.mark.parametrize("word", ["a\nb", "\x1b[31m", "k" * 1_000_000])
def test_an_odd_permission_is_one_short_sentence(
    by_token: Callable[..., dict[str, Any]], recorder: Recorder, word: str
) -> None:
    for permissions in ({word: {"share": True}}, {"chat": {word: True}}, {"chat": {"share": word}}):
        assert "permissions." in sentence("webui_default_permissions", by_token(permissions=permissions))
        assert "permissions." in sentence("webui_group", by_token(name="a", permissions=permissions))
    assert "members has a@b" in sentence("webui_group", by_token(name="a", members=[f"a@b{word}"]))
    assert recorder.writes() == []


def test_all_that_is_wrong_with_default_permissions_is_told(by_token: Callable[..., dict[str, Any]]) -> None:
    result = fail("webui_default_permissions", by_token(permissions={"chat": {"shair": True}, "cat": {"a": True}}))
    assert len(result["problems"]) == 2
    assert result["msg"].startswith("Invalid set of permissions of everybody: permissions.chat.shair")
