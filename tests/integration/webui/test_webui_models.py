"""webui_models on a real Open WebUI: many models in one run, whatever their ids, and a run that dies halfway."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Webui, access_of
from recorder import Recorder
from runner import fail, killed_in_writes, quadruple, sentence, succeed, unchanged

BASE = "llama3.2:3b"
FIFTY: list[dict[str, Any]] = [
    {
        "id": f"preset-{number:02}",
        "base_model": BASE,
        "system": f"You are number {number}.",
        "params": {"temperature": number / 100},
        "tags": ["fifty"],
        "active": number % 5 > 0,
        "access": {"read": {"groups": ["pupils"], "users": ["anna@example.org"]}, "write": {"groups": ["teachers"]}},
    }
    for number in range(50)
]
ODD = ["a/b", "a?b=c&d", "a#b", "a%2fb", "ä😀", "a'\"\\b", "\u202ea", "x" * 256, "a+b", "..", "%s", "{{x}}"]


@pytest.fixture(autouse=True)
def _nothing_there(webui: Webui) -> None:
    for record in webui.models():
        webui.call("POST", "models/model/delete", {"id": record["id"]})


@pytest.fixture
def school(webui: Webui) -> dict[str, Any]:
    webui.add_user("anna@example.org")
    return {name: webui.add_group(name) for name in ("pupils", "teachers")}


def every(webui: Webui) -> dict[str, Any]:
    """Return all models without what changes by itself."""
    found = {}
    for record in webui.models():
        changing = ("updated_at", "created_at", "version_id", "access_grants", "access_control")
        kept = {name: value for name, value in record.items() if name not in changing}
        found[record["id"]] = {**kept, "access": access_of(record)}
    return found


def reads(webui: Webui) -> list[str]:
    """Return the calls that read the models."""
    lists = ("all",) if webui.features.all_models else ("base", "export")
    return ["GET /api/version", *(f"GET /api/v1/models/{name}" for name in lists)]


def make(webui: Webui, model_id: str, **more: Any) -> Any:
    body = {"id": model_id, "name": model_id, "meta": {}, "params": {}, **more}
    return webui.call("POST", "models/create", body)


def test_fifty_presets_cost_four_requests_when_as_wanted(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], school: dict[str, Any]
) -> None:
    make(webui, "foreign", meta={"by_hand": 1})
    runs = quadruple("webui_models", by_token(models=FIFTY), recorder, lambda: every(webui))
    assert sorted(recorder.seen()) == sorted([*reads(webui), "GET /api/v1/groups/", "GET /api/v1/users/all"])
    state = every(webui)
    assert len(state) == 51
    assert state["preset-07"]["params"] == {"temperature": 0.07, "system": "You are number 7."}
    assert [model["id"] for model in runs.done["models"] if not model["active"]] == [
        f"preset-{number:02}" for number in range(0, 50, 5)
    ]
    recorder.clear()
    succeed("webui_models", by_token(models=[{"id": "preset-01", "system": "x"}]))
    assert recorder.writes() == ["POST /api/v1/models/model/update"]


def test_without_access_two_requests_do(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    plain = [{name: value for name, value in preset.items() if name != "access"} for preset in FIFTY]
    succeed("webui_models", by_token(models=plain, workers=8))
    unchanged("webui_models", by_token(models=plain), recorder)
    assert recorder.seen() == reads(webui)


def test_odd_ids_are_models_like_others(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    models = [{"id": model_id, "name": "n", "base_model": ODD[number - 1]} for number, model_id in enumerate(ODD)]
    runs = quadruple("webui_models", by_token(models=models), recorder, lambda: every(webui))
    assert [model["id"] for model in runs.again["models"]] == ODD
    changed = [
        {"id": model_id, "description": model_id, "active": False, "access": {"public": True}} for model_id in ODD
    ]
    quadruple("webui_models", by_token(models=changed), recorder)
    state = every(webui)
    assert {(key, record["meta"]["description"], record["is_active"]) for key, record in state.items()} == {
        (model_id, model_id, False) for model_id in ODD
    }
    assert all(record["access"] == {("user", "*", "read")} for record in state.values())
    gone = [{"id": model_id, "state": "absent"} for model_id in ODD]
    quadruple("webui_models", by_token(models=gone), recorder, lambda: every(webui))
    assert every(webui) == {}


def test_purge_removes_rows_and_keeps_what_presets_are_based_on(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], school: dict[str, Any]
) -> None:
    for model_id, base in (("a", "b"), ("b", "c"), ("c", None), ("d", None), ("e", "a")):
        make(webui, model_id, base_model_id=base)
    models = [{"id": "a", "description": "kept"}, {"id": "new", "base_model": BASE}]
    runs = quadruple("webui_models", by_token(models=models, purge=True), recorder, lambda: every(webui))
    assert runs.done["kept"] == runs.again["kept"] == ["b", "c"]
    assert [(step["action"], step["name"]) for step in runs.done["plan"]] == [
        ("update", "a"),
        ("create", "new"),
        ("delete", "d"),
        ("delete", "e"),
    ]
    assert set(every(webui)) == {"a", "b", "c", "new"}


@pytest.mark.parametrize("models", [[], [{"id": "a", "state": "absent"}]])
def test_a_purge_that_would_remove_all_is_refused(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], models: list[Any]
) -> None:
    make(webui, "a")
    assert sentence("webui_models", by_token(models=models, purge=True)).startswith("Refusing to purge: models")
    assert recorder.requests == []


def test_every_bad_entry_is_named_before_anything_is_written(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    twice = [webui.add_group("twice"), webui.add_group("twice")]
    models = [
        {"id": "good"},
        {"id": "bad 1", "name": " "},
        {"id": "good", "params": {"n": 2**70}},
        {"id": "gone", "state": "absent", "name": " "},
    ]
    result = fail("webui_models", by_token(models=models))
    assert result["msg"].startswith("Nothing was changed: 2 of 4 models are invalid: entry 2 (bad 1): ")
    assert len(result["problems"]) == 3
    assert "it is listed twice (entry 1 is the same model)" in result["msg"]
    assert recorder.requests == []
    models = [
        {"id": "a", "access": {"read": {"groups": ["nobody"], "users": ["x@example.org"]}}},
        {"id": "b", "access": {"write": {"groups": ["twice"]}}, "knowledge": ["nowhere"]},
    ]
    result = fail("webui_models", by_token(models=models))
    assert [problem.partition(":")[0] for problem in result["problems"]] == [
        "Entry 1 (a)",
        "Entry 1 (a)",
        "Entry 2 (b)",
        "Entry 2 (b)",
    ]
    for words in (*twice, "'nobody'", "'x@example.org'", "'nowhere'"):
        assert words in result["msg"]
    assert not recorder.writes()


@pytest.mark.feature("base_row")
def test_a_base_model_that_the_list_closes_is_not_opened(
    recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    models = [
        {"id": "base", "access": {"public": False}},
        {"id": "c", "base_model": "base", "access": {"public": True}, "grant_base": True},
        {"id": "gone", "state": "absent"},
        {"id": "d", "base_model": "gone", "access": {"public": True}, "grant_base": True},
    ]
    result = fail("webui_models", by_token(models=models))
    assert [problem.partition(":")[0] for problem in result["problems"]] == ["Entry 2 (c)", "Entry 4 (d)"]
    assert "would open the base model base to everybody, but that is listed with an access of its own" in result["msg"]
    assert "grant_base needs the base model gone, which is listed as absent" in result["msg"]
    assert not recorder.writes()


@pytest.mark.feature("base_row")
def test_presets_side_by_side_open_one_base_to_all_of_their_readers(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    groups = {webui.add_group(f"g{number}"): number for number in range(6)}
    presets = [
        {"id": f"p{number}", "base_model": "shared", "access": {"read": {"groups": [f"g{number}"]}}, "grant_base": True}
        for number in groups.values()
    ]
    quadruple("webui_models", by_token(models=presets, workers=6), recorder, lambda: every(webui))
    assert every(webui)["shared"]["access"] == {("group", group, "read") for group in groups}
    # A base that is listed is written first, and what it says of access holds.
    webui.call("POST", "models/model/delete", {"id": "shared"})
    listed = [*presets, {"id": "shared", "description": "d", "hidden": False}]
    quadruple("webui_models", by_token(models=listed, workers=6, purge=True), recorder, lambda: every(webui))
    assert every(webui)["shared"]["access"] == {("group", group, "read") for group in groups}
    public = [*presets, {"id": "shared", "access": {"public": True}}]
    quadruple("webui_models", by_token(models=public), recorder, lambda: every(webui))
    assert every(webui)["shared"]["access"] == {("user", "*", "read")}


def test_a_run_that_is_killed_is_finished_by_the_next(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], school: dict[str, Any]
) -> None:
    dice = random.Random(4)
    for number in range(4):
        for record in webui.models():
            webui.call("POST", "models/model/delete", {"id": record["id"]})
        make(webui, "preset-03", meta={"by_hand": 1}, is_active=False)
        make(webui, "foreign")
        models = [{**preset, "base_model": "shared", "grant_base": True} for preset in FIFTY[:12]]
        writes = dice.randint(1, 11)
        assert killed_in_writes("webui_models", by_token(models=models, workers=3), recorder, writes), (number, writes)
        succeed("webui_models", by_token(models=models))
        assert not succeed("webui_models", by_token(models=models))["changed"]
        state = every(webui)
        opened = {"shared"} & set(state)
        assert bool(opened) == webui.features.base_row
        assert set(state) == {preset["id"] for preset in models} | {"foreign"} | opened
        assert state["preset-03"]["meta"]["by_hand"] == 1
        for preset in models:
            record = state[preset["id"]]
            assert (record["is_active"], record["params"]["system"]) == (preset["active"], preset["system"])
            assert len(record["access"]) == 4
        assert all(len(state[base]["access"]) == 3 for base in opened)
