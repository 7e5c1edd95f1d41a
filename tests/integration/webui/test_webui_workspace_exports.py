"""What Open WebUI's page exports is given to the modules as `src`, and makes the same objects again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from code_objects import CODE, TOOL, clear, make
from runner import run, succeed
from test_webui_code_files import ansible, play

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Webui

KINDS = ("tool", "function", "skill", "prompt", "model")
SECRET = "sk-of-a-valve-4711"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, webui: Webui) -> Iterator[str]:
    if request.param == "skill" and not webui.features.skills:
        pytest.skip("this version has no skills")
    empty(webui)
    for number in (1, 2):
        made(webui, request.param, f"one_{number}")
    yield request.param
    empty(webui)


def made(webui: Webui, kind: str, name: str) -> None:
    if kind == "prompt":
        by_id = webui.features.prompts_by_id
        body = {"command": name, "name": name.upper()} if by_id else {"command": f"/{name}", "title": name.upper()}
        webui.call("POST", "prompts/create", {**body, "content": f"Text of {name} {{{{CLIPBOARD}}}}"})
    elif kind == "model":
        meta = {"description": "About", "tags": [{"name": "school"}], "capabilities": {"vision": False}}
        params = {"system": "Help {{ them }}.", "temperature": 0.3}
        model: dict[str, Any] = {
            "id": name,
            "name": name.upper(),
            "base_model_id": "tiny:latest",
            "meta": meta,
            "params": params,
        }
        webui.call("POST", "models/create", model)
    else:
        about: dict[str, Any] = {"description": "About", "meta": {"description": "About"}}
        make(webui, kind, name, name=name.upper(), **about)


def empty(webui: Webui) -> None:
    clear(webui)
    for prompt in webui.prompts().values():
        webui.remove_prompt(prompt)
    for model in webui.models():
        webui.call("POST", "models/model/delete", {"id": model["id"]})


def exported(webui: Webui, kind: str) -> list[dict[str, Any]]:
    """Return what the page writes into the file of its export."""
    if kind == "prompt":
        return list(webui.prompts().values())
    if kind == "model":
        return [row for row in webui.models() if row["base_model_id"]]
    return list(webui.call("GET", f"{kind}s/export"))


def kept(webui: Webui, kind: str) -> dict[str, Any]:
    """Return what of the objects must be the same again."""
    key = "command" if kind == "prompt" else "id"
    names = ("name", "title", "content", "description", "base_model_id", "params", "files")
    found = {}
    for row in exported(webui, kind):
        meta = {name: value for name, value in (row.get("meta") or {}).items() if value and name != "manifest"}
        found[row[key].removeprefix("/")] = {**{name: row.get(name) for name in names}, "meta": meta}
    return found


def test_an_export_makes_all_objects_again(webui: Webui, by_token: Any, kind: str, tmp_path: Path) -> None:
    before = kept(webui, kind)
    assert set(before) == {"one_1", "one_2"}
    (tmp_path / "export.json").write_text("\ufeff" + json.dumps(exported(webui, kind)), encoding="utf-8")
    asked = by_token(src=str(tmp_path / "export.json"), remote_src=True)
    assert not succeed(f"webui_{kind}s", asked)["changed"]
    empty(webui)
    assert succeed(f"webui_{kind}s", asked)["changed"]
    assert not succeed(f"webui_{kind}s", asked)["changed"]
    assert kept(webui, kind) == before


def test_an_export_on_the_controller_makes_one_object(webui: Webui, by_token: Any, kind: str, tmp_path: Path) -> None:
    before = kept(webui, kind)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "all.json").write_text(json.dumps(exported(webui, kind)), encoding="utf-8")
    empty(webui)
    key = "command" if kind == "prompt" else "id"
    single = {f"selfhosted.llm.webui_{kind}": by_token(**{key: "one_2"}, src="all.json")}
    wrong = {f"selfhosted.llm.webui_{kind}": by_token(**{key: "three"}, src="all.json"), "ignore_errors": True}
    done = ansible("ansible-playbook", play(tmp_path, single, wrong), cwd=tmp_path)
    assert "changed=1" in done.stdout, done.stdout + done.stderr
    words = " ".join((done.stdout + done.stderr).split())
    assert f"which holds 2 {kind}s (one_1, one_2), and none with the {key} 'three'" in words
    assert kept(webui, kind) == {"one_2": before["one_2"]}
    every = {f"selfhosted.llm.webui_{kind}s": by_token(src="all.json", **{f"{kind}s": [{key: "one_1", "name": "New"}]})}
    done = ansible("ansible-playbook", play(tmp_path, every), cwd=tmp_path)
    assert "changed=1" in done.stdout, done.stdout + done.stderr
    now = kept(webui, kind)
    assert set(now) == {"one_1", "one_2"}
    assert "New" in (now["one_1"]["name"], now["one_1"]["title"])


def test_no_valve_of_an_export_is_written_or_shown(webui: Webui, by_token: Any, tmp_path: Path) -> None:
    clear(webui)
    record = {"id": "plain", "name": "Plain", "content": TOOL, "specs": [], "meta": {}, "valves": {"api_key": SECRET}}
    (tmp_path / "tool.json").write_text(json.dumps([record]), encoding="utf-8")
    result = run("webui_tool", by_token(id="plain", src=str(tmp_path / "tool.json"), remote_src=True))
    assert result["changed"]
    assert SECRET not in json.dumps(result)
    assert not webui.call("GET", "tools/id/plain/valves")
    clear(webui)


def test_an_export_of_another_kind_names_its_module(webui: Webui, by_token: Any, recorder: Any, tmp_path: Path) -> None:
    (tmp_path / "tools.json").write_text(json.dumps([{"id": "t", "name": "T", "content": CODE["tool"], "meta": {}}]))
    for asked in ({"id": "t"}, {}):
        module = "webui_function" if asked else "webui_functions"
        result = run(module, by_token(**asked, src=str(tmp_path / "tools.json"), remote_src=True))
        assert "which holds the tool t, not a function; give the file to webui_tool or webui_tools" in result["msg"]
    assert recorder.requests == []
