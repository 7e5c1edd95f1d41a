"""What an older server cannot say is not told as if it had said it, so that taking an export over changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from doubles.webui import Webui

from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.features import Features
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.connections.verify import unused
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.export.sections import Export

LISTS = {"banners", "suggestions", "default_models", "model_order"}
NEW = {"ui.watermark": "x", "ui.banners": [], "ui.prompt_suggestions": []}
NEW |= {"ui.default_models": "a,b", "ui.model_order_list": []}


def export(version: str, settings: dict[str, Any], keeps_oauth: bool = False) -> Export:
    return Export(Webui(version, settings=settings, keeps_oauth=keeps_oauth).client())


def test_lists_that_were_never_saved_are_not_told() -> None:
    assert export("0.8.12", {"version": 0, "ui": {"watermark": "x"}}).of("settings") == {
        "settings": {"ui.watermark": "x"}
    }
    told = export("0.12.4", NEW).of("settings")
    assert set(told) == {"settings", *LISTS}
    assert told["default_models"] == ["a", "b"]


def test_a_server_without_skills_tells_of_none() -> None:
    assert export("0.6.43", {}).of("skills") == {}


@pytest.mark.parametrize(
    ("version", "kind", "names"),
    [
        ("0.6.43", "ollama", {"headers", "auth_type", "api_type", "provider"}),
        ("0.8.12", "openai", {"provider"}),
        ("0.10.2", "ollama", {"headers", "auth_type"}),
        ("0.12.4", "ollama", set()),
    ],
)
def test_options_that_a_version_has_no_use_for_are_known(version: str, kind: str, names: set[str]) -> None:
    assert set(unused(kind, Features.of(version))) == names


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("auth.enable_api_keys", True),
        ("auth.enable_api_keys", False),
        ("auth.api_key.endpoint_restrictions", True),
        ("some.number.of_token", 5),
        ("ollama.enable", False),
        ("openai.enable", True),
        ("rag.file.max_size", None),
        ("audio.realtime.prompt_template", None),
        ("tool_server.connections", []),
        ("tool_server.connections", [{"url": "http://x", "path": "p", "auth_type": "none", "key": "", "config": {}}]),
        ("terminal_server.connections", [{"url": "http://x", "key": ""}]),
    ],
)
def test_settings_that_are_no_secrets_are_told_whatever_they_are_called(key: str, value: Any) -> None:
    told = export("0.12.4", {"ui.watermark": "x", key: value})
    assert told.of("settings")["settings"] == {"ui.watermark": "x", key: value}
    assert told.warnings == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("web.search.brave_search_api_key", "a-secret"),
        ("webhook_url", "a-secret"),
        ("rag.loader_headers", {"Cookie": "a-secret"}),
        ("rag.database", "postgres://user:a-secret@host"),
        ("tool_server.connections", [{"url": "http://x", "key": "a-secret"}]),
    ],
)
def test_settings_that_hold_secrets_are_left_out_and_named(key: str, value: Any) -> None:
    told = export("0.12.4", {"ui.watermark": "x", key: value})
    assert told.of("settings")["settings"] == {"ui.watermark": "x"}
    assert told.warnings == [f"Left out: settings that contain secrets ({key})."]


@pytest.mark.parametrize(
    "settings",
    [
        {"web.search.brave_search_api_key": ""},
        {"ui.watermark_of_old": None},
        {"user.permissions": {"chat": {}}},
        {"openai.api_keys": ["a-secret"]},
        {"ollama.base_urls": []},
        {"auth.mfa.enable": False},
        {"oauth.scopes": "openid"},
    ],
)
def test_what_says_nothing_or_is_told_elsewhere_is_left_out_in_silence(settings: dict[str, Any]) -> None:
    told = export("0.12.4", settings)
    assert told.of("settings")["settings"] == {}
    assert told.warnings == []


def test_the_second_factor_is_left_out_with_a_warning_while_it_is_on() -> None:
    told = export("0.12.4", {"auth.mfa.enable": True})
    assert told.of("settings")["settings"] == {}
    assert told.warnings == ["Left out: the setting auth.mfa.enable (an API key may not write it)."]


def test_settings_of_oauth_are_told_where_the_server_keeps_them() -> None:
    settings = {"oauth.scopes": "openid", "oauth.client_secret": "a-secret"}
    told = export("0.12.4", settings, keeps_oauth=True)
    assert told.of("settings")["settings"] == {"oauth.scopes": "openid"}
    assert told.warnings == ["Left out: settings that contain secrets (oauth.client_secret)."]


def test_nulls_are_not_told_where_nobody_can_write_them() -> None:
    assert export("0.8.12", {"rag": {"file": {"max_size": None}}}).of("settings")["settings"] == {}
