"""Objects whose ids the server would not take today: what exists is removed, and changed where the API allows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from code_objects import clear, make
from conftest import access_of
from runner import run, succeed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Webui

ODD = ("House tutor", "a/b: c", "Äß%2F?#&=+", " x ", "y" * 300)
CODE_IDS = ("with-dash", "ÄÖ!", "50%25", "a b?c#d", "UPPER", "z" * 300)
COMMANDS = ("with blank", "Äß%2F?#", "50%25", "c" * 300)
LATER = ("a/b/c", "..", ".", "a/")
TABLES = {"tool": "tool", "function": "function", "skill": "skill"}


@pytest.fixture(autouse=True)
def _nothing_there(webui: Webui) -> Iterator[None]:
    yield
    for table in ("model", "prompt", "tool", "function", *(["skill"] if webui.features.skills else [])):
        webui.database(f"DELETE FROM {table}")


def renamed(webui: Webui, table: str, old: str, new: str) -> None:
    """Give an object an id that its server would refuse, as an earlier version or an import did."""
    webui.database(f"UPDATE {table} SET id = ? WHERE id = ?", new, old)
    if table == "skill" and webui.features.all_models:
        webui.database("UPDATE skill_history SET skill_id = ? WHERE skill_id = ?", new, old)


def old_model(webui: Webui, model_id: str) -> None:
    webui.call("POST", "models/create", {"id": "plain", "name": "Old", "meta": {}, "params": {"seed": 1}})
    renamed(webui, "model", "plain", model_id)


@pytest.mark.parametrize("model_id", ODD)
def test_absent_removes_a_model_whatever_its_id_is(webui: Webui, by_token: Any, model_id: str) -> None:
    old_model(webui, model_id)
    assert succeed("webui_models", by_token(models=[{"id": model_id, "state": "absent"}]))["changed"]
    assert webui.models() == []
    assert not succeed("webui_model", by_token(id=model_id, state="absent"))["changed"]


@pytest.mark.parametrize("model_id", ODD)
def test_a_model_with_an_odd_id_is_updated_where_the_server_can(webui: Webui, by_token: Any, model_id: str) -> None:
    old_model(webui, model_id)
    assert not succeed("webui_model", by_token(id=model_id, name="Old"))["changed"]
    asked = by_token(id=model_id, name="New", access={"public": True})
    if webui.features.no_blank_model_ids and any(character.isspace() for character in model_id):
        result = run("webui_model", asked)
        assert "its id holds a blank, and since 0.11.4 Open WebUI only deletes such a model" in result["msg"]
        assert webui.models()[0]["name"] == "Old"
        return
    assert succeed("webui_model", asked)["changed"]
    assert not succeed("webui_model", asked)["changed"]
    (record,) = webui.models()
    assert (record["id"], record["name"], record["params"]["seed"]) == (model_id, "New", 1)
    assert access_of(record) == {("user", "*", "read")}


def test_a_model_of_a_provider_with_blanks_in_its_id(webui: Webui, by_token: Any) -> None:
    asked = by_token(id="Gemini 3 Pro", access={"public": True})
    if webui.features.no_blank_model_ids:
        assert "Open WebUI accepts no blanks since 0.11.4" in run("webui_model", asked)["msg"]
        assert webui.models() == []
        preset = by_token(id="tutor", base_model="Gemini 3 Pro", grant_base=True, access={"public": True})
        assert "grant_base would write the base model 'Gemini 3 Pro'" in run("webui_model", preset)["msg"]
        assert webui.models() == []
        return
    assert succeed("webui_model", asked)["changed"]
    assert not succeed("webui_model", asked)["changed"]
    (record,) = webui.models()
    assert (record["id"], access_of(record)) == ("Gemini 3 Pro", {("user", "*", "read")})
    assert succeed("webui_model", by_token(id="Gemini 3 Pro", state="absent"))["changed"]


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("odd", CODE_IDS)
def test_code_with_an_odd_id_is_updated_and_removed(webui: Webui, by_token: Any, kind: str, odd: str) -> None:
    if kind == "skill" and not webui.features.skills:
        pytest.skip("this version has no skills")
    clear(webui)
    make(webui, kind, "plain")
    renamed(webui, TABLES[kind], "plain", odd)
    asked = by_token(id=odd, description="For everybody")
    assert succeed(f"webui_{kind}", asked)["changed"]
    assert not succeed(f"webui_{kind}", asked)["changed"]
    assert webui.database(f"SELECT id FROM {TABLES[kind]}") == [[odd]]
    gone = by_token(**{f"{kind}s": [{"id": odd, "state": "absent"}, {"id": f"no {odd}/", "state": "absent"}]})
    assert succeed(f"webui_{kind}s", gone)["changed"]
    assert webui.database(f"SELECT id FROM {TABLES[kind]}") == []


def test_ids_that_differ_in_case_are_told_apart(webui: Webui, by_token: Any) -> None:
    clear(webui)
    for each in ("one", "two"):
        make(webui, "function", each)
    renamed(webui, "function", "one", "CASE")
    renamed(webui, "function", "two", "Case")
    told = run("webui_function", by_token(id="case", state="absent"))["msg"]
    assert "the server has CASE and Case; write the id exactly as one of them" in told
    assert succeed("webui_function", by_token(id="Case", state="absent"))["changed"]
    assert webui.database("SELECT id FROM function") == [["CASE"]]
    assert succeed("webui_function", by_token(id="case", state="absent"))["changed"]


def test_code_that_no_path_reaches_is_named_and_kept(webui: Webui, by_token: Any) -> None:
    clear(webui)
    make(webui, "function", "plain")
    renamed(webui, "function", "plain", "a/b")
    told = run("webui_function", by_token(id="a/b", state="absent"))["msg"]
    assert "The function a/b cannot be deleted: Open WebUI has no API path for an id" in told
    purged = succeed("webui_functions", by_token(functions=[{"id": "keep", "content": "class Pipe: pass"}], purge=True))
    assert purged["kept"] == ["a/b"]


@pytest.mark.parametrize("command", [*COMMANDS, *LATER])
def test_a_prompt_with_an_odd_command_is_updated_and_removed(webui: Webui, by_token: Any, command: str) -> None:
    by_id = webui.features.prompts_by_id
    name = {"name": "Odd"} if by_id else {"title": "Odd"}
    stored = command if by_id else f"/{command}"
    webui.call("POST", "prompts/create", {"command": stored, "content": "old", **name})
    asked = by_token(command=command, content="new")
    gone = by_token(prompts=[{"command": command, "state": "absent"}])
    if command in LATER and not by_id:
        assert "before 0.8 Open WebUI has no API path for a command" in run("webui_prompt", asked)["msg"]
        assert "before 0.8 Open WebUI has no API path for a command" in run("webui_prompts", gone)["msg"]
        return
    assert succeed("webui_prompt", asked)["changed"]
    assert not succeed("webui_prompt", asked)["changed"]
    assert webui.prompts()[command]["content"] == "new"
    assert succeed("webui_prompts", gone)["changed"]
    assert webui.prompts() == {}


def test_absent_takes_any_id_of_what_is_not_there(webui: Webui, by_token: Any) -> None:
    for odd in ("a b", "a/b", "..", "UPPER", "%00", "ä" * 4000, "\u202ex", "a\0b"):
        assert not succeed("webui_model", by_token(id=odd, state="absent"))["changed"]
        assert not succeed("webui_prompt", by_token(command=odd, state="absent"))["changed"]
        assert not succeed("webui_tool", by_token(id=odd, state="absent"))["changed"]
        assert not succeed("webui_function", by_token(id=odd, state="absent"))["changed"]
        assert not succeed("webui_group", by_token(name=odd, state="absent"))["changed"]
        assert not succeed("webui_user", by_token(email=odd, state="absent"))["changed"]
        assert not succeed("webui_knowledge", by_token(name=odd, state="absent"))["changed"]
        for kind in ("ollama", "openai"):
            away = by_token(kind=kind, base_url=odd, state="absent")
            assert not succeed("webui_connection", away)["changed"]
        if webui.features.skills:
            assert not succeed("webui_skill", by_token(id=odd, state="absent"))["changed"]
