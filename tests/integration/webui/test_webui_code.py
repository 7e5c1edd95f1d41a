"""Tools, functions and skills on a real Open WebUI: what their modules have in common, and what each has besides."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from code_objects import CODE, FILTER, HOSTILE, PATHS, PIPE, TOOL, clear, every, make, records
from conftest import Refused, Webui
from recorder import Recorder
from runner import fail, quadruple, sentence, succeed, unchanged

KINDS = ["tool", "function", pytest.param("skill", marks=pytest.mark.feature("skills"))]


@pytest.fixture(autouse=True)
def _nothing_there(webui: Webui) -> Iterator[None]:
    yield
    clear(webui)


@pytest.mark.parametrize("kind", KINDS)
def test_one_is_made_changed_and_removed(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], kind: str
) -> None:
    make(webui, kind, "foreign", name="Foreign")
    module, said = f"webui_{kind}", {"id": "Mine", "name": "Mine!", "content": CODE[kind], "description": "Of mine"}
    runs = quadruple(module, by_token(**said), recorder, lambda: every(webui, kind))
    assert runs.again[kind]["id"] == "mine"
    made = every(webui, kind)["mine"]
    assert (made["name"], made["content"]) == ("Mine!", CODE[kind])
    assert (made["description"] or made["meta"]["description"]) == "Of mine"
    assert made.get("access", set()) == set()
    changed = CODE[kind] + "\n# changed\r\n"
    quadruple(module, by_token(id="mine", content=changed), recorder, lambda: every(webui, kind))
    after = every(webui, kind)["mine"]
    assert (after["content"], after["name"]) == (changed, "Mine!")
    assert (after["description"] or after["meta"]["description"]) == "Of mine"
    quadruple(module, by_token(id="mine", description=""), recorder, lambda: every(webui, kind))
    quadruple(module, by_token(id="MINE", state="absent"), recorder, lambda: every(webui, kind))
    assert set(every(webui, kind)) == {"foreign"}


READS = {
    "tool": ["GET /api/v1/tools/export"],
    "function": ["GET /api/v1/functions/export?include_valves=true"],
    "skill": ["GET /api/version", "GET /api/v1/skills/", "GET /api/v1/skills/export"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_requests_are_few(webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], kind: str) -> None:
    said = by_token(id="mine", content=CODE[kind], description="d")
    recorder.clear()
    succeed(f"webui_{kind}", said)
    assert recorder.writes() == [f"POST /api/v1/{PATHS[kind]}/create"]
    unchanged(f"webui_{kind}", said, recorder)
    assert recorder.seen() == READS[kind]
    recorder.clear()
    succeed(f"webui_{kind}", by_token(id="mine", name="Other"))
    assert recorder.writes() == [f"POST /api/v1/{PATHS[kind]}/id/mine/update"]


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[2]])
def test_one_is_seen_by_a_member_of_the_group_only(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], kind: str
) -> None:
    tokens = {name: webui.add_user(f"{name}@example.org") for name in ("anna", "ben")}
    pupils = webui.add_group("pupils", "anna@example.org")

    def seen(name: str) -> list[Any]:
        headers = {"Authorization": f"Bearer {tokens[name]}"}
        request = urllib.request.Request(f"{webui.url}/api/v1/{PATHS[kind]}/", headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return [one["id"] for one in json.load(answer)]

    said = by_token(id="mine", content=CODE[kind], access={"read": {"groups": ["pupils"]}})
    quadruple(f"webui_{kind}", said, recorder, lambda: every(webui, kind))
    assert every(webui, kind)["mine"]["access"] == {("group", pupils, "read")}
    assert (seen("anna"), seen("ben")) == (["mine"], [])
    quadruple(f"webui_{kind}", by_token(id="mine", access={"public": True}), recorder, lambda: every(webui, kind))
    assert (seen("anna"), seen("ben")) == (["mine"], ["mine"])
    # What else changes leaves access as it is.
    quadruple(f"webui_{kind}", by_token(id="mine", name="Other"), recorder, lambda: every(webui, kind))
    assert seen("ben") == ["mine"]
    quadruple(f"webui_{kind}", by_token(id="mine", access={}), recorder, lambda: every(webui, kind))
    assert (seen("anna"), seen("ben")) == ([], [])
    wrong = by_token(id="new", content=CODE[kind], access={"read": {"groups": ["nobody"]}})
    assert "there is no group 'nobody'" in sentence(f"webui_{kind}", wrong)


def test_a_pipe_that_is_made_active_is_a_model_and_answers(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    def models() -> list[Any]:
        request = urllib.request.Request(
            f"{webui.url}/api/models?refresh=true", headers={"Authorization": f"Bearer {webui.token}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return [model["id"] for model in json.load(answer)["data"]]

    said = {"id": "mine", "content": PIPE}
    runs = quadruple("webui_function", by_token(**said), recorder, lambda: every(webui, "function"))
    assert (runs.done["function"]["type"], runs.done["function"]["active"]) == ("pipe", False)
    assert "mine" not in models()
    quadruple("webui_function", by_token(**said, active=True), recorder, lambda: every(webui, "function"))
    assert "mine" in models()
    chat = {"model": "mine", "messages": [{"role": "user", "content": "Hello"}], "stream": False}
    request = urllib.request.Request(
        f"{webui.url}/api/chat/completions",
        data=json.dumps(chat).encode(),
        headers={"Authorization": f"Bearer {webui.token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert "from the pipe" in answer.read().decode()
    quadruple("webui_function", by_token(id="mine", active=False), recorder, lambda: every(webui, "function"))
    if webui.forgets_the_last_model:
        assert "mine" not in models()


def test_switches_are_flipped_once_and_an_update_keeps_them(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    said = {"id": "mine", "content": FILTER, "active": True, "global": True}
    quadruple("webui_function", by_token(**said), recorder, lambda: every(webui, "function"))
    recorder.clear()
    succeed("webui_function", by_token(id="mine", active=False, description="d"))
    assert recorder.writes() == [f"POST /api/v1/functions/id/mine/{call}" for call in ("update", "toggle")]
    quadruple("webui_function", by_token(id="mine", content=FILTER + "\n"), recorder, lambda: every(webui, "function"))
    now = every(webui, "function")["mine"]
    assert (now["is_active"], now["is_global"]) == (False, True)
    # The code decides the kind, and may change it.
    quadruple("webui_function", by_token(id="mine", content=PIPE), recorder)
    assert every(webui, "function")["mine"]["type"] == "pipe"


@pytest.mark.feature("skills")
@pytest.mark.parametrize("active", [True, False])
def test_a_skill_is_made_and_switched_by_its_update(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], active: bool
) -> None:
    said = {"id": "mine", "content": "x", "active": active}
    quadruple("webui_skill", by_token(**said), recorder, lambda: every(webui, "skill"))
    assert every(webui, "skill")["mine"]["is_active"] is active
    version = every(webui, "skill")["mine"]["version_id"]
    quadruple("webui_skill", by_token(id="mine", active=not active), recorder, lambda: every(webui, "skill"))
    assert (every(webui, "skill")["mine"]["is_active"], every(webui, "skill")["mine"]["version_id"]) == (
        not active,
        version,
    )


@pytest.mark.feature("prompt_drafts")
def test_other_files_of_a_skill_stay(webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]) -> None:
    files = [{"path": "SKILL.md", "content": "one"}, {"path": "more.md", "content": "more"}]
    webui.call("POST", "skills/create", {"id": "mine", "name": "Mine", "files": files, "meta": {"tags": ["t"]}})
    quadruple("webui_skill", by_token(id="mine", content="two"), recorder, lambda: every(webui, "skill"))
    packed = webui.call("GET", "skills/export")[0]
    assert {each["path"]: each["content"] for each in packed["files"]} == {"SKILL.md": "two", "more.md": "more"}
    assert packed["meta"]["tags"] == ["t"]


BAD = {
    "raises": "raise RuntimeError('boom')",
    "syntax": "def (",
    "nothing": "x = 1",
    "exits": "class Tools:\n    def __init__(self):\n        raise ValueError('no')\n",
}


@pytest.mark.parametrize("kind", ["tool", "function"])
@pytest.mark.parametrize("bad", BAD)
def test_code_that_does_not_load_is_refused_in_a_sentence(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], kind: str, bad: str
) -> None:
    message = sentence(f"webui_{kind}", by_token(id="mine", content=BAD[bad]))
    assert message.startswith(f"Cannot create the {kind} mine: Open WebUI at ")
    assert "answered 400" in message
    assert records(webui, kind) == {}
    make(webui, kind, "mine")
    message = sentence(f"webui_{kind}", by_token(id="mine", content=BAD[bad]))
    assert message.startswith(f"Cannot update the {kind} mine: ")
    assert records(webui, kind)["mine"]["content"] == CODE[kind]


def test_code_that_prints_and_takes_its_time_is_stored(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    slow = "import time\nprint('hello')\ntime.sleep(2)\n" + TOOL
    quadruple("webui_tool", by_token(id="mine", content=slow), recorder, lambda: every(webui, "tool"))


def test_imports_that_the_server_writes_anew_are_no_difference(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    code = "# from utils, from main\n" + TOOL
    runs = quadruple("webui_tool", by_token(id="mine", content=code), recorder, lambda: every(webui, "tool"))
    stored = records(webui, "tool")["mine"]["content"]
    assert stored.startswith("# from open_webui.utils, from open_webui.main\n")
    assert runs.again["tool"]["content"] == stored
    unchanged("webui_tool", by_token(id="mine", content=stored), recorder)


@pytest.mark.parametrize("kind", KINDS)
def test_ten_megabytes_are_stored(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], kind: str
) -> None:
    large = CODE[kind] + "\n# " + "x" * 10_000_000
    runs = quadruple(f"webui_{kind}", by_token(id="mine", content=large), recorder)
    assert runs.again[kind]["content"] == large
    assert records(webui, kind)["mine"]["content"] == large


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_words_are_kept_to_the_letter(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], kind: str
) -> None:
    code = HOSTILE if kind == "skill" else f'x = r"""{HOSTILE}"""\n{CODE[kind]}'
    more: dict[str, Any] = {"valves": {"token": HOSTILE}} if kind == "function" else {}
    if kind == "tool" and webui.features.tool_meta:
        more = {"meta": {HOSTILE: [HOSTILE, {"a": None, "b": 1}], "own": {"x": 1}}}
    said = {"id": "mine", "name": HOSTILE, "description": HOSTILE, "content": code, **more}
    quadruple(f"webui_{kind}", by_token(**said), recorder, lambda: every(webui, kind))
    record = every(webui, kind)["mine"]
    assert (record["name"], record["content"]) == (HOSTILE, code)
    assert (record["description"] or record["meta"]["description"]) == HOSTILE
    if kind == "function":
        assert record["valves"] == {"token": HOSTILE}
    if kind == "tool" and webui.features.tool_meta:
        quadruple("webui_tool", by_token(id="mine", meta={"own": {"y": 2}}), recorder, lambda: every(webui, kind))
        assert records(webui, kind)["mine"]["meta"]["own"] == {"x": 1, "y": 2}


def test_odd_ids_are_kept_or_refused(webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]) -> None:
    odd = ["ä", "变量", "_", "x" * 255, "class", "é_1"]
    said = [{"id": one, "content": PIPE, "active": True, "name": one} for one in odd]
    quadruple("webui_functions", by_token(functions=said), recorder, lambda: every(webui, "function"))
    assert set(records(webui, "function")) == set(odd)
    gone = [{"id": one, "state": "absent"} for one in odd]
    quadruple("webui_functions", by_token(functions=gone), recorder, lambda: every(webui, "function"))


@pytest.mark.feature("skills")
def test_odd_ids_of_skills_are_kept(webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]) -> None:
    skills = ["-", "a-b_c", "9", "x" * 255]
    quadruple("webui_skills", by_token(skills=[{"id": one, "content": one} for one in skills]), recorder)
    assert set(records(webui, "skill")) == set(skills)


NEW_IDS = [
    ("tool", {"id": "a-b"}, "id is 'a-b', and the id of a new tool may hold letters, digits and underscores"),
    ("tool", {"id": "a b"}, "id is 'a b'"),
    ("tool", {"id": "../x"}, "id is '../x'"),
    ("function", {"id": "1a"}, "id is '1a'"),
    ("function", {"id": "x" * 256}, "id has more than 255 bytes; shorten it"),
    ("skill", {"id": "a b"}, "id is 'a b', and the id of a new skill may hold the letters a to z, digits, - and _"),
    ("skill", {"id": "ä"}, "id is 'ä'"),
]
WRONG = [
    ("tool", {"id": ""}, "id is empty"),
    ("tool", {"id": "a", "content": "\0"}, "content holds a NUL or half a surrogate pair"),
    ("tool", {"id": "a", "name": " "}, "name is empty"),
    (
        "tool",
        {"id": "a", "meta": {"manifest": {}}},
        "meta.manifest cannot be set; the server takes it from the code; remove it",
    ),
    (
        "function",
        {"id": "a", "meta": {"description": ""}},
        "meta.description cannot be set; use the option description",
    ),
    ("tool", {"id": "a", "src": "/nowhere.py", "remote_src": True}, "src is '/nowhere.py', which cannot be read"),
    ("skill", {"id": "a", "src": "/etc", "content": "x"}, "content and src are mutually exclusive; set one of them"),
]


@pytest.mark.parametrize(("kind", "said", "words"), WRONG)
def test_what_is_wrong_is_said_before_any_call(
    recorder: Recorder, by_token: Callable[..., dict[str, Any]], kind: str, said: dict[str, Any], words: str
) -> None:
    assert words in sentence(f"webui_{kind}", by_token(**said))
    assert recorder.requests == []


@pytest.mark.feature("skills")
@pytest.mark.parametrize(("kind", "said", "words"), NEW_IDS)
def test_the_id_of_a_new_object_is_checked_before_any_write(
    recorder: Recorder, by_token: Callable[..., dict[str, Any]], kind: str, said: dict[str, str], words: str
) -> None:
    assert words in sentence(f"webui_{kind}", by_token(**said, content="x"))
    assert recorder.writes() == []


@pytest.mark.feature("skills")
def test_a_name_of_another_skill_is_refused(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    make(webui, "skill", "theirs", name="Taken")
    message = sentence("webui_skill", by_token(id="mine", name="Taken", content="x"))
    assert "its name 'Taken' is that of the skill theirs; give another" in message
    twice = [{"id": "a", "name": "Same", "content": "x"}, {"id": "b", "name": "Same", "content": "x"}]
    assert "its name 'Same' is that of the skill b" in sentence("webui_skills", by_token(skills=twice))
    assert set(records(webui, "skill")) == {"theirs"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_names_every_bad_entry_and_purges_what_it_does_not_name(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], kind: str
) -> None:
    module, plural = f"webui_{PATHS[kind]}", PATHS[kind]
    make(webui, kind, "foreign")
    entries = [{"id": "a", "content": CODE[kind]}, {"id": "b"}, {"id": "gone", "state": "absent"}]
    result = fail(module, by_token(**{plural: entries}))
    assert result["problems"] == [f"Entry 2 (b): the {kind} is not there yet, and to make it content or src is needed."]
    assert f"entry 1 is the same {kind}" in sentence(module, by_token(**{plural: [*entries[:1], {"id": "A"}]}))
    good = [{"id": f"n{number}", "content": CODE[kind]} for number in range(6)]
    quadruple(module, by_token(**{plural: good}), recorder, lambda: every(webui, kind))
    assert len(recorder.seen()) == len(READS[kind])
    assert set(records(webui, kind)) == {"foreign", *(each["id"] for each in good)}
    quadruple(module, by_token(**{plural: good[:2], "purge": True}), recorder, lambda: every(webui, kind))
    assert set(records(webui, kind)) == {"n0", "n1"}
    assert sentence(module, by_token(**{plural: [], "purge": True})).startswith("Refusing to purge")


def test_a_tool_of_which_the_server_forgets_the_name_is_no_traceback(
    recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    recorder.answer("GET /api/v1/tools/export", {"detail": "x"})
    assert "is not Open WebUI's API" in sentence("webui_tool", by_token(id="mine"))


def test_nothing_is_lost_where_an_id_is_taken_unseen(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    make(webui, "tool", "mine")
    recorder.answer("GET /api/v1/tools/export", [], times=1)
    assert "Cannot create the tool mine" in sentence("webui_tool", by_token(id="mine", content=TOOL + "#"))
    assert records(webui, "tool")["mine"]["content"] == TOOL
    with pytest.raises(Refused):
        webui.call("GET", "tools/id/other")
