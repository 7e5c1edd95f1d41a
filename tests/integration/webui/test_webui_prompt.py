"""webui_prompt and webui_prompts on a real Open WebUI."""

from __future__ import annotations

import json
import random
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Webui, access_of
from recorder import Recorder
from runner import fail, killed_in_writes, quadruple, sentence, succeed, unchanged

by_id = pytest.mark.feature("prompts_by_id")

FIFTY = [
    {
        "command": f"p{number:02}",
        "name": "The same name",
        "content": f"Words of {number}",
        "tags": ["b", "a"],
        "active": number % 7 > 0,
        "access": {"public": number % 2 > 0, "read": {"groups": ["pupils"]}},
    }
    for number in range(50)
]
HOSTILE = "<script>alert(1)</script> '; DROP TABLE prompt; -- \x01\x1b\r\n\t\x7f\u2028 😀 \u202eRTL\u200f %s {{ x }} "
ODD = ["a?b=c&d", "a#b", "a%2fb", "ä😀", "a'\"\\b", "\u202ea", "x" * 256, "a+b", "..", "A", "a", "{{x}}"]


@pytest.fixture(autouse=True)
def _nothing_there(webui: Webui) -> None:
    remove_all(webui)


def remove_all(webui: Webui) -> None:
    for record in webui.prompts().values():
        webui.remove_prompt(record)


def every(webui: Webui) -> dict[str, Any]:
    """Return all prompts without what changes by itself, and how many versions each has, where it has any."""
    if not webui.features.prompts_by_id:
        return {
            command: {"name": record["title"], "content": record["content"], "access": access_of(record)}
            for command, record in webui.prompts().items()
        }
    found = {}
    for command, record in webui.prompts().items():
        kept = {name: record[name] for name in ("id", "name", "content", "data", "meta", "tags", "is_active")}
        versions = len(webui.call("GET", f"prompts/id/{record['id']}/history"))
        found[command] = {**kept, "access": access_of(record), "versions": versions}
    return found


def make(webui: Webui, command: str, **more: Any) -> Any:
    """Make a prompt by hand."""
    if webui.features.prompts_by_id:
        body = {"command": command, "name": command, "content": "x", **more}
    else:
        body = {"command": f"/{command}", "title": command, "content": "x"}
    return webui.call("POST", "prompts/create", body)


