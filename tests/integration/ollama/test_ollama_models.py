"""A list of models: one read, one plan, the writes in parallel and in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from runner import fail, quadruple, sentence, succeed, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Ollama
    from fake_registry import Registry
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]

WEIGHTS = b"GGUF" + bytes(300_000)


def test_sixty_models_that_are_as_wanted_take_one_request(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    server.make("tiny", gguf)
    for number in range(59):
        server.call("POST", "copy", {"source": "tiny", "destination": f"m{number}"})
    desired = args(models=[{"name": "tiny"}, *({"name": f"M{number}"} for number in range(59))], purge=True)
    result = unchanged("ollama_models", desired, recorder)
    assert recorder.seen() == ["GET /api/tags"]
    assert len(result["models"]) == 60


def test_a_list_is_pulled_made_and_purged(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, registry: Registry
) -> None:
    names = [registry.publish(f"library/m{number}:1", WEIGHTS + bytes([number])) for number in range(3)]
    server.make("tiny", gguf)
    server.make("stray", gguf)
    models = [
        {"name": "grandchild", "base": "child", "parameters": {"num_ctx": 7}},
        {"name": "child", "base": "TINY", "parameters": {"top_k": 3}, "system": "x"},
        *({"name": name, "insecure": True} for name in names),
        {"name": "never", "state": "absent"},
    ]
    results = quadruple("ollama_models", args(models=models, purge=True), recorder, server.state)
    assert server.names() == {"tiny:latest", "child:latest", "grandchild:latest", *names}
    assert results.done["kept"] == ["tiny:latest"]
    assert results.done["models"][0]["parameters"] == {"num_ctx": 7, "top_k": 3}
    assert {step["name"]: step["action"] for step in results.foreseen["plan"]} == {
        **dict.fromkeys(["child:latest", "grandchild:latest", *names], "create"),
        "stray:latest": "delete",
    }
    assert recorder.seen("GET") == ["GET /api/tags"]
    assert len(recorder.seen("POST /api/show")) == 3


def test_what_is_made_from_a_base_follows_it_in_the_same_run(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, gguf: Path, other_gguf: Path
) -> None:
    base = registry.publish("library/base:1", gguf.read_bytes())
    models = [
        {"name": "bot", "base": base, "parameters": {"num_ctx": 7}},
        {"name": base, "state": "latest", "insecure": True},
    ]
    quadruple("ollama_models", args(models=models), recorder, server.state)
    registry.publish("library/base:1", other_gguf.read_bytes(), system="new")
    done = quadruple("ollama_models", args(models=models), recorder, server.state).done
    assert {step["name"] for step in done["plan"]} == {"bot:latest", base}
    assert server.show("bot")["system"] == "new"


def test_a_base_that_is_made_in_the_same_run_is_foreseen(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    models = [
        {"name": "child", "base": "parent", "parameters": {"num_ctx": 7}},
        {"name": "parent", "files": str(gguf), "parameters": {"top_k": 3}, "system": "old"},
    ]
    done = quadruple("ollama_models", args(models=models), recorder, server.state).done
    assert done["diff"]["after"]["child:latest"]["parameters"] == {"num_ctx": 7, "top_k": 3}
    models[1]["system"] = "new"
    done = quadruple("ollama_models", args(models=models), recorder, server.state).done
    assert done["diff"]["after"] == {"child:latest": {"system": "new"}, "parent:latest": {"system": "new"}}


def test_a_base_that_two_need_is_pulled_once(
    server: Ollama, recorder: Recorder, args: Args, bed: dict[str, Any]
) -> None:
    models = [{"name": name, "base": bed["registry_model"], "insecure": True, "system": name} for name in "abc"]
    recorder.clear()
    succeed("ollama_models", args(models=models))
    assert len(recorder.seen("POST /api/pull")) == 1
    assert server.names() == {"a:latest", "b:latest", "c:latest", bed["registry_model"]}


def test_the_first_failure_tells_what_was_done_and_what_not(server: Ollama, args: Args, registry: Registry) -> None:
    good = registry.publish("library/good:1", WEIGHTS)
    models = [
        {"name": good, "insecure": True},
        {"name": registry.name("library/none:1"), "insecure": True},
        {"name": "bot", "base": registry.name("library/none:1")},
    ]
    result = fail("ollama_models", args(models=models, workers=1))
    assert result["changed"]
    assert result["done"] == [good]
    assert [step["name"] for step in result["failed_steps"]] == [registry.name("library/none:1")]
    assert result["not_begun"] == ["bot:latest"]
    assert "the registry has no such model" in result["msg"]
    assert "Of 3 models to change, 1 were done, 1 failed and 1 were not begun." in result["msg"]
    assert server.names() == {good}


@pytest.mark.parametrize("models", [[], [{"name": "tiny", "state": "absent"}]])
def test_purging_all_needs_a_word(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, models: list[dict[str, Any]]
) -> None:
    server.make("tiny", gguf)
    assert "say purge_all" in sentence("ollama_models", args(models=models, purge=True))
    assert recorder.seen() == []
    quadruple("ollama_models", args(models=models, purge=True, purge_all=True), recorder, server.state)
    assert server.names() == set()


@pytest.mark.parametrize(
    ("models", "words"),
    [
        ([{"name": "a"}, {"name": "A:latest"}], "is listed twice"),
        ([{"name": "a", "base": "b"}, {"name": "b", "base": "c"}, {"name": "c", "base": "A"}], "in a circle"),
        ([{"name": "a", "base": "b"}, {"name": "b", "state": "absent"}], "a:latest is made from it"),
        ([{"name": "a", "base": "b", "files": "c"}], "mutually exclusive"),
        ([{"name": "a", "temperature": 1}], "Unsupported parameters"),
    ],
)
def test_a_list_that_contradicts_itself_is_refused_before_any_request(
    recorder: Recorder, args: Args, models: list[dict[str, Any]], words: str
) -> None:
    assert words in sentence("ollama_models", args(models=models))
    assert recorder.seen() == []


def test_a_purge_keeps_what_another_run_has_set_aside_until_it_is_old(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    server.make("tiny", gguf)
    aside = f"selfhosted-llm-aside/{'ab' * 16}:latest"
    server.call("POST", "copy", {"source": "tiny", "destination": aside})
    desired = args(models=[{"name": "tiny"}], purge=True)
    for check in (True, False):
        assert unchanged("ollama_models", desired, recorder, check=check)["kept"] == [aside]
    named = args(models=[{"name": "tiny"}, {"name": aside, "state": "absent"}])
    assert succeed("ollama_models", named, check=True)["changed"]
    old = [{**model, "modified_at": "2020-01-01T00:00:00Z"} for model in server.models().values()]
    recorder.answer("GET /api/tags", {"models": old}, times=1)
    assert [step["name"] for step in succeed("ollama_models", desired, check=True)["plan"]] == [aside]
