"""What an older server cannot say is not told as if it had said it, so that taking an export over changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.llm.plugins.module_utils.webui.connection_proof import unused
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.export import Export
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.features import Features

LISTS = {"banners", "suggestions", "default_models", "model_order"}
NEW = {"ui.watermark": "x", "ui.banners": [], "ui.prompt_suggestions": []}
NEW |= {"ui.default_models": "a,b", "ui.model_order_list": []}


class Server:
    """A client and the server behind it, of which nothing is read but its settings."""

    def __init__(self, version: str, settings: dict[str, Any]) -> None:
        self._version = version
        self._settings = settings

    def features(self) -> Features:
        return Features.of(self._version)

    def get_mapping(self, path: str, _what: str) -> dict[str, Any]:
        return {"configs/export": self._settings}[path]


def export(version: str, settings: dict[str, Any]) -> Export:
    return Export(Server(version, settings))  # type: ignore[arg-type]


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
