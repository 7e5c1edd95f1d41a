"""webui_export on a real Open WebUI: what people made by hand is told so that taking it over changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import code_objects
import knowledge_beds
import pytest
from ansible.parsing.dataloader import DataLoader
from conftest import Webui
from known_settings import put, settings_as_before
from recorder import Recorder
from runner import hides, succeed, unchanged
from test_webui_code_files import ansible, play

from ansible_collections.selfhosted.llm.plugins.plugin_utils.files.yaml_text import as_yaml

HOSTILE = "{{ x }} {% raw %} <b> '; -- 😀 \u202eRTL\u2028 \x07 : # - yes"
SECRETS = ("sk-connection-1", "valve-secret-2")
# Which option of which module each variable is for, as the role gives them.
SETTINGS = ("settings", "banners", "suggestions", "default_models", "model_order")
PLURALS = ("groups", "users", "connections", "tools", "functions", "skills", "prompts", "models")


@pytest.fixture(autouse=True)
def _as_it_was(webui: Webui) -> Iterator[None]:
    with settings_as_before(webui):
        yield


def made_by_hand(webui: Webui, by_token: Callable[..., dict[str, Any]]) -> None:
    """Fill the server with one or two of each, with words that look like templates and YAML."""
    for email, role in (("anna@example.org", "user"), ("ben@example.org", "pending")):
        webui.add_user(email, role=role, profile_image_url="/static/favicon.png")
    webui.add_group("pupils", "anna@example.org")
    access = {"read": {"groups": ["pupils"]}, "write": {"users": ["anna@example.org"]}}
    put(webui, {"ui.watermark": HOSTILE, "ui.banners": [banner("one", HOSTILE), banner("two", "x")]})
    connection = {"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "key": SECRETS[0], "enabled": False}
    succeed("webui_connections", by_token(connections=[{**connection, "prefix_id": "p", "tags": ["t"]}]))
    code = {"content": code_objects.TOOL, "access": access, "valves": {"api_key": SECRETS[1], "count": 5}}
    succeed("webui_tools", by_token(tools=[{"id": "weather", "name": HOSTILE, "description": HOSTILE, **code}]))
    succeed("webui_functions", by_token(functions=[{"id": "inlet", "content": code_objects.FILTER, "active": True}]))
    if webui.features.skills:
        succeed("webui_skills", by_token(skills=[{"id": "how", "name": "How", "content": HOSTILE, "access": access}]))
    prompt = {"command": "sum", "name": HOSTILE, "content": HOSTILE, "access": access}
    succeed("webui_prompts", by_token(prompts=[prompt]))
    preset = {"id": "tutor", "base_model": "outside:1b", "system": HOSTILE, "tools": ["weather"], "tags": ["t"]}
    succeed("webui_models", by_token(models=[{**preset, "access": access, "meta": {"by_hand": [None, HOSTILE]}}]))
    succeed("webui_knowledge", by_token(name="Rules", description=HOSTILE, access={"public": True}))


def banner(name: str, content: str) -> dict[str, Any]:
    return {"id": name, "type": "info", "content": content, "title": "", "dismissible": True, "timestamp": 1700000000}


def test_what_was_made_by_hand_is_taken_over_and_nothing_changes(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    try:
        made_by_hand(webui, by_token)
        recorder.clear()
        told = succeed("webui_export", by_token())
        assert recorder.writes() == []
        hides(told, *SECRETS, webui.token)
        variables = DataLoader().load(as_yaml(told["variables"]))
        assert variables == told["variables"]
        said = {name.removeprefix("open_webui_"): value for name, value in variables.items()}
        assert said["settings"]["ui.watermark"] == said["banners"][0]["content"] == HOSTILE
        assert {user["email"]: user["role"] for user in said["users"]} == {
            webui.admin_email: "admin",
            "anna@example.org": "user",
            "ben@example.org": "pending",
        }
        assert ("skills" in said) is webui.features.skills

        unchanged("webui_instance", by_token(**said), recorder)
        settings = {name: said[name] for name in SETTINGS if name in said}
        unchanged("webui_settings", by_token(**settings), recorder)
        permissions = said["default_permissions"]
        unchanged("webui_default_permissions", by_token(permissions=permissions), recorder)
        for plural in PLURALS:
            if plural in said:
                assert said[plural], plural
                unchanged(f"webui_{plural}", by_token(**{plural: said[plural]}), recorder)
        for base in said["knowledge"]:
            unchanged("webui_knowledge", by_token(**base), recorder)
    finally:
        emptied(webui, by_token)


def test_the_exported_file_is_applied_by_a_play_without_changes(
    webui: Webui, by_token: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    prompt = {"command": "sum", "name": "Sum", "content": "Sum up:\n\n  {{CLIPBOARD}} \n"}
    try:
        succeed("webui_prompts", by_token(prompts=[prompt]))
        file = tmp_path / "exported.yml"
        path = play(
            tmp_path,
            {"selfhosted.llm.webui_export": by_token(sections=["prompts"]), "register": "exported"},
            {"ansible.builtin.copy": {"content": "{{ exported.yaml }}", "dest": str(file), "mode": "0600"}},
            {"ansible.builtin.include_vars": str(file)},
            {"selfhosted.llm.webui_prompts": by_token(prompts="{{ open_webui_prompts }}"), "register": "again"},
            {"ansible.builtin.assert": {"that": "again is not changed"}},
        )
        done = ansible("ansible-playbook", path, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        text = file.read_text(encoding="utf-8")
        assert text.startswith("---\nopen_webui_prompts:\n  - command: sum\n    name: Sum\n"), text
        assert "    content: !unsafe |\n      Sum up:\n\n        {{CLIPBOARD}} \n" in text
    finally:
        succeed("webui_prompts", by_token(prompts=[{"command": "sum", "state": "absent"}]))


def emptied(webui: Webui, by_token: Callable[..., dict[str, Any]]) -> None:
    absent = {"state": "absent"}
    succeed("webui_models", by_token(models=[{"id": "tutor", **absent}]))
    succeed("webui_prompts", by_token(prompts=[{"command": "sum", **absent}]))
    succeed("webui_tools", by_token(tools=[{"id": "weather", **absent}]))
    succeed("webui_functions", by_token(functions=[{"id": "inlet", **absent}]))
    if webui.features.skills:
        succeed("webui_skills", by_token(skills=[{"id": "how", **absent}]))
    gone = {"kind": "openai", "base_url": "http://127.0.0.1:9/v1", **absent}
    succeed("webui_connections", by_token(connections=[gone]))
    knowledge_beds.clear(webui)