def fitted(webui: Webui, prompts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what may be said of prompts to this version."""
    if webui.features.prompts_by_id:
        return prompts
    said = [{name: value for name, value in prompt.items() if name not in ("tags", "active")} for prompt in prompts]
    return [
        {**prompt, "access": {"public": True}} if prompt.get("access", {}).get("public") else prompt for prompt in said
    ]


@by_id
def test_a_prompt_is_made_changed_and_removed(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    make(webui, "foreign", meta={"by_hand": 1})
    said = {"command": "/summary", "content": "Sum up:", "tags": ["b", "a", "b"]}
    runs = quadruple("webui_prompt", by_token(**said), recorder, lambda: every(webui))
    made = every(webui)["summary"]
    assert runs.again["prompt"] == {
        "id": made["id"],
        "command": "summary",
        "name": "summary",
        "content": "Sum up:",
        "tags": ["a", "b"],
        "active": True,
    }
    assert (made["access"], made["versions"]) == (set(), 1)
    assert recorder.seen() == ["GET /api/v1/prompts/", "GET /api/version"]
    quadruple("webui_prompt", by_token(command="summary", content="Other words:"), recorder, lambda: every(webui))
    changed = every(webui)["summary"]
    assert changed == {**made, "content": "Other words:", "versions": 2}
    quadruple("webui_prompt", by_token(command="summary", state="absent"), recorder, lambda: every(webui))
    assert set(every(webui)) == {"foreign"}


@by_id
def test_a_prompt_is_switched_off_and_on_without_a_version(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    said = {"command": "c", "content": "x", "active": False}
    quadruple("webui_prompt", by_token(**said), recorder, lambda: every(webui))
    assert (every(webui)["c"]["is_active"], every(webui)["c"]["versions"]) == (False, 1)
    # It is found although the first list leaves it out.
    quadruple("webui_prompt", by_token(command="c", name="C"), recorder, lambda: every(webui))
    assert (every(webui)["c"]["is_active"], every(webui)["c"]["versions"]) == (False, 2)
    for active in (True, False):
        runs = quadruple("webui_prompt", by_token(command="c", active=active), recorder, lambda: every(webui))
        assert every(webui)["c"]["is_active"] is runs.again["prompt"]["active"] is active
    assert every(webui)["c"]["versions"] == 2


@pytest.mark.feature("prompt_drafts")
def test_a_draft_of_a_human_is_left_alone(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    record = make(webui, "c", data={"a": 1})
    draft = {"command": "c", "name": "c", "content": "draft", "is_production": False}
    webui.call("POST", f"prompts/id/{record['id']}/update", draft)
    before = every(webui)
    assert before["c"]["versions"] == 2
    unchanged("webui_prompt", by_token(command="c", content="x", tags=[]), recorder)
    quadruple("webui_prompt", by_token(command="c", tags=["t"], access={"public": True}), recorder)
    assert every(webui)["c"] == {**before["c"], "tags": ["t"], "access": {("user", "*", "read")}, "versions": 3}


def test_access_is_by_names(webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]) -> None:
    token = webui.add_user("anna@example.org")
    pupils, teachers = webui.add_group("pupils", "anna@example.org"), webui.add_group("teachers")
    access = {"read": {"groups": ["pupils"]}, "write": {"groups": ["teachers"]}}
    said = {"command": "c", "content": "x", "access": access}
    quadruple("webui_prompt", by_token(**said), recorder, lambda: every(webui))
    wanted = {("group", pupils, "read"), ("group", teachers, "read"), ("group", teachers, "write")}
    assert every(webui)["c"]["access"] == wanted

    def seen() -> list[Any]:
        headers = {"Authorization": f"Bearer {token}"}
        request = urllib.request.Request(f"{webui.url}/api/v1/prompts/", headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return [prompt["command"].removeprefix("/") for prompt in json.load(answer)]

    assert seen() == ["c"]
    quadruple("webui_prompt", by_token(command="c", access={}), recorder, lambda: every(webui))
    assert every(webui)["c"]["access"] == set()
    assert every(webui)["c"].get("versions", 1) == 1
    assert seen() == []
    assert "there is no group 'nobody'" in sentence(
        "webui_prompt", by_token(command="c", access={"read": {"groups": ["nobody"]}})
    )


@by_id
def test_a_command_with_a_slash_on_the_server_is_the_same_prompt(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    old = make(webui, "/old")
    quadruple("webui_prompt", by_token(command="old", name="Old"), recorder, lambda: every(webui))
    assert webui.prompts()["old"]["id"] == old["id"]
    other = make(webui, "/old")
    message = sentence("webui_prompt", by_token(command="old", name="Older"))
    assert "which are the same command for users; delete one of them" in message
    assert old["id"] in message
    assert other["id"] in message
    # Nobody can mean one of the two, and purging removes both.
    quadruple("webui_prompts", by_token(prompts=[{"command": "x", "content": "x"}], purge=True), recorder)
    assert set(webui.prompts()) == {"x"}


def test_fifty_prompts_cost_two_requests_and_those_of_names(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    webui.add_group("pupils")
    active = fitted(webui, [{**prompt, "active": True} for prompt in FIFTY])
    quadruple("webui_prompts", by_token(prompts=active, workers=8), recorder, lambda: every(webui))
    assert recorder.seen() == ["GET /api/v1/prompts/", "GET /api/version", "GET /api/v1/groups/"]


@by_id
def test_those_that_are_switched_off_cost_two_requests_more(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    webui.add_group("pupils")
    succeed("webui_prompts", by_token(prompts=[{**prompt, "active": True} for prompt in FIFTY], workers=8))
    # Those that are switched off are in pages only, and all were made within a second or two.
    quadruple("webui_prompts", by_token(prompts=FIFTY), recorder, lambda: every(webui))
    assert len(recorder.seen("prompts/")) <= 4, recorder.seen()
    state = every(webui)
    assert {prompt["versions"] for prompt in state.values()} == {1}
    assert [command for command, prompt in sorted(state.items()) if not prompt["is_active"]] == [
        f"p{number:02}" for number in range(0, 50, 7)
    ]
    recorder.clear()
    succeed("webui_prompts", by_token(prompts=[{"command": "p00", "content": "new"}]))
    assert recorder.writes() == [f"POST /api/v1/prompts/id/{state['p00']['id']}/update"]


def test_odd_commands_and_hostile_words_are_kept_to_the_letter(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    odd = [command for command in ODD if command != ".." or webui.features.prompts_by_id]
    prompts = [
        {"command": command, "name": HOSTILE, "content": HOSTILE, "tags": [HOSTILE], "active": command != "A"}
        for command in odd
    ]
    quadruple("webui_prompts", by_token(prompts=fitted(webui, prompts)), recorder, lambda: every(webui))
    state = every(webui)
    assert set(state) == set(odd)
    assert all(
        (each["name"], each["content"], each.get("tags", [HOSTILE])) == (HOSTILE, HOSTILE, [HOSTILE])
        for each in state.values()
    )
    quadruple("webui_prompts", by_token(prompts=[{"command": c, "content": c} for c in odd]), recorder)
    assert {command: each["content"] for command, each in every(webui).items()} == {command: command for command in odd}
    gone = [{"command": command, "state": "absent"} for command in odd]
    quadruple("webui_prompts", by_token(prompts=gone), recorder, lambda: every(webui))
    assert webui.prompts() == {}


def test_a_command_that_no_address_holds_is_refused_where_it_is_one(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    said = by_token(prompts=[{"command": "..", "content": "x"}])
    if webui.features.prompts_by_id:
        assert succeed("webui_prompts", said, check=True)["changed"]
    else:
        words = "command is '..', which the addresses of this server cannot hold before Open WebUI 0.8; give another"
        assert words in sentence("webui_prompts", said)


def test_ten_megabytes_of_words_are_stored(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    large = "x😀" * 2_000_000
    runs = quadruple("webui_prompt", by_token(command="c", content=large), recorder)
    assert runs.again["prompt"]["content"] == large
    assert webui.prompts()["c"]["content"] == large


NEW_COMMANDS = [
    ({"command": ""}, "Invalid prompt: command is empty"),
    ({"command": "/"}, "command is empty"),
    ({"command": "a b"}, "command is 'a b', which nobody can type"),
    ({"command": "a/b"}, "command is 'a/b', which nobody can type"),
    ({"command": "x" * 100_000}, "command has 100000 characters; give 256 at most"),
]
WRONG = [
    ({"command": "c", "content": "\0"}, "content holds a NUL or half a surrogate pair"),
    ({"command": "c", "name": ""}, "name is empty"),
    ({"command": "c", "tags": [" "]}, "tags has an empty item"),
]


@pytest.mark.parametrize(("said", "words"), WRONG)
def test_what_is_wrong_is_said_before_any_call(
    recorder: Recorder, by_token: Callable[..., dict[str, Any]], said: dict[str, Any], words: str
) -> None:
    assert words in sentence("webui_prompt", by_token(**said))
    assert recorder.requests == []


@pytest.mark.parametrize(("said", "words"), NEW_COMMANDS)
def test_the_command_of_a_new_prompt_is_checked_before_any_write(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], said: dict[str, str], words: str
) -> None:
    assert words in sentence("webui_prompt", by_token(**said, content="x"))
    assert recorder.writes() == []


def test_every_bad_entry_is_named(webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]) -> None:
    prompts = [
        {"command": "good", "content": "x"},
        {"command": "new"},
        {"command": "c", "content": "x", "access": {"read": {"users": ["nobody@example.org"]}}},
        {"command": "gone", "state": "absent"},
    ]
    result = fail("webui_prompts", by_token(prompts=prompts))
    assert result["problems"] == [
        "Entry 2 (new): the prompt is not there yet, and to make it content is needed.",
        "Entry 3 (c): there is no account 'nobody@example.org' on the server; create it first.",
    ]
    assert not recorder.writes()
    twice = [{"command": "c", "content": "x"}, {"command": "/c", "content": "y"}]
    assert "entry 1 is the same prompt" in sentence("webui_prompts", by_token(prompts=twice))
    assert sentence("webui_prompts", by_token(prompts=prompts[3:], purge=True)).startswith("Refusing to purge")


def expected_access(webui: Webui, group: str, *, public: bool) -> set[tuple[str, str, str]]:
    """Return who may read; before 0.8 it is everybody or those who are named."""
    named, everybody = {("group", group, "read")}, {("user", "*", "read")} if public else set()
    return named | everybody if webui.features.access_grants else everybody or named


def test_a_run_that_is_killed_is_finished_by_the_next(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    pupils = webui.add_group("pupils")
    dice = random.Random(7)
    for _run in range(3):
        remove_all(webui)
        make(webui, "p03", is_active=False)
        make(webui, "foreign")
        prompts = fitted(webui, FIFTY[:10])
        given = by_token(prompts=prompts, workers=3)
        writes = dice.randint(1, 10)
        at_work = killed_in_writes("webui_prompts", given, recorder, writes)
        assert at_work, f"the run had ended before its write {writes}"
        succeed("webui_prompts", given)
        assert not succeed("webui_prompts", given)["changed"]
        state = every(webui)
        assert set(state) == {prompt["command"] for prompt in prompts} | {"foreign"}
        for prompt in prompts:
            record = state[prompt["command"]]
            assert record["content"] == prompt["content"]
            assert record.get("is_active") == prompt.get("active")
            assert record["access"] == expected_access(webui, pupils, public=prompt["access"]["public"])
