# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models and prompts on older versions, by a small double that does what their source says."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from doubles.webui import Webui
from doubles.webui_call import Call, Reply

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.models.resource import Models
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.models.spec import MODEL_OPTIONS, desired_models
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace.prompt_spec import (
    PROMPT_OPTIONS,
    desired_prompts,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace.prompts import Prompts

GROUPS = [{"id": "g1", "name": "pupils"}, {"id": "g2", "name": "teachers"}]
PUPILS = {"principal_type": "group", "principal_id": "g1", "permission": "read"}
OLD, MIDDLE, TENTH, NEW = "0.6.43", "0.8.12", "0.10.2", "0.12.4"


CONFLICT = Reply(409, {"detail": "version_conflict"})
UPDATE = "POST models/model/update"


def webui(version: str) -> Webui:
    server = Webui(version, offered=["base", "tiny:latest"])
    for group in GROUPS:
        server.add_group(**group)
    server.add_user("anna@example.org", id="u1")
    return server


def filled(spec: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    return {name: given.get(name, option.get("default")) for name, option in spec.items()}


def models(server: Webui, *entries: dict[str, Any], check: bool = False, **more: Any) -> dict[str, Any]:
    all_desired = desired_models([filled(MODEL_OPTIONS, entry) for entry in entries])
    return converge(Models(server.client(check)), all_desired, check_mode=check, **more).many("models")


def prompts(server: Webui, *entries: dict[str, Any], purge: bool = False) -> dict[str, Any]:
    all_desired = desired_prompts([filled(PROMPT_OPTIONS, entry) for entry in entries])
    resource = Prompts(server.client(), whole=purge)
    return converge(resource, all_desired, check_mode=False, purge=purge).many("prompts")


@pytest.mark.parametrize("version", [OLD, MIDDLE, TENTH])
def test_before_0_12_two_lists_hold_all_models(version: str) -> None:
    server = webui(version)
    server.add_model("base")
    server.add_model("preset", base_model_id="base")
    assert not models(server, {"id": "base", "name": "base"}, {"id": "preset", "base_model": "base"})["changed"]
    assert server.asked() == ["GET models/base", "GET models/export"]


@pytest.mark.parametrize("version", [OLD, MIDDLE, TENTH, NEW])
def test_an_update_leaves_a_model_off_and_as_closed_as_it_was(version: str) -> None:
    server = webui(version)
    control = {"read": {"group_ids": ["g1"], "user_ids": []}, "write": {"group_ids": [], "user_ids": []}}
    access = {"access_grants": [PUPILS]} if server.can().access_grants else {"access_control": control}
    server.add_model("m", is_active=False, meta={"by_hand": 1}, **access)
    before = copy.deepcopy(server.models["m"])
    assert models(server, {"id": "m", "description": "d"})["changed"]
    assert server.models["m"] == {**before, "meta": {"by_hand": 1, "description": "d"}}
    assert not models(server, {"id": "m", "description": "d"})["changed"]


@pytest.mark.parametrize("version", [OLD, MIDDLE, TENTH, NEW])
def test_a_new_model_is_private_and_access_is_by_names(version: str) -> None:
    server = webui(version)
    models(server, {"id": "m"})
    private: dict[str, Any] = {"read": {"group_ids": [], "user_ids": []}, "write": {"group_ids": [], "user_ids": []}}
    assert server.models["m"]["access_grants" if server.can().access_grants else "access_control"] == (
        [] if server.can().access_grants else private
    )
    access = {"read": {"groups": ["pupils"], "users": ["anna@example.org"]}, "write": {"groups": ["teachers"]}}
    for desired in ({"id": "m", "access": access}, {"id": "m", "access": {"public": True}}, {"id": "m", "access": {}}):
        result = models(server, desired)
        assert [step["fields"] for step in result["plan"]] == [["access"]]
        assert not models(server, desired)["changed"]


def test_skills_are_refused_where_there_are_none() -> None:
    with pytest.raises(Failure, match=r"skills need Open WebUI 0\.8 or newer, and the server is 0\.6\.43; leave them"):
        models(webui(OLD), {"id": "m", "skills": ["s"]})
    assert models(webui(MIDDLE), {"id": "m", "skills": ["s"]})["changed"]


def preset(**more: Any) -> dict[str, Any]:
    return {"id": "preset", "base_model": "base", "access": {"read": {"groups": ["pupils"]}}, **more}


@pytest.mark.parametrize(
    ("version", "has_row", "asks"),
    [
        (OLD, True, False),
        (MIDDLE, True, False),
        (TENTH, True, True),
        (TENTH, False, False),
        (NEW, True, True),
        (NEW, False, True),
    ],
)
def test_a_base_is_opened_only_where_the_version_asks_for_it(version: str, has_row: bool, asks: bool) -> None:
    server = webui(version)
    if has_row:
        server.add_model("base")
    warned = models(server, preset()).get("warnings", [])
    assert bool(warned) is asks
    assert all("its base model base is not" in words for words in warned)
    server.forget()
    result = models(server, preset(grant_base=True))
    assert result["changed"] is asks
    assert "POST models/model/update" not in server.requests, "the preset itself was as wanted"
    assert "warnings" not in result
    assert not models(server, preset(grant_base=True))["changed"]
    if asks:
        assert server.models["base"]["access_grants"] == [PUPILS]
        assert server.models["base"]["meta"] == ({} if has_row else {"hidden": True})


def test_a_base_that_people_may_use_by_a_group_is_not_warned_of() -> None:
    server = webui(NEW)
    server.add_model("base", access_grants=[PUPILS])
    access = {"read": {"users": ["anna@example.org"]}}
    assert "warnings" not in models(server, preset(access=access))
    server.models["base"]["access_grants"] = []
    assert "anna@example.org" in models(server, preset(access=access))["warnings"][0]


def test_a_base_that_nothing_offers_is_warned_of_when_it_is_new() -> None:
    server = webui(NEW)
    all_desired = [{"id": "a", "base_model": "tiny"}, {"id": "b", "base_model": "a"}, {"id": "c", "base_model": "base"}]
    assert models(server, *all_desired)["warnings"] == [
        "The model a is based on tiny, which no connection offers now (there is tiny:latest); it answers once one does."
    ]
    server.forget()
    assert "warnings" not in models(server, *all_desired)
    assert server.asked() == ["GET models/all"]


def test_a_conflict_is_retried_once() -> None:
    server = webui(NEW)
    server.add_model("m")
    server.once[UPDATE] = [CONFLICT]
    assert models(server, {"id": "m", "name": "M"})["changed"]
    server.once[UPDATE] = [CONFLICT] * 2
    with pytest.raises(Failure, match="Cannot update the model m: another client is changing it at the same time"):
        models(server, {"id": "m", "name": "N"})
    assert server.once[UPDATE] == []


def test_prompts_of_0_6_are_known_by_their_command_and_stay_closed() -> None:
    server = webui(OLD)
    access = {"read": {"groups": ["pupils"]}}
    odd = "a?b#c%20ä"
    for command in ("summary", odd):
        made = {"command": command, "name": "N", "content": "c", "access": access}
        assert prompts(server, made)["changed"]
        assert not prompts(server, made)["changed"]
    assert prompts(server, {"command": f"/{odd}", "content": "new"})["changed"]
    control = {"read": {"group_ids": ["g1"], "user_ids": []}, "write": {"group_ids": [], "user_ids": []}}
    assert server.prompts[f"/{odd}"] == {
        "command": f"/{odd}",
        "title": "N",
        "content": "new",
        "access_control": control,
    }
    result = prompts(server, {"command": odd, "access": {"public": True}})
    assert [step["fields"] for step in result["plan"]] == [["access"]]
    assert server.prompts[f"/{odd}"]["access_control"] is None
    assert result["prompts"][0]["command"] == odd
    prompts(server, {"command": odd, "state": "absent"})
    assert set(server.prompts) == {"/summary"}


@pytest.mark.parametrize("command", [".", ".."])
def test_a_prompt_that_no_address_of_0_6_can_hold_is_refused(command: str) -> None:
    with pytest.raises(Failure, match="which the addresses of this server cannot hold before"):
        prompts(webui(OLD), {"command": command, "content": "x"})
    assert prompts(webui(MIDDLE), {"command": command, "content": "x"})["changed"]


def test_prompts_of_0_6_have_no_tags_and_cannot_be_switched_off() -> None:
    with pytest.raises(Failure) as told:
        prompts(webui(OLD), {"command": "c", "content": "x", "tags": ["t"], "active": False})
    assert told.value.details["problems"] == [
        "Entry 1 (c): tags needs Open WebUI 0.8 or newer, and the server is 0.6.43; leave it out.",
        "Entry 1 (c): active needs Open WebUI 0.8 or newer, and the server is 0.6.43; leave it out.",
    ]


@pytest.mark.parametrize("version", [MIDDLE, TENTH, NEW])
def test_prompts_that_are_off_are_found_in_pages_that_repeat_each_other(version: str) -> None:
    server = webui(version)
    made = [{"command": f"c{number}", "content": "x", "active": number % 2 == 0} for number in range(6)]
    # One by one, because what the pages repeat depends on the order of the prompts.
    for each in made:
        prompts(server, each)
    server.forget()
    assert not prompts(server, *made)["changed"]
    assert server.asked() == ["GET prompts/", *["GET prompts/list"] * 5]
    assert [row["is_active"] for row in server.prompts.values()] == [True, False] * 3
    prompts(server, made[0], purge=True)
    assert [row["command"] for row in server.prompts.values()] == ["c0"]


def test_a_toggle_looks_first() -> None:
    """Somebody else may have switched it meanwhile, and a flip would undo that."""
    server = webui(NEW)
    prompts(server, {"command": "c", "content": "x"})
    row = next(iter(server.prompts.values()))

    def late(call: Call) -> None:
        if call.name == "GET prompts/":
            row["is_active"] = False

    server.after = late
    assert prompts(server, {"command": "c", "active": False})["changed"]
    assert "POST prompts/id/id-0/toggle" not in server.requests


@pytest.mark.parametrize(
    ("version", "taken"), [("0.6.43", True), ("0.11.3", True), ("0.11.4", False), ("0.12.4", False)]
)
def test_ids_of_models_hold_blanks_before_0_11_4(version: str, taken: bool) -> None:
    server = webui(version)
    asked = {"id": "Gemini 3 Pro", "access": {"public": True}}
    if taken:
        assert models(server, asked)["changed"]
        assert not models(server, asked)["changed"]
    else:
        with pytest.raises(Failure, match="Open WebUI accepts no blanks since"):
            models(server, asked)
        server.add_model("Gemini 3 Pro")
        with pytest.raises(Failure, match=r"its id holds a blank, and since .* Open WebUI only deletes"):
            models(server, asked)
    assert models(server, {"id": "Gemini 3 Pro", "state": "absent"})["changed"]
    assert server.models == {}


def test_a_base_model_with_a_blank_in_its_id_cannot_be_opened_since_0_11_4() -> None:
    server = webui("0.11.4")
    preset = {"id": "tutor", "base_model": "Gemini 3 Pro", "grant_base": True, "access": {"public": True}}
    with pytest.raises(Failure, match="grant_base would write the base model 'Gemini 3 Pro', whose id holds a blank"):
        models(server, preset)
    assert server.models == {}
    assert models(webui("0.11.3"), preset)["changed"]
