"""Servers and registries that answer what no server should, and long roads of models."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from fake_registry import Fault, Registry
from runner import quadruple, run, sentence, succeed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Ollama
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]

MODEL = "library/m:1"
TINY = {"name": "tiny:latest", "digest": "0" * 64, "size": 5000}


@pytest.mark.parametrize("models", [["a"], "abc", {"a": 1}, 5, [{}], [{"name": 5}], [[{"name": "a"}]]])
@pytest.mark.parametrize("call", ["GET /api/tags", "GET /api/ps"])
def test_a_list_of_models_that_is_none_is_told(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, call: str, models: Any
) -> None:
    server.make("tiny", gguf)
    recorder.answer(call, {"models": models})
    message = sentence("ollama_model", args(name="tiny", loaded=True))
    assert "no list of models with names; check that this is the address of an Ollama server" in message


@pytest.mark.parametrize(
    "odd",
    [
        {"size": "abc"},
        {"size": [1]},
        {"size": 1e300},
        {"digest": [1]},
        {"digest": None},
        {"details": [1]},
        {"modified_at": 3},
    ],
)
def test_odd_fields_of_a_listed_model_are_no_traceback(recorder: Recorder, args: Args, odd: dict[str, Any]) -> None:
    recorder.answer("GET /api/tags", {"models": [{**TINY, **odd}]})
    for more in ({}, {"loaded": True}, {"state": "absent"}):
        result = run("ollama_model", args(name="tiny", **more), check=True)
        assert "does not know" not in str(result.get("msg"))


@pytest.mark.parametrize(
    "odd",
    [
        {"parameters": {"a": 1}},
        {"parameters": [1]},
        {"messages": "Hi"},
        {"messages": [5]},
        {"details": [1]},
        {"capabilities": 5},
        {"modelfile": None},
        {"system": 5},
        {"license": ["a"]},
        {"template": {}},
    ],
)
def test_odd_content_is_no_traceback(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, odd: dict[str, Any]
) -> None:
    server.make("tiny", gguf)
    recorder.answer("POST /api/show", {**server.show("tiny"), **odd})
    result = run("ollama_model", args(name="bot", base="tiny", system="x"), check=True)
    assert "does not know" not in str(result.get("msg"))


@pytest.mark.parametrize("expires", ["2024-99-99T00:00:00Z", "0000-01-01T00:00:00Z", "2024-01-01T00:00:00+99:99", 5])
def test_an_odd_time_is_no_traceback(server: Ollama, recorder: Recorder, args: Args, gguf: Path, expires: Any) -> None:
    server.make("tiny", gguf)
    entry = {"name": "tiny:latest", "digest": server.models()["tiny:latest"]["digest"], "expires_at": expires}
    recorder.answer("GET /api/ps", {"models": [entry]})
    succeed("ollama_model", args(name="tiny", loaded=True, keep_alive="10m"), check=True)


@pytest.mark.parametrize(
    "target",
    ["ftp://h/x", "file:///etc/passwd", "http://h:99999/", "http://u:pw@h/x", "http://[::1", f"http://{'a' * 400}/"],
)
def test_a_redirect_to_nowhere_is_told_of_the_model(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, target: str
) -> None:
    name = registry.publish(MODEL, b"GGUF")
    registry.faults[MODEL] = Fault(status=307, body=b"", headers={"Location": target})
    message = sentence("ollama_model", args(name=name, insecure=True, state="latest", timeout=2))
    assert f"Whether {name} is the latest cannot be told, because" in message
    assert "pw@" not in message


def test_a_manifest_without_end_is_not_read_to_its_end(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry
) -> None:
    name = registry.publish(MODEL, b"GGUF")
    registry.manifests[MODEL] = b" " * 5_000_000
    assert "a response of more than 4194304 bytes" in sentence(
        "ollama_model", args(name=name, insecure=True, state="latest")
    )


def test_several_models_in_one_are_refused_before_any_write(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, other_gguf: Path
) -> None:
    for check in (True, False):
        message = sentence("ollama_model", args(name="two", files=[str(gguf), str(other_gguf)]), check=check)
        assert "which are models of their own" in message
    assert not recorder.writes()


def test_a_long_road_of_models_is_foreseen_in_no_time(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    models: list[dict[str, Any]] = [{"name": "c0", "files": str(gguf)}]
    for number in range(1, 300):
        models.append({"name": f"k{number}", "source": f"c{number - 1}"})
        models.append({"name": f"c{number}", "base": f"k{number}"})
    begun = time.monotonic()
    foreseen = succeed("ollama_models", args(models=models), check=True)
    assert len(foreseen["plan"]) == 599
    # Two to the power of the models' number would never end; a loaded machine may take seconds.
    assert time.monotonic() - begun < 60


def test_a_short_road_of_models_is_made_from_its_root(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, other_gguf: Path, tmp_path: Path
) -> None:
    path = tmp_path / "m.gguf"
    models = [
        {"name": "d", "base": "c"},
        {"name": "c", "source": "b"},
        {"name": "b", "base": "a", "parameters": {"top_k": 3}},
        {"name": "a", "files": str(path), "system": "x"},
    ]
    for content in (gguf, other_gguf):
        path.write_bytes(content.read_bytes())
        quadruple("ollama_models", args(models=models), recorder, server.state)
    assert server.show("d")["system"] == "x"
