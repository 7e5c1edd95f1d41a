"""Pins, mirrors, copies, and drift that is told without a download."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from fake_registry import Fault, Registry, digest
from runner import fail, quadruple, sentence, succeed, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Ollama
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]

MODEL = "library/m:1"


def blob(text: str) -> bytes:
    """Return bytes that the server takes for weights as long as nobody loads them."""
    return b"GGUF" + bytes(4000) + text.encode()


@pytest.fixture
def weights(gguf: Path) -> bytes:
    """A model that can be shown."""
    return gguf.read_bytes()


@pytest.fixture
def other(other_gguf: Path) -> bytes:
    """Another one."""
    return other_gguf.read_bytes()


# --- pins


@pytest.mark.parametrize("length", [12, 64])
def test_a_pinned_model_is_pulled_and_stays(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, weights: bytes, other: bytes, length: int
) -> None:
    name = registry.publish(MODEL, weights)
    pin = registry_digest(registry)[:length]
    desired = args(name=name, digest=pin, insecure=True)
    quadruple("ollama_model", desired, recorder, server.state)
    registry.publish(MODEL, other)
    registry.requests.clear()
    unchanged("ollama_model", desired, recorder)
    assert registry.requests == []


def registry_digest(registry: Registry, model: str = MODEL) -> str:
    """Return the digest by which a registry's manifest is known."""
    return digest(registry.manifests[model]).removeprefix("sha256:")


def test_a_pin_that_the_registry_does_not_serve_is_refused_before_any_write(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, weights: bytes, other: bytes
) -> None:
    desired = args(name=registry.publish(MODEL, weights), insecure=True)
    succeed("ollama_model", desired)
    before = server.state()
    registry.publish(MODEL, other)
    recorder.clear()
    for check in (True, False):
        message = sentence("ollama_model", {**desired, "digest": "0123456789ab"}, check=check)
        assert "is pinned to the digest 0123456789ab, but the registry serves" in message
    assert not recorder.writes()
    assert server.state() == before


@pytest.mark.parametrize("there", [True, False])
def test_a_pull_that_brings_another_digest_than_pinned_is_taken_back(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, weights: bytes, other: bytes, there: bool
) -> None:
    """The managed host cannot ask the registry, and the server can: so the pin is only seen after the pull."""
    desired = args(name=registry.publish(MODEL, weights), insecure=True)
    if there:
        succeed("ollama_model", desired)
    before = {name: model["digest"] for name, model in server.models().items()}
    registry.publish(MODEL, other)
    registry.faults[MODEL] = Fault(status=500, body=b"not you", times=1)
    message = sentence("ollama_model", {**desired, "digest": "0123456789ab"})
    assert "is pinned to the digest 0123456789ab, but what was pulled is" in message
    assert {name: model["digest"] for name, model in server.models().items()} == before
    if there:
        assert server.show(desired["name"])["modelfile"].count(digest(weights)[7:]) == 1


def test_a_pin_that_could_not_be_looked_up_is_warned_of_and_proven_by_the_pull(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, weights: bytes
) -> None:
    desired = args(name=registry.publish(MODEL, weights), insecure=True, digest="0" * 12)
    desired["digest"] = registry_digest(registry)
    registry.faults[MODEL] = Fault(status=500, body=b"not you", times=1)
    done = succeed("ollama_model", desired)
    assert "was not checked before its pull" in str(done["warnings"])
    unchanged("ollama_model", desired, recorder)


def test_a_pin_holds_for_a_manifest_however_the_server_stores_it(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, weights: bytes
) -> None:
    name = registry.publish(MODEL, weights, pretty=True)
    pin = registry_digest(registry)
    quadruple("ollama_model", args(name=name, digest=pin[:12], insecure=True), recorder, server.state)
    assert server.models()[name]["digest"].startswith(pin[:12]) is server.keeps_manifests


# --- drift


def test_a_manifest_that_says_the_same_in_other_words_is_no_drift(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, weights: bytes
) -> None:
    desired = args(name=registry.publish(MODEL, weights, system="x"), insecure=True, state="latest")
    succeed("ollama_model", desired)
    content = json.loads(registry.manifests[MODEL])
    content["layers"].reverse()
    registry.manifests[MODEL] = json.dumps(content).encode()
    unchanged("ollama_model", desired, recorder)
    other_text = json.loads(registry.manifests[MODEL])
    registry.publish(MODEL, weights, system="y")
    assert registry.manifests[MODEL] != json.dumps(other_text).encode()
    quadruple("ollama_model", desired, recorder, server.state)


