"""What docs/explanation/servers-open-webui.md tells of models, seen on a real Open WebUI."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from bed_models import create_chat_model
from conftest import Webui
from recorder import Recorder
from runner import succeed

BASE = "tiny:latest"


@pytest.fixture(autouse=True)
def _nothing_there(webui: Webui) -> None:
    for record in webui.models():
        webui.call("POST", "models/model/delete", {"id": record["id"]})


@dataclass(frozen=True)
class Answer:
    """What a user gets: the words of a model, or the status of an error, and the list of models."""

    say: Callable[[str], Any]
    offered: Callable[[], Any]

    def __call__(self, model: str) -> Any:
        return self.say(model)


@pytest.fixture
def answer(bed: dict[str, Any], webui: Webui) -> Answer:
    """Ask a model as a user would; return what it says, or the status that refused it."""
    create_chat_model(bed)
    token = webui.add_user("pupil@example.org")

    def ask(path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(webui.url + path, data, headers), timeout=60) as found:
                return json.load(found)
        except urllib.error.HTTPError as error:
            return error.code

    def say(model: str) -> Any:
        body = {"model": model, "messages": [{"role": "user", "content": "abc"}], "stream": False}
        said = ask("/api/chat/completions", body)
        return said["choices"][0]["message"]["content"] if isinstance(said, dict) else said

    return Answer(say, lambda: ask("/api/models"))


def test_a_base_model_that_is_off_answers_nobody_and_a_hidden_one_does(
    webui: Webui, by_token: Callable[..., dict[str, Any]], answer: Answer
) -> None:
    models = [
        {"id": BASE, "access": {"public": True}, "hidden": True},
        {"id": "preset", "base_model": BASE, "access": {"public": True}},
    ]
    succeed("webui_models", by_token(models=models))
    # The server learns of new presets when somebody reads the list, as the browser does at first.
    assert {model["id"] for model in answer.offered()["data"]} == {BASE, "preset"}
    assert answer("preset") == answer(BASE) == "defghijklmnopqrstuvwxyz"
    succeed("webui_model", by_token(id=BASE, active=False))
    assert [model["id"] for model in answer.offered()["data"]] == ["preset"]
    # 0.6 answers with nothing at all.
    assert answer("preset") == (400 if webui.features.access_grants else None)


def test_functions_that_are_taken_away_do_not_break_the_list_of_models(
    by_token: Callable[..., dict[str, Any]], answer: Answer
) -> None:
    said = {"id": BASE, "access": {"public": True}}
    lists = ("filters", "actions", "tools", "tags", "knowledge")
    succeed("webui_model", by_token(**said, filters=["f"], actions=["a"], tools=["t"], tags=["x"]))
    succeed("webui_model", by_token(**said, **{name: [] for name in lists}))
    assert [model["id"] for model in answer.offered()["data"]] == [BASE]


def test_a_base_model_that_no_connection_offers_is_warned_of_when_it_is_new(
    by_token: Callable[..., dict[str, Any]], recorder: Recorder, answer: Answer
) -> None:
    result = succeed("webui_model", by_token(id="preset", base_model="tiny"), check=True)
    assert "is based on tiny, which no connection offers now (there is tiny:latest)" in str(result["warnings"])
    assert "warnings" not in succeed("webui_model", by_token(id="preset", base_model=BASE))
    recorder.clear()
    succeed("webui_model", by_token(id="preset", base_model=BASE))
    assert not recorder.seen("/api/models/base")
