# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that Open WebUI's page exports, as `src` of the modules."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.entries import src_files
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.entries.ui_export import filled, listed
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace import code_spec

TIMES = {"user_id": "u", "updated_at": 1745623456, "created_at": 1745623456}
FUNCTION = {
    "id": "house_style", "name": "House style", "type": "filter", "content": "class Filter:\n    pass\n",
    "meta": {"description": "Adds it", "manifest": {"title": "House style"}}, "is_active": True, "is_global": True,
    "valves": {"api_key": "sk-secret"}, **TIMES,
}  # fmt: skip
TOOL = {
    "id": "weather", "name": "Weather", "content": "class Tools:\n    pass\n", "specs": [{"name": "weather"}],
    "meta": {"description": "The weather", "manifest": {}}, "access_grants": [{"id": "x"}],
    "user": {"id": "u"}, **TIMES,
}  # fmt: skip
SKILL = {"id": "letters", "name": "Letters", "description": "How", "content": "# How", "meta": {"tags": []}, **TIMES}
OLD_PROMPT = {"command": "/summary", "title": "Sum up", "content": "Sum up: {{CLIPBOARD}}", "timestamp": 1, **TIMES}
PROMPT = {"id": "p", "command": "summary", "name": "Sum up", "content": "Sum up:", "tags": ["school"], **TIMES}
MODEL = {
    "id": "tutor", "base_model_id": "llama3.2:3b", "name": "Tutor", "params": {"system": "Help.", "temperature": 0.3},
    "meta": {
        "profile_image_url": "/static/favicon.png", "description": "Helps", "capabilities": {"vision": False},
        "tags": [{"name": "school"}], "knowledge": [{"id": "k", "type": "collection", "name": "Formulas"}],
        "toolIds": ["weather"], "suggestion_prompts": None,
    },
    "access_grants": [], "is_active": True, "user": {"name": "A"}, **TIMES,
}  # fmt: skip
RECORDS = {"function": FUNCTION, "tool": TOOL, "skill": SKILL, "prompt": PROMPT, "model": MODEL}
OPTIONS: dict[str, Any] = {
    "function": {"name": "House style", "content": FUNCTION["content"], "description": "Adds it"},
    "tool": {"name": "Weather", "content": TOOL["content"], "description": "The weather"},
    "skill": {"name": "Letters", "content": "# How", "description": "How"},
    "prompt": {"name": "Sum up", "content": "Sum up:", "tags": ["school"]},
    "model": {
        "name": "Tutor", "base_model": "llama3.2:3b", "system": "Help.", "params": {"temperature": 0.3},
        "description": "Helps", "capabilities": {"vision": False}, "tags": ["school"], "knowledge": ["Formulas"],
        "tools": ["weather"], "profile_image_url": "/static/favicon.png", "hidden": False, "active": True,
    },
}  # fmt: skip
KEYS = {"prompt": "command"}
NOUNS = tuple(RECORDS)


def key(noun: str) -> str:
    return KEYS.get(noun, "id")


def refused(noun: str, text: str, given: str = "x", src: str = "export.json") -> str:
    with pytest.raises(Failure) as told:
        filled(noun, {key(noun): given, "src": src}, text, src)
    return told.value.message


@pytest.mark.parametrize("noun", NOUNS)
@pytest.mark.parametrize("shape", ["list", "object", "wrapped", "byte order mark", "pretty"])
def test_an_export_of_one_object_fills_its_options(noun: str, shape: str) -> None:
    record = RECORDS[noun]
    wrapper = {"model": "info"}.get(noun, noun)
    text = {
        "list": json.dumps([record]),
        "object": json.dumps(record),
        "wrapped": json.dumps([{"id": "community", "downloads": 7, wrapper: record}]),
        "byte order mark": "\ufeff" + json.dumps([record]),
        "pretty": "\n" + json.dumps([record], indent=2),
    }[shape]
    identity = record[key(noun)]
    got = filled(noun, {key(noun): identity, "src": "x.json", "name": None}, text, "x.json")
    assert got == {key(noun): identity, **OPTIONS[noun]}


@pytest.mark.parametrize("noun", NOUNS)
def test_options_of_the_task_win_over_the_file(noun: str) -> None:
    got = filled(noun, {key(noun): "mine", "name": "Mine"}, json.dumps([RECORDS[noun]]), "x.json")
    assert (got[key(noun)], got["name"]) == ("mine", "Mine")