def test_updates_are_told_of_without_a_download(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, weights: bytes, gguf: Path
) -> None:
    names = [registry.publish(f"library/m{number}:1", weights) for number in range(3)]
    for name in names:
        succeed("ollama_model", args(name=name, insecure=True))
    server.make("own", gguf)
    registry.publish("library/m1:1", weights, system="new")
    registry.faults["library/m2:1"] = Fault(status=503, body=b"busy")
    registry.requests.clear()
    recorder.clear()
    told = succeed("ollama_model_info", args(check_updates=True, insecure=[registry.host]))
    assert not recorder.writes()
    assert [request for request in registry.requests if "blobs" in request] == []
    found = {model["name"]: model["update_available"] for model in told["models"]}
    assert found == {names[0]: False, names[1]: True, names[2]: None, "own:latest": None}
    assert names[2] in str(told["warnings"])
    assert succeed("ollama_model_info", args(name=names[1], check_updates=True, insecure=[registry.host]))["models"][0][
        "update_available"
    ]


def test_another_model_of_the_same_size_is_drift_though_its_files_lie_on_the_server(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, weights: bytes, other: bytes
) -> None:
    assert len(weights) == len(other)
    x, v2 = registry.publish("library/x:1", weights), registry.publish("library/x:2", other)
    for name in (x, v2):
        succeed("ollama_model", args(name=name, insecure=True))
    registry.publish("library/x:1", other)
    told = succeed("ollama_model_info", args(name=x, check_updates=True, insecure=[registry.host]))
    assert told["models"][0]["update_available"]
    quadruple("ollama_model", args(name=x, insecure=True, state="latest"), recorder, server.state)
    assert server.models()[x]["digest"] == server.models()[v2]["digest"]


def test_a_text_of_the_same_length_is_drift_though_its_file_lies_on_the_server(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, weights: bytes
) -> None:
    name = registry.publish(MODEL, weights, system="Be brief.")
    succeed("ollama_model", args(name=name, insecure=True))
    server.call("POST", f"blobs/{digest(b'Be bread.')}", b"Be bread.")
    registry.publish(MODEL, weights, system="Be bread.")
    quadruple("ollama_model", args(name=name, insecure=True, state="latest"), recorder, server.state)
    assert server.show(name)["system"] == "Be bread."


def test_the_latest_that_cannot_be_compared_afterwards_says_what_was_done(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, weights: bytes
) -> None:
    name = registry.publish(MODEL, weights)
    desired = args(name=name, insecure=True, state="latest")
    # The module asks before the pull, the server in it, and the module again.
    registry.faults[MODEL] = Fault(status=503, body=b"busy", skip=2)
    message = fail("ollama_model", desired)
    assert "cannot be told" in message["msg"]
    assert (message["changed"], message["done"]) == (True, [name])


# --- mirrors


def test_a_mirror_brings_the_short_name_with_the_digest_of_the_origin(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, weights: bytes
) -> None:
    registry.publish("library/llama9:8b", weights)
    desired = args(name="llama9:8b", mirror=f"http://{registry.host}")
    quadruple("ollama_model", desired, recorder, server.state)
    assert server.names() == {"llama9:8b"}
    stored = server.models()["llama9:8b"]["digest"]
    latest = {**desired, "state": "latest"}
    unchanged("ollama_model", latest, recorder)
    registry.publish("library/llama9:8b", weights, system="new")
    quadruple("ollama_model", latest, recorder, server.state)
    assert server.models()["llama9:8b"]["digest"] != stored
    assert server.names() == {"llama9:8b"}


def test_a_mirror_serves_bases_too_and_leaves_names_that_were_there(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, weights: bytes
) -> None:
    by_mirror = registry.publish("library/llama9:8b", weights)
    succeed("ollama_model", args(name=by_mirror, insecure=True))
    desired = args(name="bot", base="llama9:8b", mirror=f"http://{registry.host}", system="x")
    quadruple("ollama_model", desired, recorder, server.state)
    assert server.names() == {"llama9:8b", "bot:latest", by_mirror}


def test_a_mirror_that_fails_leaves_nothing(server: Ollama, recorder: Recorder, args: Args, registry: Registry) -> None:
    message = sentence("ollama_model", args(name="llama9:8b", mirror=f"http://{registry.host}"))
    assert f"{registry.host}/library/llama9:8b could not be pulled: the registry has no such model" in message
    assert server.names() == set()


@pytest.mark.parametrize("workers", [1, 4])
def test_a_mirrors_own_name_that_is_listed_stays(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, weights: bytes, workers: int
) -> None:
    by_mirror, mirror = registry.publish("library/x:1", weights), f"http://{registry.host}"
    models = [
        {"name": by_mirror, "insecure": True},
        {"name": "x:1", "mirror": mirror},
        {"name": "hf.co/library/x:1", "mirror": mirror},
        {"name": "bot", "base": "x:1", "mirror": mirror, "system": "x"},
    ]
    quadruple("ollama_models", args(models=models, workers=workers), recorder, server.state)
    assert server.names() == {by_mirror, "x:1", "hf.co/library/x:1", "bot:latest"}


