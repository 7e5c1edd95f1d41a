"""Models in memory: loaded, kept, unloaded, and never another one's."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from runner import quadruple, sentence, succeed, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Ollama
    from fake_registry import Registry
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]


def running(server: Ollama) -> list[str]:
    """Return the names of what is in memory."""
    return [entry["name"] for entry in server.call("GET", "ps")["models"]]


def unload(server: Ollama) -> None:
    """Take everything out of memory."""
    for entry in server.call("GET", "ps")["models"]:
        # A name that is gone cannot be called; another one of the same weights can.
        names = [name for name, model in server.models().items() if model["digest"] == entry["digest"]]
        server.call("POST", "generate", {"model": names[0], "keep_alive": 0})
    until = time.monotonic() + 10
    while running(server):
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.fixture(autouse=True)
def _nothing_in_memory(server: Ollama) -> Iterator[None]:
    yield
    unload(server)


def load(server: Ollama, name: str, keep_alive: Any = "5m") -> None:
    """Bring a model into memory, past all modules."""
    server.call("POST", "generate", {"model": name, "keep_alive": keep_alive})


def test_a_model_is_loaded_and_unloaded(server: Ollama, recorder: Recorder, args: Args, gguf: Path) -> None:
    server.make("tiny", gguf)
    quadruple("ollama_model", args(name="tiny", loaded=True), recorder, lambda: running(server))
    assert running(server) == ["tiny:latest"]
    quadruple("ollama_model", args(name="tiny", loaded=False), recorder, lambda: running(server))
    assert running(server) == []
    unchanged("ollama_model", args(name="tiny"), recorder)


def test_a_new_model_is_made_and_loaded_at_once(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, registry: Registry
) -> None:
    name = registry.publish("library/m:1", gguf.read_bytes())
    models = [
        {"name": name, "insecure": True, "loaded": True},
        {"name": "bot", "base": name, "system": "x", "loaded": True, "keep_alive": "forever"},
    ]
    quadruple("ollama_models", args(models=models), recorder)
    assert len(running(server)) == 1


@pytest.mark.parametrize(
    ("before", "wanted", "changes"),
    [
        ("5m", "10m", False),
        (600, "300", True),
        (-1, "10m", True),
        ("10m", "forever", True),
        (-1, "-1", False),
        ("10m", None, False),
    ],
)
def test_how_long_a_model_is_kept_is_compared_as_far_as_it_can_be_told(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, before: Any, wanted: str | None, changes: bool
) -> None:
    server.make("tiny", gguf)
    load(server, "tiny", before)
    desired = args(name="tiny", loaded=True, keep_alive=wanted)
    if changes:
        done = quadruple("ollama_model", desired, recorder).done
        assert set(done["diff"]["after"]) == {"keep_alive"}
    else:
        unchanged("ollama_model", desired, recorder)


def test_a_model_is_loaded_whose_weights_are_by_whatever_name(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    server.make("tiny", gguf)
    server.derive("bot", "tiny", system="x")
    server.call("POST", "copy", {"source": "tiny", "destination": "alias"})
    load(server, "tiny")
    for name in ("alias", "bot"):
        unchanged("ollama_model", args(name=name, loaded=True), recorder)


def test_an_unload_that_would_take_another_along_is_refused(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, other_gguf: Path
) -> None:
    server.make("tiny", gguf)
    server.make("other", other_gguf)
    server.derive("bot", "tiny", system="x")
    load(server, "tiny")
    load(server, "other")
    for check in (True, False):
        message = sentence("ollama_model", args(name="bot", loaded=False), check=check)
        assert "cannot be unloaded alone, because its weights are in memory for tiny:latest" in message
    assert not recorder.writes()
    both = [{"name": "bot", "loaded": False}, {"name": "tiny", "loaded": False}]
    quadruple("ollama_models", args(models=both), recorder)
    assert running(server) == ["other:latest"]


def test_models_of_the_same_weights_cannot_be_both_in_memory_and_not(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    server.make("tiny", gguf)
    server.derive("bot", "tiny", system="x")
    load(server, "tiny")
    models = [{"name": "bot", "loaded": True}, {"name": "tiny", "loaded": False}]
    message = sentence("ollama_models", args(models=models))
    assert "tiny:latest cannot be unloaded, because bot:latest has the same weights and must be loaded" in message
    assert not recorder.writes()


def test_what_cannot_be_loaded_is_told(server: Ollama, recorder: Recorder, args: Args, gguf: Path) -> None:
    server.make("tiny", gguf, parameters={"stop": "no list"})
    message = sentence("ollama_model", args(name="tiny", loaded=True))
    assert message.startswith("The model tiny:latest could not be loaded; the server said: ")
    assert running(server) == []


def test_a_removed_model_does_not_stay_in_memory(server: Ollama, recorder: Recorder, args: Args, gguf: Path) -> None:
    server.make("tiny", gguf)
    load(server, "tiny", -1)
    succeed("ollama_model", args(name="tiny", state="absent"))
    assert running(server) == []
    server.make("tiny", gguf)
    server.call("POST", "copy", {"source": "tiny", "destination": "alias"})
    load(server, "alias", -1)
    succeed("ollama_model", args(name="tiny", state="absent"))
    assert running(server) == ["alias:latest"]


@pytest.mark.parametrize("road", ["made", "pulled"])
def test_weights_that_are_replaced_do_not_stay_in_memory(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, other_gguf: Path, registry: Registry, road: str
) -> None:
    if road == "made":
        server.make("tiny", gguf)
        desired = args(name="bot", base="tiny", loaded=True, keep_alive="forever")
    else:
        name = registry.publish("library/m:1", gguf.read_bytes())
        desired = args(name=name, insecure=True, state="latest", loaded=True, keep_alive="forever")
    succeed("ollama_model", desired)
    if road == "made":
        server.make("tiny", other_gguf)
    else:
        registry.publish("library/m:1", other_gguf.read_bytes())
    quadruple("ollama_model", desired, recorder)
    entries = server.call("GET", "ps")["models"]
    assert [entry["digest"] for entry in entries] == [server.models()[entries[0]["name"]]["digest"]]
    assert not [name for name in server.names() if "aside" in name]


@pytest.mark.parametrize(("days", "twin", "stays"), [(2, True, False), (0, True, True), (2, False, True)])
def test_what_a_killed_run_had_put_aside_goes_when_nobody_can_need_it(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, other_gguf: Path, days: int, twin: bool, stays: bool
) -> None:
    """The time at which it was put aside is recorded."""
    aside = "selfhosted-llm-aside/0123:latest"
    server.make("tiny", gguf)
    server.make(aside, gguf if twin else other_gguf)
    listed = server.call("GET", "tags")["models"]
    for model in listed:
        if model["name"] == aside:
            model["modified_at"] = (datetime.now(timezone.utc) - timedelta(days=days)).isoformat()
    recorder.answer("GET /api/tags", {"models": listed}, times=1)
    done = succeed("ollama_model", args(name="bot", base="tiny"))
    assert (aside in server.names()) is stays
    assert (f"The model {aside} is what a run that was killed had put aside" in str(done.get("warnings"))) is not twin


def test_a_name_that_goes_leaves_its_weights_in_memory_to_another(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    server.make("old-name", gguf)
    load(server, "old-name", -1)
    models = [{"name": "house-default", "source": "old-name", "loaded": True}, {"name": "old-name", "state": "absent"}]
    quadruple("ollama_models", args(models=models), recorder)
    assert len(running(server)) == 1


def test_a_copy_over_a_loaded_model_leaves_nothing_in_memory(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, other_gguf: Path
) -> None:
    server.make("a", gguf)
    server.make("b", other_gguf)
    for source, loaded, count in (("a", True, 1), ("b", True, 1), ("a", False, 0)):
        quadruple("ollama_model", args(name="x", source=source, loaded=loaded), recorder)
        assert len(running(server)) == count


@pytest.mark.parametrize(
    ("models", "words"),
    [
        (
            [
                {"name": "y", "source": "tiny", "loaded": True, "keep_alive": "1h"},
                {"name": "z", "base": "y", "loaded": True, "keep_alive": "forever"},
            ],
            "have the same weights, which are kept in memory for one time",
        ),
        (
            [{"name": "y", "source": "tiny", "loaded": False}, {"name": "z", "source": "y", "loaded": True}],
            "y:latest cannot be unloaded, because z:latest has the same weights",
        ),
    ],
)
def test_two_words_about_the_same_weights_are_refused_before_any_write(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, models: list[dict[str, Any]], words: str
) -> None:
    server.make("tiny", gguf)
    assert words in sentence("ollama_models", args(models=models))
    assert not recorder.writes()


def test_what_is_in_memory_by_a_name_that_is_gone_is_unloaded(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    server.make("gone", gguf)
    load(server, "gone", -1)
    server.call("POST", "copy", {"source": "gone", "destination": "left"})
    server.call("DELETE", "delete", {"model": "gone"})
    quadruple("ollama_model", args(name="left", loaded=False), recorder)
    assert running(server) == []


def test_more_models_than_the_server_holds_are_told(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, other_gguf: Path, tmp_path: Path
) -> None:
    models = []
    weights = gguf.read_bytes()
    for number in range(5):
        path = tmp_path / f"{number}.gguf"
        # One weight differs: files that differ in their padding alone are one model where uploads are stored anew.
        path.write_bytes(weights[:-66] + number.to_bytes(2, "little") + weights[-64:])
        models.append({"name": f"m{number}", "files": str(path), "loaded": True})
    message = sentence("ollama_models", args(models=models))
    assert "may have been taken out of memory again for others" in message
    assert "OLLAMA_MAX_LOADED_MODELS" in message


def test_a_time_of_centuries_is_forever(server: Ollama, recorder: Recorder, args: Args, gguf: Path) -> None:
    server.make("tiny", gguf)
    quadruple("ollama_model", args(name="tiny", loaded=True, keep_alive="9999999999h"), recorder)
