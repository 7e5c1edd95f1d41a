"""Valves of tools and functions on a real Open WebUI: merged, judged, and never shown where they are secrets."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from code_objects import FILTER, PIPE, SECRET, TOOL, clear, every, make, records, remove, set_valves, valves
from conftest import Webui
from recorder import Recorder
from runner import fail, hides, killed_in_writes, quadruple, sentence, succeed, unchanged


@pytest.fixture(autouse=True)
def _nothing_there(webui: Webui) -> Iterator[None]:
    yield
    clear(webui)


@pytest.mark.parametrize("kind", ["tool", "function"])
def test_valves_are_merged_and_secrets_are_never_shown(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], kind: str
) -> None:
    code = {"tool": TOOL, "function": FILTER.replace("token", "api_key").replace("depth", "count")}[kind]
    said = {"id": "mine", "content": code, "valves": {"api_key": SECRET, "count": 7}}
    runs = quadruple(f"webui_{kind}", by_token(**said), recorder, lambda: every(webui, kind))
    assert valves(webui, kind, "mine") == {"api_key": SECRET, "count": 7}
    for result in (runs.foreseen, runs.done, runs.again):
        hides(result, SECRET)
    assert runs.again[kind]["valves"] == {"api_key": "********", "count": 7}
    runs = quadruple(f"webui_{kind}", by_token(id="mine", valves={"count": 8}), recorder, lambda: every(webui, kind))
    assert valves(webui, kind, "mine") == {"api_key": SECRET, "count": 8}
    hides(runs.done, SECRET)
    other = quadruple(f"webui_{kind}", by_token(id="mine", valves={"api_key": SECRET + "2"}), recorder)
    assert valves(webui, kind, "mine") == {"api_key": SECRET + "2", "count": 8}
    hides(other.done, SECRET)
    quadruple(f"webui_{kind}", by_token(id="mine", valves={"count": None}), recorder, lambda: every(webui, kind))
    assert valves(webui, kind, "mine") == {"api_key": SECRET + "2"}
    # Code and valves that it brings, in one run.
    newer = code.replace("count: int", "added: int = 1\n        count: int")
    quadruple(f"webui_{kind}", by_token(id="mine", content=newer, valves={"added": 2}), recorder)
    assert valves(webui, kind, "mine") == {"api_key": SECRET + "2", "added": 2}


def test_what_the_code_asks_for_as_a_password_is_hidden_too(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    make(webui, "tool", "mine")
    set_valves(webui, "tool", "mine", pin=SECRET, place="here")
    result = succeed("webui_tool", by_token(id="mine", valves={"loud": True}))
    hides(result, SECRET)
    assert result["tool"]["valves"] == {"pin": "********", "place": "here", "loud": True}
    # As little of code that is not there yet, and in what Ansible tells of the options.
    for check in (True, False):
        result = succeed("webui_tool", by_token(id="new", content=TOOL, valves={"pin": SECRET}), check=check)
        hides(result, SECRET)
    result = succeed("webui_tool", by_token(id="new", valves={"pin": SECRET + "2"}))
    hides(result, SECRET)
    assert valves(webui, "tool", "new") == {"pin": SECRET + "2"}


def test_code_that_does_not_load_any_more_can_be_replaced_with_its_valves(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    make(webui, "tool", "mine")
    broken = {"detail": "[ERROR: No module named 'gone']"}
    recorder.answer("GET /api/v1/tools/id/mine/valves/spec", broken, status=500, times=1)
    assert "Cannot read the valves spec of mine" in sentence("webui_tool", by_token(id="mine", valves={"count": 1}))
    recorder.answer("GET /api/v1/tools/id/mine/valves/spec", broken, status=500, times=1)
    succeed("webui_tool", by_token(id="mine", content=TOOL + "#", valves={"count": 1}))
    assert valves(webui, "tool", "mine") == {"count": 1}


WRONG_VALVES = [
    ({"cuont": 1}, "valves.cuont is not a valve of the code; did you mean count?"),
    ({"zzz": 1}, "valves.zzz is not a valve of the code; it has api_key, count, loud, pin, place, ratio, unit"),
    ({"count": "7"}, "valves.count is a text, but the code needs a whole number"),
    ({"count": True}, "valves.count is true or false, but the code needs a whole number"),
    ({"loud": 1}, "valves.loud is a whole number, but the code needs true or false"),
    ({"place": 1}, "valves.place is a whole number, but the code needs a text or null"),
    ({"unit": "k"}, "valves.unit is a text, but the code needs one of 'c', 'f'"),
    ({"api_key": ["sk-in-a-list"]}, "valves.api_key is a list, but the code needs a text"),
]


@pytest.mark.parametrize(("given", "words"), WRONG_VALVES)
def test_wrong_valves_are_named_and_nothing_is_written(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], given: dict[str, Any], words: str
) -> None:
    make(webui, "tool", "mine")
    set_valves(webui, "tool", "mine", count=1, api_key=SECRET)
    recorder.clear()
    for check in (True, False):
        result = fail("webui_tool", by_token(id="mine", valves=given), check=check)
        assert words in result["msg"]
        hides(result, SECRET)
    assert recorder.writes() == []
    # What is new is not left half made.
    message = sentence("webui_tool", by_token(id="new", content=TOOL, valves=given))
    assert words.partition(";")[0] in message
    assert set(records(webui, "tool")) == {"mine"}


def test_a_valve_that_new_code_requires_is_asked_for_and_the_code_taken_back(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    needing = TOOL.replace('api_key: str = ""', "api_key: str")
    said = by_token(id="mine", content=needing, valves={"count": 1})
    assert "valves.api_key is missing, and the code has no default for it; set it" in sentence("webui_tool", said)
    assert records(webui, "tool") == {}
    assert "the code has no class Valves" in sentence("webui_function", by_token(id="p", content=PIPE, valves={"a": 1}))
    assert records(webui, "function") == {}


@pytest.mark.feature("prompt_drafts")
def test_code_that_the_present_valves_do_not_fit_is_refused(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    needing = TOOL.replace('api_key: str = ""', "api_key: str")
    succeed("webui_tool", by_token(id="mine", content=needing, valves={"api_key": SECRET}))
    refused = needing.replace("count: int", "count: str")
    set_valves(webui, "tool", "mine", api_key=SECRET, count=3)
    message = sentence("webui_tool", by_token(id="mine", content=refused))
    assert "update the tool mine" in message
    assert records(webui, "tool")["mine"]["content"] == needing


def test_runs_that_are_killed_are_finished_by_the_next(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    dice = random.Random(5)
    functions: list[dict[str, Any]] = [
        {"id": f"f{number}", "content": FILTER, "valves": {"depth": number}, "active": True, "global": True}
        for number in range(6)
    ]
    given = by_token(functions=functions, workers=3)
    for _run in range(3):
        for one in records(webui, "function"):
            remove(webui, "function", one)
        make(webui, "function", "foreign")
        writes = dice.randint(1, 20)
        at_work = killed_in_writes("webui_functions", given, recorder, writes)
        assert at_work, f"the run had ended before its write {writes}"
        succeed("webui_functions", given)
        unchanged("webui_functions", given, recorder)
        state = every(webui, "function")
        assert set(state) == {"foreign", *(each["id"] for each in functions)}
        for each in functions:
            now = state[each["id"]]
            assert (now["valves"], now["is_active"], now["is_global"]) == (each["valves"], True, True)
        assert (state["foreign"]["is_active"], state["foreign"]["valves"]) == (False, {})