def test_what_somebody_has_by_the_mirrors_name_stays_as_it_is(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, weights: bytes, other: bytes
) -> None:
    by_mirror = registry.publish("library/x:1", weights)
    succeed("ollama_model", args(name=by_mirror, insecure=True))
    before = server.models()[by_mirror]["digest"]
    registry.publish("library/x:1", other)
    succeed("ollama_model", args(name="x:1", mirror=f"http://{registry.host}"))
    models = server.models()
    assert models.keys() == {by_mirror, "x:1"}
    assert models[by_mirror]["digest"] == before != models["x:1"]["digest"]


@pytest.mark.parametrize("call", ["POST /api/copy", "DELETE /api/delete"])
def test_a_mirrors_name_goes_although_the_road_broke(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, weights: bytes, call: str
) -> None:
    by_mirror = registry.publish("library/x:1", weights)
    desired = args(name="x:1", mirror=f"http://{registry.host}")
    recorder.answer(call, {"error": "no"}, status=500, times=1)
    message = sentence("ollama_model", desired)
    assert f"The model x:1 came from its mirror, but {by_mirror} could not become it" in message
    assert by_mirror not in server.names()
    succeed("ollama_model", desired)
    assert server.names() == {"x:1"}


def test_what_could_not_be_brought_back_stays_aside_and_is_named(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, weights: bytes, other: bytes
) -> None:
    desired = args(name=registry.publish(MODEL, weights), insecure=True)
    succeed("ollama_model", desired)
    before = server.models()[desired["name"]]["digest"]
    registry.publish(MODEL, other)
    registry.faults[MODEL] = Fault(status=500, body=b"not you", times=1)
    # The first copy puts it aside, the second would bring it back.
    recorder.answer("POST /api/copy", {"error": "no"}, status=500, skip=1)
    message = sentence("ollama_model", {**desired, "digest": "0123456789ab"})
    aside = next(name for name in server.names() if "aside" in name)
    assert "could not be taken away again" in message
    assert f"what was there before is {aside}: copy it back" in message
    assert server.models()[aside]["digest"] == before


# --- copies


def test_a_copy_follows_its_source(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, other_gguf: Path
) -> None:
    server.make("Tiny", gguf)
    desired = args(name="default", source="tiny")
    quadruple("ollama_model", desired, recorder, server.state)
    server.make("tiny", other_gguf)
    quadruple("ollama_model", desired, recorder, server.state)
    models = server.models()
    assert models["default:latest"]["digest"] == models["Tiny:latest"]["digest"]
    server.call("DELETE", "delete", {"model": "tiny"})
    unchanged("ollama_model", desired, recorder)


def test_a_copy_of_nothing_is_refused_before_any_write(server: Ollama, recorder: Recorder, args: Args) -> None:
    for check in (True, False):
        assert "The source tiny:latest is not on the server" in sentence(
            "ollama_model", args(name="default", source="tiny"), check=check
        )
    assert not recorder.writes()


def test_a_copy_waits_for_its_source_and_a_model_is_made_of_the_copy(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, weights: bytes
) -> None:
    name = registry.publish(MODEL, weights)
    models = [
        {"name": "bot", "base": "default", "system": "x"},
        {"name": "default", "source": name},
        {"name": name, "insecure": True},
    ]
    quadruple("ollama_models", args(models=models, purge=True), recorder, server.state)
    assert server.names() == {"bot:latest", "default:latest", name}


def test_a_model_is_renamed(server: Ollama, recorder: Recorder, args: Args, gguf: Path) -> None:
    server.make("old", gguf)
    models = [{"name": "new", "source": "old"}, {"name": "old", "state": "absent"}]
    quadruple("ollama_models", args(models=models), recorder, server.state)
    assert server.names() == {"new:latest"}


@pytest.mark.parametrize("others", [[], [{"name": "old", "state": "absent"}]])
def test_a_model_whose_source_is_gone_stays_as_it_is(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path, others: list[dict[str, Any]]
) -> None:
    server.make("new", gguf)
    unchanged("ollama_models", args(models=[{"name": "new", "source": "old"}, *others]), recorder)


def test_a_purge_keeps_the_source_of_a_copy(server: Ollama, recorder: Recorder, args: Args, gguf: Path) -> None:
    server.make("tiny", gguf)
    server.make("stray", gguf)
    done = quadruple(
        "ollama_models", args(models=[{"name": "default", "source": "tiny"}], purge=True), recorder, server.state
    ).done
    assert done["kept"] == ["tiny:latest"]
    assert server.names() == {"default:latest", "tiny:latest"}
