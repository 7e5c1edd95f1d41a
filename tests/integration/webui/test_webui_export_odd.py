"""What webui_export tells of a server is taken by the module of each section, whatever the server holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import back_ends
import pytest
from ansible.parsing.dataloader import DataLoader
from conftest import Webui
from known_settings import settings_as_before
from odd_server import OddServer
from recorder import Recorder
from runner import hides, succeed, unchanged

from ansible_collections.selfhosted.llm.plugins.plugin_utils.files.yaml_text import as_yaml

SETTINGS = ("settings", "banners", "suggestions", "default_models", "model_order")
PLURALS = ("groups", "users", "connections", "tools", "functions", "skills", "prompts", "models")
SECRETS = ("secret-word", "secret-hook")


@pytest.fixture(autouse=True)
def _as_it_was(webui: Webui) -> Iterator[None]:
    before = back_ends.both(webui)
    with settings_as_before(webui):
        yield
    for kind, lists in before.items():
        back_ends.config(webui, kind, lists)


def taken_over(said: Any, by_token: Callable[..., dict[str, Any]], recorder: Recorder) -> None:
    """Give all that was told to the modules, and to the one of all, which must find nothing to do."""
    unchanged("webui_instance", by_token(**said), recorder)
    unchanged("webui_settings", by_token(**{name: said[name] for name in SETTINGS if name in said}), recorder)
    unchanged("webui_default_permissions", by_token(permissions=said["default_permissions"]), recorder)
    for plural in PLURALS:
        unchanged(f"webui_{plural}", by_token(**{plural: said[plural]}), recorder)
    for base in said["knowledge"]:
        unchanged("webui_knowledge", by_token(**base), recorder)


@pytest.mark.feature("settings_by_key")
@pytest.mark.parametrize("seed", range(3))
def test_what_is_told_of_an_odd_server_is_taken_by_every_module_and_changes_nothing(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]], seed: int
) -> None:
    odd = OddServer(webui, seed)
    try:
        odd.fill()
        recorder.clear()
        told = succeed("webui_export", by_token())
        assert recorder.writes() == []
        hides(told, *SECRETS, webui.token)
        variables = DataLoader().load(as_yaml(told["variables"]))
        assert variables == told["variables"]
        said = {name.removeprefix("open_webui_"): value for name, value in variables.items()}
        emails = {user["email"] for user in said["users"]}
        assert {"alice@github", "jdoe@corp", "jdoe", "a b@c d", "p%q_r", "o'b\\c"} <= emails
        assert "auth.enable_api_keys" in said["settings"]
        assert {f"odd_{number}" for number in range(6)} - {tool["id"] for tool in said["tools"]} <= {"odd_0"}
        assert told["warnings"]
        taken_over(said, by_token, recorder)
    finally:
        odd.clear()
