"""Bases and sources that nobody lists and that come in the same run, because another model must be made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from runner import quadruple, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Ollama
    from fake_registry import Registry
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]


@pytest.fixture
def only_served(registry: Registry, other_gguf: Path) -> dict[str, Any]:
    """Return a base that only the registry has."""
    registry.publish("library/other:latest", other_gguf.read_bytes(), system="other's")
    return {"base": "other", "mirror": f"http://{registry.host}"}


@pytest.mark.parametrize("name", ["copied", "new"])
def test_a_copy_waits_for_a_source_that_comes_as_the_base_of_another(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, only_served: dict[str, Any], name: str
) -> None:
    server.make("new", gguf)
    models = [{"name": name, "source": "other"}, {"name": "bot", **only_served, "system": "x"}]
    quadruple("ollama_models", args(models=models), recorder, server.state)
    there = server.models()
    assert there[f"{name}:latest"]["digest"] == there["other:latest"]["digest"]


def test_a_model_is_made_of_its_base_when_that_comes_for_another(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, only_served: dict[str, Any]
) -> None:
    server.make("old", gguf, system="left so")
    alone = {"name": "old", "base": "other"}
    unchanged("ollama_models", args(models=[{**alone, **only_served}]), recorder)
    # Only the other entry names the mirror, so its base is there before this one is made.
    models = [
        alone,
        {"name": "on-it", "base": "copied"},
        {"name": "copied", "source": "other"},
        {"name": "bot", **only_served},
    ]
    server.make("on-it", gguf, system="left so, too")
    quadruple("ollama_models", args(models=models), recorder, server.state)
    assert {server.show(name)["system"] for name in ("old", "on-it", "copied", "bot")} == {"other's"}