@pytest.mark.parametrize("noun", NOUNS)
def test_of_several_objects_the_one_with_the_id_is_taken(noun: str) -> None:
    record, name = RECORDS[noun], key(noun)
    text = json.dumps([record, {**record, name: "other", "name": "Other"}])
    assert filled(noun, {name: "OTHER" if noun != "model" else "other"}, text, "x")["name"] == "Other"
    told = refused(noun, text, "third")
    assert told.startswith(f"src is 'export.json', which holds 2 {noun}s (")
    assert told.endswith(f"give the {name} of one of them, or give the file as src of webui_{noun}s.")


@pytest.mark.parametrize("noun", NOUNS)
@pytest.mark.parametrize("other", NOUNS)
def test_an_export_of_another_kind_is_refused_with_its_module(noun: str, other: str) -> None:
    if other != noun:
        told = refused(noun, json.dumps([RECORDS[other]]))
        assert f"holds the {other} " in told
        assert told.endswith(f", not a {noun}; give the file to webui_{other} or webui_{other}s.")


@pytest.mark.parametrize("noun", NOUNS)
@pytest.mark.parametrize(
    "text", ['[{"chat": {}}]', "[1]", "[null]", "{}", '["a"]', '[[{"id": "x"}]]', '{"detail": "x"}']
)
def test_json_of_something_else_is_refused(noun: str, text: str) -> None:
    assert "which holds something else than" in refused(noun, text)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_broken_or_empty_file_is_refused(noun: str) -> None:
    assert "which is not valid JSON (" in refused(noun, json.dumps([RECORDS[noun]])[:-5])
    assert f"which holds no {noun}; export" in refused(noun, "[]")
    assert "which is not a file that Open WebUI exports" in refused(noun, "", src="empty.json")
    assert "which is not a file that Open WebUI exports" in refused(noun, "<html>", src="page.json")
    assert "which is not valid JSON" in refused(noun, "[" * 200_000)


@pytest.mark.parametrize("noun", ["tool", "function", "skill", "prompt"])
@pytest.mark.parametrize("text", ["class Tools: pass", "[a link](x) and text", "{{ CURRENT_DATE }}", ""])
def test_a_file_of_text_is_the_content(noun: str, text: str) -> None:
    assert filled(noun, {key(noun): "x", "src": "a.md"}, text, "a.md") == {key(noun): "x", "content": text}


@pytest.mark.parametrize("noun", ["skill", "prompt"])
def test_text_that_happens_to_be_json_is_the_content(noun: str) -> None:
    text = '{"answer": "in this form"}'
    assert filled(noun, {key(noun): "x"}, text, "form.md")["content"] == text


def test_prompts_before_0_8_have_a_title_and_a_slash() -> None:
    got = listed("prompt", [], json.dumps([OLD_PROMPT]), "x.json")
    assert got == [{"command": "summary", "name": "Sum up", "content": "Sum up: {{CLIPBOARD}}"}]


def test_a_skill_with_further_files_is_refused() -> None:
    files = [{"path": "SKILL.md", "content": "# Main"}, {"path": "a/b.txt", "content": "b"}]
    record = {name: value for name, value in SKILL.items() if name != "content"}
    assert filled("skill", {"id": "x"}, json.dumps([{**record, "files": files[:1]}]), "x")["content"] == "# Main"
    assert "has further files (a/b.txt)" in refused("skill", json.dumps([{**record, "files": files}]))


@pytest.mark.parametrize("noun", NOUNS)
def test_a_list_of_a_file_and_entries_of_the_task_are_one(noun: str) -> None:
    record, name = RECORDS[noun], key(noun)
    text = json.dumps([record, {**record, name: "second"}])
    got = listed(noun, [{name: record[name], "name": "Mine", "state": "present"}, {name: "new"}], text, "x.json")
    assert [(one[name], one.get("name")) for one in got] == [
        (record[name], "Mine"), ("second", record["name"]), ("new", None),
    ]  # fmt: skip
    with pytest.raises(Failure, match="twice; remove one of the two"):
        listed(noun, [], json.dumps([record, record]), "x.json")
    with pytest.raises(Failure, match=f"holds no {noun}; export the {noun}s again"):
        listed(noun, [], "[]", "x.json")


def test_valves_and_switches_of_an_export_stay_behind(tmp_path: Any) -> None:
    (tmp_path / "f.json").write_text(json.dumps([FUNCTION]), encoding="utf-8")
    entries = src_files.all_entries("function", None, str(tmp_path / "f.json"), code_spec.FUNCTION_OPTIONS)
    (desired,) = code_spec.desired_code(code_spec.FUNCTION, entries)
    assert desired.name == "house_style"
    assert desired.spec.options() == OPTIONS["function"]


def test_commands_are_named_without_their_slash() -> None:
    text = json.dumps([OLD_PROMPT, {**OLD_PROMPT, "command": "/other"}])
    assert "holds 2 prompts (other, summary), and none with the command 'x'" in refused("prompt", text)
