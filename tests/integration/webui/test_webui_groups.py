"""Groups by name, their permissions, members and places, and what everybody may do."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Webui
from fuzzing import SEED, scaled
from recorder import Recorder
from runner import fail, quadruple, run, sentence

from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.features import Features

SECTIONS = {"workspace": ("models", "prompts"), "chat": ("share", "delete"), "features": ("notes", "api_keys")}


def _config(row: dict[str, Any]) -> dict[str, Any]:
    """Return what a group is told besides: where nothing is, anyone shares with it, and it has no models of its own."""
    kept = (row["data"] or {}).get("config") or {}
    return {"share": True, **{key: value for key, value in kept.items() if value != []}}


def tree(webui: Webui) -> dict[str, Any]:
    """Return all groups by name, as a person would tell of them."""
    rows = webui.call("GET", "groups/")
    names = {row["id"]: row["name"] for row in rows}
    found = {}
    for row in rows:
        found[row["name"]] = {
            "description": row["description"],
            "permissions": row["permissions"] or {},
            "members": webui.members(row),
            "parent": names.get(row.get("parent_group_id"), ""),
            "config": _config(row),
        }
    assert len(found) == len(rows), "two groups have one name"
    return found


@pytest.fixture
def everybody(webui: Webui) -> Iterator[dict[str, Any]]:
    """What everybody may do comes back."""
    before = webui.call("GET", "users/default/permissions")
    yield before
    webui.call("POST", "users/default/permissions", before)


def test_a_group_is_made_changed_and_removed(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    webui.add_user("anna@example.org")
    webui.add_user("ben@example.org")
    said: dict[str, Any] = {
        "name": "Räte & <b>Ämter</b> 🙂",
        "description": "50 % of all",
        "permissions": {"workspace": {"models": True}},
    }
    made = quadruple("webui_group", by_token(**said, members=["ANNA@example.org"]), recorder)
    assert made.done["group"]["members"] == ["anna@example.org"]
    now = tree(webui)[said["name"]]
    assert now["description"] == "50 % of all"
    assert now["permissions"]["workspace"]["models"] is True
    quadruple(
        "webui_group",
        by_token(name=said["name"], permissions={"chat": {"share": True}}, members=["ben@example.org"]),
        recorder,
    )
    now = tree(webui)[said["name"]]
    assert now["permissions"]["workspace"]["models"] is True
    assert now["permissions"]["chat"]["share"] is True
    assert now["members"] == ["anna@example.org", "ben@example.org"]
    assert now["description"] == "50 % of all"
    quadruple("webui_group", by_token(name=said["name"], members=["ben@example.org"], purge_members=True), recorder)
    assert tree(webui)[said["name"]]["members"] == ["ben@example.org"]
    quadruple("webui_group", by_token(name=said["name"], state="absent"), recorder)
    assert tree(webui) == {}


@pytest.mark.feature("nested_groups")
def test_a_list_is_nested_in_one_run_whatever_its_order(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    groups = [
        {"name": "7a", "parent": "seventh"},
        {"name": "seventh", "parent": "pupils"},
        {"name": "pupils"},
        {"name": "teachers", "parent": ""},
    ]
    quadruple("webui_groups", by_token(groups=groups), recorder)
    assert {name: group["parent"] for name, group in tree(webui).items()} == {
        "7a": "seventh",
        "seventh": "pupils",
        "pupils": "",
        "teachers": "",
    }
    turned = [
        {"name": "pupils", "parent": "7a"},
        {"name": "7a", "parent": "teachers"},
        {"name": "seventh", "parent": ""},
    ]
    quadruple("webui_groups", by_token(groups=turned), recorder)
    assert tree(webui)["pupils"]["parent"] == "7a"
    recorder.clear()
    circle = [{"name": "teachers", "parent": "pupils"}]
    message = sentence("webui_groups", by_token(groups=circle))
    assert "makes the group part of itself (teachers -> pupils -> 7a -> teachers); break the circle" in message
    assert recorder.writes() == []


def test_who_may_share_with_a_group_is_said_and_what_others_keep_in_it_stays(
    webui: Webui, by_token: Callable[..., dict[str, Any]], features: Features, recorder: Recorder
) -> None:
    kept = {"by hand": 1, "config": {"own": 2, "share": True}}
    webui.call("POST", "groups/create", {"name": "teachers", "description": "", "data": kept})
    shares = {"no_one": False, "anyone": True, **({"members": "members"} if features.share_with_members else {})}
    for share, value in shares.items():
        done = quadruple("webui_group", by_token(name="teachers", share=share), recorder).done
        assert done["group"]["share"] == share
        (row,) = webui.call("GET", "groups/")
        assert row["data"] == {"by hand": 1, "config": {"own": 2, "share": value}}
    made = quadruple("webui_group", by_token(name="pupils", share="no_one"), recorder)
    assert made.done["group"]["share"] == "no_one"
    assert tree(webui)["pupils"]["config"]["share"] is False
    recorder.clear()
    # What is not said stays as the server has it.
    assert not run("webui_groups", by_token(groups=[{"name": "teachers"}, {"name": "pupils"}]))["changed"]
    assert not recorder.writes()


@pytest.mark.feature("group_models")
def test_the_members_of_a_group_begin_with_its_models(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    webui.add_user("ben@example.org")
    said = {"name": "pupils", "members": ["ben@example.org"]}
    done = quadruple("webui_group", by_token(**said, default_models=[" tutor", "m:1", "tutor"]), recorder).done
    assert done["group"]["default_models"] == ["tutor", "m:1"]
    group_id, share = done["group"]["id"], tree(webui)["pupils"]["config"]["share"]
    assert webui.call("GET", f"groups/id/{group_id}/preview")["default_models"]["effective"] == ["tutor", "m:1"]
    quadruple("webui_group", by_token(**said, default_models=["m:1"]), recorder)
    quadruple("webui_group", by_token(**said, default_models=[]), recorder)
    assert webui.call("GET", f"groups/id/{group_id}/preview")["default_models"]["local"] is None
    assert tree(webui)["pupils"]["config"]["share"] == share
    assert "default_models has an empty entry" in sentence("webui_group", by_token(name="pupils", default_models=[" "]))


def test_what_a_version_does_not_have_of_groups_is_told(
    by_token: Callable[..., dict[str, Any]], features: Features, recorder: Recorder
) -> None:
    lacking: list[tuple[dict[str, Any], bool, str]] = [
        ({"share": "members"}, features.share_with_members, "share: members needs Open WebUI 0.8 or newer"),
        ({"default_models": ["a"]}, features.group_models, "default_models needs Open WebUI 0.12 or newer"),
    ]
    for said, there, words in lacking:
        if not there:
            assert words in sentence("webui_group", by_token(name="a", **said))
    assert not recorder.writes()


def test_before_0_12_no_group_lies_in_another(by_token: Callable[..., dict[str, Any]], features: Features) -> None:
    if features.nested_groups:
        pytest.skip(f"Open WebUI {features.version} has nested groups")
    message = sentence("webui_group", by_token(name="7a", parent="pupils"))
    assert "parent needs Open WebUI 0.12 or newer" in message


def test_groups_as_wanted_cost_few_requests(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    groups = [{"name": f"g{number}", "permissions": {"chat": {"share": True}}} for number in range(20)]
    assert not run("webui_groups", by_token(groups=groups)).failed
    recorder.clear()
    assert not run("webui_groups", by_token(groups=groups))["changed"]
    assert len(recorder.requests) == 3
    webui.add_user("anna@example.org")
    with_members = [{**groups[0], "members": ["anna@example.org"]}, *groups[1:]]
    assert run("webui_groups", by_token(groups=with_members))["changed"]
    recorder.clear()
    assert not run("webui_groups", by_token(groups=with_members))["changed"]
    assert len(recorder.requests) == 5


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"name": ""}, "name is ''; use a name that is not empty"),
        ({"name": " a"}, "has no blanks around it"),
        ({"name": "a\u0000b"}, "name holds a NUL"),
        ({"name": "a\u202eb"}, "name contains invisible characters"),
        ({"name": "x" * 1001}, "name has 1001 characters; use at most 1000"),
        ({"name": "a", "description": "b\u0000"}, "description holds a NUL"),
        (
            {"name": "a", "permissions": {"chat": {"shair": True}}},
            "permissions.chat.shair is not a permission of this server (did you mean share",
        ),
        (
            {"name": "a", "permissions": {"chats": {"share": True}}},
            "permissions.chats is not a section of this server (did you mean chat",
        ),
        (
            {"name": "a", "permissions": {"chat": {"share": "yes"}}},
            "permissions.chat.share is 'yes'; set it to true or false",
        ),
        ({"name": "a", "permissions": {"chat": True}}, "permissions.chat is not a mapping"),
        (
            {"name": "a", "members": ["nobody@example.org"]},
            "members has nobody@example.org, but the server has no such account",
        ),
        ({"name": "a", "members": ["nobody"]}, "members has nobody, but the server has no such account"),
        ({"name": "a", "purge_members": True}, "purge_members needs members"),
        ({"name": "a", "parent": "a"}, "parent is the group itself"),
    ],
)
def test_what_cannot_be_is_told_before_any_write(
    by_token: Callable[..., dict[str, Any]], recorder: Recorder, said: dict[str, Any], words: str
) -> None:
    assert words in sentence("webui_group", by_token(**said))
    assert recorder.writes() == []


def test_all_that_is_wrong_with_a_list_is_told_at_once(
    by_token: Callable[..., dict[str, Any]], recorder: Recorder
) -> None:
    said = [
        {"name": "a", "parent": "b"},
        {"name": "b", "state": "absent"},
        {"name": "a"},
        {"name": "c", "members": [""]},
    ]
    assert len(fail("webui_groups", by_token(groups=said))["problems"]) == 3
    # What the list alone does not tell comes next: a group that exists may be called anything.
    said = [{"name": ""}, {"name": " d"}, {"name": "e", "members": ["nobody@example.org"]}]
    assert len(fail("webui_groups", by_token(groups=said))["problems"]) == 3
    assert recorder.writes() == []
    assert "Refusing to purge" in sentence("webui_groups", by_token(groups=[], purge=True))


def test_two_groups_of_one_name_are_told_by_their_ids(webui: Webui, by_token: Callable[..., dict[str, Any]]) -> None:
    ids = [webui.call("POST", "groups/create", {"name": "twice", "description": ""})["id"] for _time in range(2)]
    message = sentence("webui_group", by_token(name="twice"))
    assert "its name is ambiguous" in message
    assert all(each in message for each in ids)
    told = run("webui_group_info", by_token(name="twice"))["groups"]
    assert sorted(group["id"] for group in told) == sorted(ids)
    assert run("webui_groups", by_token(groups=[{"name": "other"}], purge=True))["changed"]
    assert list(tree(webui)) == ["other"]


def test_what_a_group_cannot_take_away_is_warned_of(
    by_token: Callable[..., dict[str, Any]], everybody: dict[str, Any]
) -> None:
    assert everybody["chat"]["delete"]
    made = run("webui_group", by_token(name="a", permissions={"chat": {"delete": False, "share": True}}))
    assert len(made["warnings"]) == 1
    assert "cannot take away chat.delete, which the default permissions grant" in str(made["warnings"])


def test_members_are_told(webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder) -> None:
    webui.add_user("anna@example.org")
    webui.add_group("teachers", "anna@example.org")
    (told,) = run("webui_group_info", by_token(members=True))["groups"]
    assert told["members"] == ["anna@example.org"]
    assert "members" not in run("webui_group_info", by_token())["groups"][0]
    assert recorder.writes() == []


def test_what_everybody_may_do(
    webui: Webui, by_token: Callable[..., dict[str, Any]], recorder: Recorder, everybody: dict[str, Any]
) -> None:
    said = {
        "chat": {"share": not everybody["chat"]["share"]},
        "features": {"notes": not everybody["features"]["notes"]},
    }
    quadruple("webui_default_permissions", by_token(permissions=said), recorder)
    wanted = {section: {**keys, **said.get(section, {})} for section, keys in everybody.items()}
    assert webui.call("GET", "users/default/permissions") == wanted
    message = sentence("webui_default_permissions", by_token(permissions={"chat": {"shair": True}}))
    assert "permissions.chat.shair is not a permission of this server (did you mean share" in message
    assert webui.call("GET", "users/default/permissions") == wanted


def test_two_runs_at_once_make_no_group_twice(webui: Webui, by_token: Callable[..., dict[str, Any]]) -> None:
    groups = [{"name": f"g{number}"} for number in range(8)]
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(run("webui_groups", by_token(groups=groups))))
        for _run in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not run("webui_groups", by_token(groups=groups)).failed
    assert sorted(tree(webui)) == sorted(group["name"] for group in groups)
    for result in results:
        assert not result.failed or "at the same moment; run the task again" in result["msg"], result.raw


def _random_permissions(chance: random.Random) -> dict[str, dict[str, bool]]:
    found: dict[str, dict[str, bool]] = {}
    for section, keys in SECTIONS.items():
        for key in keys:
            if chance.random() < 0.4:
                found.setdefault(section, {})[key] = chance.random() < 0.6
    return found


def _random_list(chance: random.Random, names: list[str], emails: list[str], features: Any) -> list[dict[str, Any]]:
    chosen = chance.sample(names, chance.randint(1, len(names)))
    entries: list[dict[str, Any]] = []
    for number, name in enumerate(chosen):
        entry: dict[str, Any] = {"name": name}
        if number and chance.random() < 0.2:
            entries.append({**entry, "state": "absent"})
            continue
        if chance.random() < 0.5:
            entry["description"] = chance.choice(["", "d1", "d2"])
        if chance.random() < 0.6:
            entry["permissions"] = _random_permissions(chance)
        if chance.random() < 0.6:
            entry["members"] = chance.sample(emails, chance.randint(0, len(emails)))
            entry["purge_members"] = chance.random() < 0.5
        if chance.random() < 0.4:
            entry["share"] = chance.choice(["anyone", "no_one", *["members"] * features.share_with_members])
        if features.group_models and chance.random() < 0.4:
            entry["default_models"] = chance.choice([[], ["m:1"], ["m:1", "tutor"], ["tutor", "m:1"]])
        # Those before it in the list, so that there is no circle among the desired.
        above = [each["name"] for each in entries if each.get("state") != "absent" and "parent" in each]
        if features.nested_groups and (number == 0 or chance.random() < 0.5):
            entry["parent"] = chance.choice([*above, ""])
        entries.append(entry)
    chance.shuffle(entries)
    return entries


def _granted(permissions: dict[str, dict[str, bool]]) -> set[tuple[str, str]]:
    return {(section, key) for section, keys in permissions.items() for key, value in keys.items() if value}


def _oracle(
    before: dict[str, Any], entries: list[dict[str, Any]], purge: bool, new_config: dict[str, Any]
) -> dict[str, Any]:
    """Tell what is there afterwards, by rules told a second time."""
    after = {name: {**group, "granted": _granted(group["permissions"])} for name, group in before.items()}
    if purge:
        after = {name: group for name, group in after.items() if name in {entry["name"] for entry in entries}}
    for entry in entries:
        if entry.get("state") == "absent":
            after.pop(entry["name"], None)
            continue
        new = {"description": "", "granted": set(), "members": [], "parent": "", "config": new_config}
        group = after.setdefault(entry["name"], new)
        if "description" in entry:
            group["description"] = entry["description"]
        for section, keys in entry.get("permissions", {}).items():
            for key, value in keys.items():
                (group["granted"].add if value else group["granted"].discard)((section, key))
        if "members" in entry:
            stay = [] if entry["purge_members"] else group["members"]
            group["members"] = sorted({*stay, *entry["members"]})
        if "parent" in entry:
            group["parent"] = entry["parent"]
        config = {name: entry[name] for name in ("share", "default_models") if name in entry}
        if "share" in config:
            config["share"] = {"anyone": True, "members": "members", "no_one": False}[config["share"]]
        config = {**group["config"], **config}
        group["config"] = {key: value for key, value in config.items() if value != []}
    gone = set(before) - set(after)

    def heir(parent: str) -> str:
        # The server hands the children of what is deleted to its own parent.
        while parent in gone:
            parent = before[parent]["parent"]
        return parent

    return {
        name: {
            "description": group["description"],
            "granted": group["granted"],
            "members": group["members"],
            "parent": heir(group["parent"]),
            "config": group["config"],
        }
        for name, group in after.items()
    }


def _circles(parents: dict[str, str]) -> bool:
    for name in parents:
        seen, at = set(), name
        while at and at not in seen:
            seen.add(at)
            at = parents.get(at, "")
        if at:
            return True
    return False


@pytest.mark.parametrize("seed", range(2))
def test_random_lists_end_as_they_ought_to(
    webui: Webui, by_token: Callable[..., dict[str, Any]], features: Features, everybody: dict[str, Any], seed: int
) -> None:
    chance = random.Random(f"{SEED} {seed}")
    names, emails = [f"g{number}" for number in range(6)], [f"u{number}@example.org" for number in range(4)]
    for email in emails:
        webui.add_user(email)
    foreign = {"name": "by hand", "description": "mine", "permissions": {"chat": {"share": True}}}
    webui.call("POST", "groups/create", foreign)
    new_config = _config(webui.call("POST", "groups/create", {"name": "g0", "description": ""}))
    for _state in range(scaled(12)):
        before = tree(webui)
        entries = _random_list(chance, names, emails, features)
        present = {entry["name"]: entry.get("state") != "absent" for entry in entries}
        parents = {name: group["parent"] for name, group in before.items()}
        parents.update({entry["name"]: entry["parent"] for entry in entries if "parent" in entry})
        if _circles(parents) or any(not present.get(entry.get("parent") or "", True) for entry in entries):
            continue
        purge = chance.random() < 0.2
        said = by_token(groups=entries, purge=purge)
        if purge:
            said["groups"] = entries = [*entries, {"name": "by hand"}]
        foreseen = run("webui_groups", said, check=True)
        made = run("webui_groups", said)
        assert not made.failed, made.raw
        assert (foreseen["plan"], foreseen["diff"]) == (made["plan"], made["diff"])
        wanted, now = _oracle(before, entries, purge, new_config), tree(webui)
        shown = {
            name: {
                **{field: group[field] for field in ("description", "members", "parent", "config")},
                "granted": _granted(group["permissions"]),
            }
            for name, group in now.items()
        }
        assert shown == wanted, (entries, before)
        assert not run("webui_groups", said)["changed"]
        assert now["by hand"] == before["by hand"]


def test_a_purge_keeps_groups_of_oauth_and_ldap_and_names_them(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    webui.add_user("anna@example.org")
    webui.add_group("ours")
    for name, description in (("claimed", "Group 'claimed' created automatically via OAuth."), ("theirs", "By hand")):
        webui.call("POST", "groups/create", {"name": name, "description": description})
    webui.add_group("directory")
    # LDAP makes groups in the name of who signs in.
    anna = webui.users()["anna@example.org"]["id"]
    webui.database("UPDATE 'group' SET user_id = ? WHERE name = ?", anna, "directory")
    said = by_token(groups=[{"name": "ours"}], purge=True)
    runs = quadruple("webui_groups", said, recorder)
    assert runs.done["kept"] == ["claimed", "directory"]
    assert {row["name"] for row in webui.call("GET", "groups/")} == {"ours", "claimed", "directory"}
    quadruple("webui_groups", {**said, "purge_external": True}, recorder)
    assert {row["name"] for row in webui.call("GET", "groups/")} == {"ours"}


@pytest.mark.parametrize("name", [" blanks ", "", "a\u202eb", "a/b"])
def test_a_group_that_exists_is_managed_whatever_its_name_is(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], name: str
) -> None:
    webui.add_group(name)
    quadruple("webui_groups", by_token(groups=[{"name": name, "description": "x"}]), recorder)
    quadruple("webui_groups", by_token(groups=[{"name": name, "state": "absent"}]), recorder)
    assert webui.call("GET", "groups/") == []
