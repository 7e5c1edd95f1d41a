"""What a base has and a model made from it shall not have: the server has no way to say that, so it is made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from runner import quadruple, succeed, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Ollama
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]

MESSAGES = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
RICH: dict[str, Any] = {
    "system": "the base's",
    "template": "{{ .System }} {{ .Prompt }}",
    "parameters": {"num_ctx": 512, "stop": ["a", "b"]},
    "messages": MESSAGES,
    "license": ["One", "Two"],
}


def content(server: Ollama, name: str) -> dict[str, Any]:
    """Return what a model is made of, as the server shows it."""
    shown = server.show(name)
    lines = sorted(" ".join(line.split()) for line in shown.get("parameters", "").splitlines())
    fields = ("system", "template", "messages", "license")
    return {**{field: shown.get(field) for field in fields}, "parameters": lines}


WHOLE: dict[str, Any] = {
    "system": "the base's",
    "template": "{{ .System }} {{ .Prompt }}",
    "messages": MESSAGES,
    "license": "One\nTwo",
    "parameters": ["num_ctx 512", 'stop "a"', 'stop "b"'],
}


@pytest.mark.parametrize(
    ("desired", "left"),
    [
        ({}, {}),
        ({"system": ""}, {"system": None}),
        ({"template": ""}, {"template": "{{ .Prompt }}"}),
        ({"messages": []}, {"messages": None}),
        ({"license": []}, {"license": None}),
        ({"parameters": {"stop": None}}, {"parameters": ["num_ctx 512"]}),
        (
            {
                "system": "",
                "template": "",
                "messages": [],
                "license": "",
                "parameters": {"stop": None, "num_ctx": None},
            },
            {"system": None, "template": "{{ .Prompt }}", "messages": None, "license": None, "parameters": []},
        ),
        (
            {"system": "", "license": ["One\nTwo"], "messages": MESSAGES[:1], "parameters": {"stop": "c"}},
            {"system": None, "messages": MESSAGES[:1], "parameters": ["num_ctx 512", 'stop "c"']},
        ),
        ({"license": "Mine"}, {"license": "One\nTwo\nMine"}),
    ],
)
def test_what_is_emptied_is_gone_and_all_else_stays(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, desired: dict[str, Any], left: dict[str, Any]
) -> None:
    server.make("tiny", gguf, **RICH)
    quadruple("ollama_model", args(name="bot", base="tiny", **desired), recorder, server.state)
    assert content(server, "bot") == {**WHOLE, **left}
    assert content(server, "tiny") == WHOLE


def test_what_is_no_longer_emptied_comes_back(server: Ollama, recorder: Recorder, args: Args, gguf: Path) -> None:
    server.make("tiny", gguf, **RICH)
    succeed("ollama_model", args(name="bot", base="tiny", system="", messages=[], license=[]))
    done = quadruple("ollama_model", args(name="bot", base="tiny"), recorder, server.state).done
    assert set(done["diff"]["after"]) == {"system", "messages", "license"}
    assert content(server, "bot") == WHOLE


def test_a_license_is_added_once_however_often_the_model_is_made_anew(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    server.make("tiny", gguf, **RICH)
    for number in range(3):
        desired = args(name="bot", base="tiny", license="Mine", system=f"number {number}")
        assert succeed("ollama_model", desired)["changed"]
        assert server.show("bot")["license"] == "One\nTwo\nMine"
    unchanged("ollama_model", desired, recorder)


def test_what_is_made_from_bare_weights_notices_other_weights(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, other_gguf: Path
) -> None:
    server.make("tiny", gguf, **RICH)
    desired = args(name="bot", base="tiny", system="")
    succeed("ollama_model", desired)
    server.make("tiny", other_gguf, **RICH)
    done = quadruple("ollama_model", desired, recorder, server.state).done
    assert set(done["diff"]["after"]) == {server.weights_that_differ}


def test_a_missing_base_is_pulled_and_then_cleared(
    server: Ollama, recorder: Recorder, args: Args, bed: dict[str, Any]
) -> None:
    desired = args(name="bot", base=bed["registry_model"], insecure=True, system="", messages=[])
    quadruple("ollama_model", desired, recorder, server.state)
    assert server.show("bot").get("system") is None
