"""What a prompt is in every version of Open WebUI: a command, its words and a name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conftest import Webui
from recorder import Recorder
from runner import quadruple


def contents(webui: Webui) -> dict[str, Any]:
    """Return the words of all prompts by command, which before 0.8 begins with a slash."""
    return {prompt["command"].lstrip("/"): prompt["content"] for prompt in webui.call("GET", "prompts/")}


def test_a_prompt_is_made_changed_and_removed(
    webui: Webui, recorder: Recorder, by_token: Callable[..., dict[str, Any]]
) -> None:
    said = {"command": "versions", "name": "In every version"}
    before = contents(webui)
    quadruple("webui_prompt", by_token(**said, content="Sum up:"), recorder, lambda: contents(webui))
    assert contents(webui) == {**before, "versions": "Sum up:"}
    runs = quadruple("webui_prompt", by_token(**said, content="Say it again:"), recorder, lambda: contents(webui))
    assert contents(webui) == {**before, "versions": "Say it again:"}
    assert runs.again["prompt"]["name"] == "In every version"
    quadruple("webui_prompt", by_token(command="versions", state="absent"), recorder, lambda: contents(webui))
    assert contents(webui) == before
