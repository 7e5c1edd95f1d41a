"""webui_instance on a real Open WebUI: all that one has, in one task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import code_objects
import pytest
from breaking import REFUSED, Breaking
from conftest import SIGN_IN, Webui
from known_settings import settings_as_before
from recorder import Recorder
from runner import fail, hides, sentence, succeed, unchanged

PASSWORD = "password-of-a-pupil-1"
CREATED = {
    "groups": "create",
    "users": "create",
    "members": "update",
    "knowledge": "create",
    "tools": "create",
    "models": "create",
}


@pytest.fixture(autouse=True)
def _as_it_was(webui: Webui) -> Iterator[None]:
    with settings_as_before(webui):
        yield


def school() -> dict[str, Any]:
    """Return a school in which each part needs an earlier one."""
    return {
        "settings": {"ui.watermark": "from one task"},
        "default_permissions": {"chat": {"delete": False}},
        "groups": [
            {"name": "teachers", "members": ["tilda@example.org"], "purge_members": True},
            {"name": "pupils"},
        ],
        "users": [
            {"email": "tilda@example.org", "password": PASSWORD},
            {"email": "paul@example.org", "password": PASSWORD, "groups": ["pupils"]},
        ],
        "connections": [{"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "enabled": False}],
        "knowledge": [{"name": "Rules", "description": "Of the house", "access": {"read": {"groups": ["pupils"]}}}],
        "tools": [{"id": "weather", "content": code_objects.TOOL, "access": {"read": {"groups": ["pupils"]}}}],
        "models": [
            {
                "id": "tutor",
                "base_model": "outside:1b",
                "knowledge": ["Rules"],
                "tools": ["weather"],
                "access": {"read": {"groups": ["pupils"], "users": ["tilda@example.org"]}},
            }
        ],
    }


def emptied(webui: Webui, by_token: Callable[..., dict[str, Any]]) -> None:
    gone: dict[str, Any] = {
        "connections": [{"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "state": "absent"}],
        "knowledge": [{"name": "Rules", "state": "absent"}],
        "tools": [{"id": "weather", "state": "absent"}],
        "models": [{"id": "tutor", "state": "absent"}],
        "users": [{"email": f"{name}@example.org", "state": "absent"} for name in ("tilda", "paul")],
        "groups": [{"name": name, "state": "absent"} for name in ("teachers", "pupils")],
        "default_permissions": {"chat": {"delete": True}},
    }
    succeed("webui_instance", by_token(**gone))


def steps(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(step["part"], step["action"], step["name"]) for step in result["plan"]]


def test_a_school_comes_by_one_task_that_a_check_run_foresees(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    try:
        foreseen = succeed("webui_instance", by_token(**school()), check=True)
        assert recorder.writes() == []
        done = succeed("webui_instance", by_token(**school()))
        assert done["changed"]
        assert steps(foreseen) == steps(done)
        assert {part: action for part, action, _name in steps(done) if part in CREATED} == CREATED
        hides(done, PASSWORD, webui.token)
        hides(foreseen, PASSWORD, webui.token)
        members = succeed("webui_group_info", by_token(name="teachers", members=True))["groups"][0]["members"]
        assert members == ["tilda@example.org"]
        result = unchanged("webui_instance", by_token(**school()), recorder)
        assert result["plan"] == []
        gone = {"knowledge": [{"name": "Rules", "state": "absent"}]}
        removed = succeed("webui_instance", by_token(**gone))
        assert steps(removed) == [("knowledge", "delete", "Rules")]
    finally:
        emptied(webui, by_token)


def test_where_nothing_is_to_be_done_each_part_is_read_once(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    given = {"groups": [{"name": "pupils"}], "prompts": [{"command": "sum", "content": "x"}]}
    try:
        succeed("webui_instance", by_token(**given))
        recorder.clear()
        succeed("webui_groups", by_token(groups=given["groups"]))
        succeed("webui_prompts", by_token(prompts=given["prompts"]))
        apart = [call.path for call in recorder.requests]
        recorder.clear()
        succeed("webui_instance", by_token(**given))
        together = [call.path for call in recorder.requests]
        assert len(together) <= len(apart)
        assert sorted(set(together)) == sorted(set(apart))
    finally:
        gone = {"groups": [{"name": "pupils", "state": "absent"}], "prompts": [{"command": "sum", "state": "absent"}]}
        succeed("webui_instance", by_token(**gone))


def test_mistakes_in_several_parts_are_told_before_anything_is_written(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    given = {
        "groups": [{"name": "pupils"}],
        "users": [{"email": "new@example.org", "password": PASSWORD, "groups": ["nobody's"]}],
        "prompts": [{"command": "with blank", "content": "x"}],
    }
    result = fail("webui_instance", by_token(**given))
    assert recorder.writes() == []
    assert "nobody's" in result["msg"]
    assert "with blank" in result["msg"]
    assert len(result["problems"]) == 2


def test_a_member_that_is_nobody_is_told_by_the_place_of_its_group(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    groups = [{"name": "teachers"}, {"name": "pupils", "members": ["nobody@example.org"]}]
    result = fail("webui_instance", by_token(groups=groups))
    assert "entry 2 (pupils): members has nobody@example.org" in result["msg"]
    assert recorder.writes() == []


def test_an_entry_that_is_none_is_told_by_its_part(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    told = sentence("webui_instance", by_token(groups=[{"name": "a", "membres": []}], models=[{"name": "no id"}]))
    assert "membres" in told
    assert "id" in told
    assert recorder.requests == []


def test_a_purge_of_all_is_refused_and_a_list_is_purged(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    assert sentence("webui_instance", by_token(prompts=[], prompts_purge=True)).startswith("Refusing to purge")
    try:
        prompts = [{"command": name, "content": "x"} for name in ("keep", "drop")]
        succeed("webui_instance", by_token(prompts=prompts))
        done = succeed("webui_instance", by_token(prompts=prompts[:1], prompts_purge=True))
        assert ("prompts", "delete", "drop") in steps(done)
        assert ("prompts", "delete", "keep") not in steps(done)
    finally:
        succeed("webui_instance", by_token(prompts=[{"command": "keep", "state": "absent"}]))


def test_a_run_that_breaks_off_tells_what_it_did_and_the_next_one_finishes(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    given = {"groups": [{"name": "pupils"}], "prompts": [{"command": "sum", "content": "x"}], "models": [{"id": "m1"}]}
    try:
        broken = Breaking(webui.url, (SIGN_IN,), 2, REFUSED)
        try:
            result = fail("webui_instance", {**by_token(**given), "url": broken.url})
        finally:
            broken.close()
        assert result["changed"]
        assert (result["part"], result["parts_done"]) == ("prompts", ["groups"])
        assert result["parts_not_begun"] == ["models"]
        assert ("groups", "create", "pupils") in steps(result)
        assert succeed("webui_instance", by_token(**given))["changed"]
        unchanged("webui_instance", by_token(**given), recorder)
    finally:
        gone = {"groups": "name", "prompts": "command", "models": "id"}
        listed = {plural: [{key: given[plural][0][key], "state": "absent"}] for plural, key in gone.items()}
        succeed("webui_instance", by_token(**listed))
