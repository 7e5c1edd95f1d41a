"""Tools, functions and skills on a real Open WebUI: what their modules have in common, and what each has besides."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
import urllib.request
from urllib.parse import quote

import pytest
from conftest import Refused, access_of
from runner import BYTECODE, COLLECTIONS, MODULES, fail, hides, quadruple, sentence, succeed, unchanged

TOOL = '''"""
title: Weather
"""
from pydantic import BaseModel, Field
from typing import Optional, Literal


class Tools:
    class Valves(BaseModel):
        count: int = Field(default=3)
        ratio: float = 0.5
        loud: bool = False
        api_key: str = ""
        place: Optional[str] = None
        unit: Literal["c", "f"] = "c"
        pin: str = Field(default="", json_schema_extra={"input": {"type": "password"}})

    def weather(self, place: str) -> str:
        """Tell the weather."""
        return place
'''
PIPE = """class Pipe:
    def pipe(self, body):
        return "from the pipe"
"""
FILTER = """from pydantic import BaseModel


class Filter:
    class Valves(BaseModel):
        token: str = ""
        depth: int = 1

    def inlet(self, body):
        return body
"""
HOSTILE = "<script>alert(1)</script> '; DROP TABLE tool; -- \x01\x1b\r\n\t\x7f\u2028 😀 \u202eRTL\u200f %s {{ x }} "
PATHS = {"tool": "tools", "function": "functions", "skill": "skills"}
CODE = {"tool": TOOL, "function": FILTER, "skill": "# How to"}
SECRET = "sk-not-to-be-shown-anywhere"


@pytest.fixture(autouse=True)
def _nothing_there(webui):
    yield
    for kind in PATHS:
        for record in records(webui, kind).values():
            remove(webui, kind, record["id"])


def remove(webui, kind, one):
    webui.call("DELETE", f"{PATHS[kind]}/id/{quote(one, safe='')}/delete")


def records(webui, kind):
    """Return all of a kind by id, with code or words."""
    listed = webui.call("GET", "functions/export" if kind == "function" else f"{PATHS[kind]}/")
    at = f"{PATHS[kind]}/id/"
    return {one["id"]: webui.call("GET", at + quote(one["id"], safe="")) for one in listed}


def valves(webui, kind, one):
    return webui.call("GET", f"{PATHS[kind]}/id/{quote(one, safe='')}/valves")


def every(webui, kind):
    """Return all of a kind as far as a module may change it, with how many versions each has."""
    found = {}
    for one, record in records(webui, kind).items():
        at = f"{PATHS[kind]}/id/{quote(one, safe='')}"
        kept = {
            name: record.get(name)
            for name in ("name", "content", "meta", "description", "type", "is_active", "is_global", "version_id")
        }
        if kind != "function":
            kept["access"] = access_of(record)
        if kind != "skill":
            kept["valves"] = webui.call("GET", f"{at}/valves")
        found[one] = kept
    return found


def make(webui, kind, one, **more):
    body = {"id": one, "name": one, "content": CODE[kind], "meta": {}, **more}
    return webui.call("POST", f"{PATHS[kind]}/create", body)


def set_valves(webui, kind, one, **given):
    webui.call("POST", f"{PATHS[kind]}/id/{one}/valves/update", given)


@pytest.mark.parametrize("kind", PATHS)
def test_one_is_made_changed_and_removed(webui, recorder, by_token, kind):
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


@pytest.mark.parametrize("kind", PATHS)
def test_requests_are_few(webui, recorder, by_token, kind):
    said = by_token(id="mine", content=CODE[kind], description="d")
    recorder.clear()
    succeed(f"webui_{kind}", said)
    assert recorder.writes() == [f"POST /api/v1/{PATHS[kind]}/create"]
    unchanged(f"webui_{kind}", said, recorder)
    assert recorder.seen() == READS[kind]
    recorder.clear()
    succeed(f"webui_{kind}", by_token(id="mine", name="Other"))
    assert recorder.writes() == [f"POST /api/v1/{PATHS[kind]}/id/mine/update"]


@pytest.mark.parametrize("kind", ["tool", "skill"])
def test_one_is_seen_by_a_member_of_the_group_only(webui, recorder, by_token, kind):
    tokens = {name: webui.add_user(f"{name}@example.org") for name in ("anna", "ben")}
    pupils = webui.add_group("pupils", "anna@example.org")

    def seen(name):
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
    foreseen = succeed(f"webui_{kind}", {**wrong, "foreseen": {"groups": ["nobody"]}}, check=True)
    assert foreseen["changed"]


def test_a_pipe_that_is_made_active_is_a_model_and_answers(webui, recorder, by_token):
    def models():
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
    assert "mine" not in models()


def test_switches_are_flipped_once_and_an_update_keeps_them(webui, recorder, by_token):
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


@pytest.mark.parametrize("active", [True, False])
def test_a_skill_is_made_and_switched_by_its_update(webui, recorder, by_token, active):
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
def test_other_files_of_a_skill_stay(webui, recorder, by_token):
    files = [{"path": "SKILL.md", "content": "one"}, {"path": "more.md", "content": "more"}]
    webui.call("POST", "skills/create", {"id": "mine", "name": "Mine", "files": files, "meta": {"tags": ["t"]}})
    quadruple("webui_skill", by_token(id="mine", content="two"), recorder, lambda: every(webui, "skill"))
    packed = webui.call("GET", "skills/export")[0]
    assert {each["path"]: each["content"] for each in packed["files"]} == {"SKILL.md": "two", "more.md": "more"}
    assert packed["meta"]["tags"] == ["t"]


@pytest.mark.parametrize("kind", ["tool", "function"])
def test_valves_are_merged_and_secrets_are_never_shown(webui, recorder, by_token, kind):
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


def test_what_the_code_asks_for_as_a_password_is_hidden_too(webui, recorder, by_token):
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


def test_code_that_does_not_load_any_more_can_be_replaced_with_its_valves(webui, recorder, by_token):
    make(webui, "tool", "mine")
    broken = {"detail": "[ERROR: No module named 'gone']"}
    recorder.answer("GET /api/v1/tools/id/mine/valves/spec", broken, status=500, times=1)
    assert "Cannot read the valves spec of mine" in sentence("webui_tool", by_token(id="mine", valves={"count": 1}))
    recorder.answer("GET /api/v1/tools/id/mine/valves/spec", broken, status=500, times=1)
    succeed("webui_tool", by_token(id="mine", content=TOOL + "#", valves={"count": 1}))
    assert valves(webui, "tool", "mine") == {"count": 1}


WRONG_VALVES = [
    ({"cuont": 1}, "valves.cuont is none that the code has; did you mean count?"),
    ({"zzz": 1}, "valves.zzz is none that the code has; it has api_key, count, loud, pin, place, ratio, unit"),
    ({"count": "7"}, "valves.count is a text, and the code takes a whole number there; give that"),
    ({"count": True}, "valves.count is true or false, and the code takes a whole number there; give that"),
    ({"loud": 1}, "valves.loud is a whole number, and the code takes true or false there; give that"),
    ({"place": 1}, "valves.place is a whole number, and the code takes a text or null there; give that"),
    ({"unit": "k"}, "valves.unit is a text, and the code takes one of 'c', 'f' there; give that"),
    ({"api_key": ["sk-in-a-list"]}, "valves.api_key is a list, and the code takes a text there; give that"),
]


@pytest.mark.parametrize(("given", "words"), WRONG_VALVES)
def test_wrong_valves_are_named_and_nothing_is_written(webui, recorder, by_token, given, words):
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


def test_a_valve_that_new_code_requires_is_asked_for_and_the_code_taken_back(webui, recorder, by_token):
    needing = TOOL.replace('api_key: str = ""', "api_key: str")
    said = by_token(id="mine", content=needing, valves={"count": 1})
    assert "valves.api_key is not given, and the code has no default for it; give it" in sentence("webui_tool", said)
    assert records(webui, "tool") == {}
    assert "the code has no class Valves" in sentence("webui_function", by_token(id="p", content=PIPE, valves={"a": 1}))
    assert records(webui, "function") == {}
    succeed("webui_tool", by_token(id="mine", content=needing, valves={"api_key": SECRET}))
    refused = needing.replace("count: int", "count: str")
    set_valves(webui, "tool", "mine", api_key=SECRET, count=3)
    message = sentence("webui_tool", by_token(id="mine", content=refused))
    assert "update the tool mine" in message
    assert records(webui, "tool")["mine"]["content"] == needing


BAD = {
    "raises": "raise RuntimeError('boom')",
    "syntax": "def (",
    "nothing": "x = 1",
    "exits": "class Tools:\n    def __init__(self):\n        raise ValueError('no')\n",
}


@pytest.mark.parametrize("kind", ["tool", "function"])
@pytest.mark.parametrize("bad", BAD)
def test_code_that_does_not_load_is_refused_in_a_sentence(webui, recorder, by_token, kind, bad):
    message = sentence(f"webui_{kind}", by_token(id="mine", content=BAD[bad]))
    assert message.startswith(f"Cannot create the {kind} mine: Open WebUI at ")
    assert "answered 400" in message
    assert records(webui, kind) == {}
    make(webui, kind, "mine")
    message = sentence(f"webui_{kind}", by_token(id="mine", content=BAD[bad]))
    assert message.startswith(f"Cannot update the {kind} mine: ")
    assert records(webui, kind)["mine"]["content"] == CODE[kind]


def test_code_that_prints_and_takes_its_time_is_stored(webui, recorder, by_token):
    slow = "import time\nprint('hello')\ntime.sleep(2)\n" + TOOL
    quadruple("webui_tool", by_token(id="mine", content=slow), recorder, lambda: every(webui, "tool"))


def test_imports_that_the_server_writes_anew_are_no_difference(webui, recorder, by_token):
    code = "# from utils, from main\n" + TOOL
    runs = quadruple("webui_tool", by_token(id="mine", content=code), recorder, lambda: every(webui, "tool"))
    stored = records(webui, "tool")["mine"]["content"]
    assert stored.startswith("# from open_webui.utils, from open_webui.main\n")
    assert runs.again["tool"]["content"] == stored
    unchanged("webui_tool", by_token(id="mine", content=stored), recorder)


@pytest.mark.parametrize("kind", PATHS)
def test_ten_megabytes_are_stored(webui, recorder, by_token, kind):
    large = CODE[kind] + "\n# " + "x" * 10_000_000
    runs = quadruple(f"webui_{kind}", by_token(id="mine", content=large), recorder)
    assert runs.again[kind]["content"] == large
    assert records(webui, kind)["mine"]["content"] == large


@pytest.mark.parametrize("kind", PATHS)
def test_hostile_words_are_kept_to_the_letter(webui, recorder, by_token, kind):
    code = HOSTILE if kind == "skill" else f'x = r"""{HOSTILE}"""\n{CODE[kind]}'
    more = {"valves": {"token": HOSTILE}} if kind == "function" else {}
    if kind == "tool":
        more = {"meta": {HOSTILE: [HOSTILE, {"a": None, "b": 1}], "own": {"x": 1}}}
    said = {"id": "mine", "name": HOSTILE, "description": HOSTILE, "content": code, **more}
    quadruple(f"webui_{kind}", by_token(**said), recorder, lambda: every(webui, kind))
    record = every(webui, kind)["mine"]
    assert (record["name"], record["content"]) == (HOSTILE, code)
    assert (record["description"] or record["meta"]["description"]) == HOSTILE
    if kind == "function":
        assert record["valves"] == {"token": HOSTILE}
    if kind == "tool":
        quadruple("webui_tool", by_token(id="mine", meta={"own": {"y": 2}}), recorder, lambda: every(webui, kind))
        assert records(webui, kind)["mine"]["meta"]["own"] == {"x": 1, "y": 2}


def test_odd_ids_are_kept_or_refused(webui, recorder, by_token):
    odd = ["ä", "变量", "_", "x" * 255, "class", "é_1"]
    said = [{"id": one, "content": PIPE, "active": True, "name": one} for one in odd]
    quadruple("webui_functions", by_token(functions=said), recorder, lambda: every(webui, "function"))
    assert set(records(webui, "function")) == set(odd)
    gone = [{"id": one, "state": "absent"} for one in odd]
    quadruple("webui_functions", by_token(functions=gone), recorder, lambda: every(webui, "function"))
    skills = ["-", "a-b_c", "9", "x" * 255]
    quadruple("webui_skills", by_token(skills=[{"id": one, "content": one} for one in skills]), recorder)
    assert set(records(webui, "skill")) == set(skills)


WRONG = [
    ("tool", {"id": ""}, "id is empty"),
    ("tool", {"id": "a-b"}, "id is 'a-b', and an id of a tool may hold letters, digits and underscores"),
    ("tool", {"id": "a b"}, "id is 'a b'"),
    ("tool", {"id": "../x"}, "id is '../x'"),
    ("function", {"id": "1a", "state": "absent"}, "id is '1a'"),
    ("function", {"id": "x" * 256}, "id has more than 255 bytes; shorten it"),
    ("skill", {"id": "a b"}, "id is 'a b', and an id of a skill may hold the letters a to z, digits, - and _"),
    ("skill", {"id": "ä"}, "id is 'ä'"),
    ("tool", {"id": "a", "content": "\0"}, "content holds a NUL or half a surrogate pair"),
    ("tool", {"id": "a", "name": " "}, "name is empty"),
    ("tool", {"id": "a", "meta": {"manifest": {}}}, "meta.manifest is given, and it comes from the code; leave it out"),
    ("function", {"id": "a", "meta": {"description": ""}}, "meta.description is given, and say it by description"),
    ("tool", {"id": "a", "src": "/nowhere.py", "remote_src": True}, "src is '/nowhere.py', which cannot be read"),
    ("skill", {"id": "a", "src": "/etc", "content": "x"}, "content and src are both given; give one of them"),
]


@pytest.mark.parametrize(("kind", "said", "words"), WRONG)
def test_what_is_wrong_is_said_before_any_call(recorder, by_token, kind, said, words):
    assert words in sentence(f"webui_{kind}", by_token(**said))
    assert recorder.requests == []


def test_a_name_of_another_skill_is_refused(webui, recorder, by_token):
    make(webui, "skill", "theirs", name="Taken")
    message = sentence("webui_skill", by_token(id="mine", name="Taken", content="x"))
    assert "its name 'Taken' is that of the skill theirs; give another" in message
    twice = [{"id": "a", "name": "Same", "content": "x"}, {"id": "b", "name": "Same", "content": "x"}]
    assert "its name 'Same' is that of the skill b" in sentence("webui_skills", by_token(skills=twice))
    assert set(records(webui, "skill")) == {"theirs"}


@pytest.mark.parametrize("kind", PATHS)
def test_a_list_names_every_bad_entry_and_purges_what_it_does_not_name(webui, recorder, by_token, kind):
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


def test_runs_that_are_killed_are_finished_by_the_next(webui, recorder, by_token):
    dice = random.Random(5)
    functions = [
        {"id": f"f{number}", "content": FILTER, "valves": {"depth": number}, "active": True, "global": True}
        for number in range(6)
    ]
    given = by_token(functions=functions, workers=3)
    for _run in range(4):
        for one in records(webui, "function"):
            remove(webui, "function", one)
        make(webui, "function", "foreign")
        writes = dice.randint(1, 20)
        recorder.clear()
        process = subprocess.Popen(
            [sys.executable, "-m", f"{MODULES}.webui_functions"],
            env={**os.environ, "PYTHONPATH": str(COLLECTIONS), "PYTHONPYCACHEPREFIX": str(BYTECODE)},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode())
        process.stdin.close()
        while process.poll() is None and len(recorder.writes()) < writes:
            time.sleep(0.001)
        process.kill()
        assert process.wait() < 0, f"the run had ended before its write {writes}"
        recorder.settle()
        succeed("webui_functions", given)
        unchanged("webui_functions", given, recorder)
        state = every(webui, "function")
        assert set(state) == {"foreign", *(each["id"] for each in functions)}
        for each in functions:
            now = state[each["id"]]
            assert (now["valves"], now["is_active"], now["is_global"]) == (each["valves"], True, True)
        assert (state["foreign"]["is_active"], state["foreign"]["valves"]) == (False, {})


def test_a_tool_of_which_the_server_forgets_the_name_is_no_traceback(recorder, by_token):
    recorder.answer("GET /api/v1/tools/export", {"detail": "x"})
    assert "is not Open WebUI's API" in sentence("webui_tool", by_token(id="mine"))


def test_nothing_is_lost_where_an_id_is_taken_unseen(webui, recorder, by_token):
    make(webui, "tool", "mine")
    recorder.answer("GET /api/v1/tools/export", [], times=1)
    assert "Cannot create the tool mine" in sentence("webui_tool", by_token(id="mine", content=TOOL + "#"))
    assert records(webui, "tool")["mine"]["content"] == TOOL
    with pytest.raises(Refused):
        webui.call("GET", "tools/id/other")
