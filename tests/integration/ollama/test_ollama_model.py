"""A pulled model: there, the latest, or gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fake_registry import Registry, digest
from runner import fail, hides, quadruple, run, sentence, succeed, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Ollama
    from recorder import Recorder

WEIGHTS = b"GGUF" + bytes(300_000)


@pytest.mark.parametrize(
    "name", ["tiny", "tiny:latest", "TINY", "library/tiny", "registry.ollama.ai/library/tiny:Latest"]
)
def test_a_listed_model_is_found_by_every_form_of_its_name_in_one_request(
    server: Ollama, recorder: Recorder, args: Callable[..., dict[str, Any]], gguf: Path, name: str
) -> None:
    server.make("tiny", gguf)
    for check in (True, False):
        result = unchanged("ollama_model", args(name=name), recorder, check=check)
        assert result["model"]["name"] == "tiny:latest"
        assert recorder.seen() == ["GET /api/tags"]


def test_a_model_is_pulled_from_a_real_registry(
    server: Ollama, recorder: Recorder, args: Callable[..., dict[str, Any]], bed: dict[str, Any]
) -> None:
    done = quadruple("ollama_model", args(name=bed["registry_model"], insecure=True), recorder, server.state).done
    assert server.names() == {bed["registry_model"]}
    assert done["model"]["size"] > 100_000
    assert done["model"]["digest"] == server.models()[bed["registry_model"]]["digest"]


def test_latest_is_unchanged_when_the_registry_serves_the_same_digest(
    server: Ollama, recorder: Recorder, args: Callable[..., dict[str, Any]], registry: Registry
) -> None:
    name = registry.publish("library/m:1", WEIGHTS)
    quadruple("ollama_model", args(name=name, state="latest", insecure=True), recorder, server.state)
    unchanged("ollama_model", args(name=name, state="latest", insecure=True), recorder)
    assert recorder.seen() == ["GET /api/tags", "GET /api/version"]
    assert any(agent.startswith(f"ollama/{server.version} (amd64 linux) Go/") for agent in registry.agents)


def test_latest_knows_a_manifest_however_the_server_stores_it(
    server: Ollama, recorder: Recorder, args: Callable[..., dict[str, Any]], registry: Registry
) -> None:
    name = registry.publish("library/m:1", WEIGHTS, pretty=True)
    quadruple("ollama_model", args(name=name, state="latest", insecure=True), recorder, server.state)
    is_kept = server.models()[name]["digest"] == digest(registry.manifests["library/m:1"])[7:]
    assert is_kept is server.keeps_manifests


def test_latest_takes_up_what_the_registry_has_now(
    server: Ollama, recorder: Recorder, args: Callable[..., dict[str, Any]], registry: Registry
) -> None:
    name = registry.publish("library/m:1", WEIGHTS, system="old")
    succeed("ollama_model", args(name=name, insecure=True))
    registry.publish("library/m:1", WEIGHTS, system="new")
    unchanged("ollama_model", args(name=name, insecure=True), recorder)
    done = quadruple("ollama_model", args(name=name, state="latest", insecure=True), recorder, server.state).done
    assert set(done["diff"]["after"]) == {"digest"}
    assert server.show(name)["system"] == "new"


def test_latest_works_with_a_real_registry(
    server: Ollama, recorder: Recorder, args: Callable[..., dict[str, Any]], bed: dict[str, Any], real_registry: str
) -> None:
    name = f"{real_registry}/library/tiny"
    quadruple("ollama_model", args(name=name, state="latest", insecure=True), recorder, server.state)
    server.derive(name, name, system="changed by hand")
    done = quadruple("ollama_model", args(name=name, state="latest", insecure=True), recorder, server.state).done
    assert "system" not in server.show(name) or done["model"]["digest"] == server.models()[f"{name}:latest"]["digest"]


def test_a_model_is_removed_and_its_absence_is_kept(
    server: Ollama, recorder: Recorder, args: Callable[..., dict[str, Any]], gguf: Path
) -> None:
    server.make("tiny", gguf)
    server.derive("other", "tiny")
    done = quadruple("ollama_model", args(name="Tiny", state="absent"), recorder, server.state).done
    assert done["model"] == {}
    assert done["diff"]["before"]["name"] == "tiny:latest"
    assert server.names() == {"other:latest"}


def test_an_empty_model_counts_as_none(
    server: Ollama, recorder: Recorder, args: Callable[..., dict[str, Any]], registry: Registry
) -> None:
    name = registry.publish("library/m:1", WEIGHTS)
    good = registry.manifests["library/m:1"]
    registry.manifests["library/m:1"] = b"{}"
    server.call("POST", "pull", {"model": name, "insecure": True})
    assert server.models()[name]["size"] < 1000
    registry.manifests["library/m:1"] = good
    quadruple("ollama_model", args(name=name, insecure=True), recorder, server.state)
    assert server.models()[name]["size"] > 100_000


def test_an_empty_model_can_be_removed(
    server: Ollama, recorder: Recorder, args: Callable[..., dict[str, Any]], registry: Registry
) -> None:
    registry.manifests["library/m:1"] = b"{}"
    server.call("POST", "pull", {"model": registry.name("library/m:1"), "insecure": True})
    quadruple("ollama_model", args(name=registry.name("library/m:1"), state="absent"), recorder, server.state)
    assert server.names() == set()


def test_headers_reach_the_server_and_no_output(
    server: Ollama, recorder: Recorder, args: Callable[..., dict[str, Any]], gguf: Path
) -> None:
    server.make("tiny", gguf)
    token = "very-secret-token"
    given = args(headers={"Authorization": f"Bearer {token}"})
    hides(succeed("ollama_model", {**given, "name": "tiny"}), token)
    assert recorder.requests[-1].headers["Authorization"] == f"Bearer {token}"
    recorder.answer("GET /api/tags", {"error": f"bad token {token}"}, status=401)
    result = fail("ollama_model", {**given, "name": "tiny"})
    hides(result, token)
    assert "********" in result["msg"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"name": "a b"}, "is no name of a model"),
        ({"name": "tiny@sha256:abc"}, "cannot hold a digest"),
        ({"name": "http://host/ns/tiny"}, "set insecure"),
        ({"name": "m", "system": "x"}, "neither base, files nor a modelfile"),
        ({"name": "m", "base": "M:Latest"}, "cannot be made from itself"),
        ({"name": "m", "base": "b", "state": "latest"}, "cannot be latest"),
        ({"name": "m", "base": "b", "files": "/x"}, "mutually exclusive: base|files|modelfile|source"),
        ({"name": "m", "base": "b", "parameters": {"temprature": 1}}, "did you mean temperature"),
        ({"name": "m", "base": "b", "parameters": {"mirostat": 1}}, "ignored it since 0.7.0"),
        ({"name": "m", "base": "b", "parameters": {"num_ctx": 1.5}}, "must be a whole number of 64 bits, not 1.5"),
        ({"name": "m", "base": "b", "parameters": {"temperature": "warm"}}, "must be a number, not 'warm'"),
        ({"name": "m", "base": "b", "parameters": {"stop": [1]}}, "must be a text or a list of texts"),
        ({"name": "m", "files": []}, "must be the path of a GGUF file"),
        ({"name": "m", "stall_timeout": 0}, "a number of seconds above 0"),
        ({"name": "m", "timeout": -1}, "timeout is -1"),
        ({"name": "m", "url": "localhost:11434"}, "http://host:port"),
    ],
)
def test_what_can_be_known_is_refused_before_any_request(
    recorder: Recorder, args: Callable[..., dict[str, Any]], more: dict[str, Any], words: str
) -> None:
    assert words in sentence("ollama_model", args(**more))
    assert recorder.seen() == []


def test_a_server_that_is_down_is_named(args: Callable[..., dict[str, Any]]) -> None:
    message = sentence("ollama_model", args(name="tiny", url="http://127.0.0.1:1"))
    assert "http://127.0.0.1:1" in message
    assert "connection refused; check url" in message


def test_html_in_place_of_json_is_told(recorder: Recorder, args: Callable[..., dict[str, Any]]) -> None:
    recorder.answer("GET /api/tags", "<html><body>Welcome</body></html>", content_type="text/html")
    message = sentence("ollama_model", args(name="tiny"))
    assert "text/html instead of JSON; check that url is the address of the server itself" in message


def test_json_of_another_server_is_told(recorder: Recorder, args: Callable[..., dict[str, Any]]) -> None:
    recorder.answer("GET /api/tags", [1, 2])
    assert "check that this is the address of an Ollama server" in sentence("ollama_model", args(name="tiny"))


def test_a_refused_host_name_is_explained(recorder: Recorder, args: Callable[..., dict[str, Any]]) -> None:
    recorder.answer("GET /api/tags", b"", status=403, content_type="text/plain")
    assert "OLLAMA_ORIGINS" in sentence("ollama_model", args(name="tiny"))


def test_an_absent_endpoint_is_not_taken_for_an_absent_model(
    recorder: Recorder, args: Callable[..., dict[str, Any]]
) -> None:
    recorder.answer("GET /api/tags", b"404 page not found", status=404, content_type="text/plain")
    assert "there is no such endpoint" in sentence("ollama_model", args(name="tiny"))


def test_a_damaged_model_that_cannot_be_removed_is_told(
    server: Ollama, recorder: Recorder, args: Callable[..., dict[str, Any]], gguf: Path
) -> None:
    server.make("tiny", gguf)
    recorder.answer("DELETE /api/delete", {"error": "unexpected EOF"}, status=500)
    message = sentence("ollama_model", args(name="tiny", state="absent"))
    assert "unexpected EOF" in message
    assert "models/manifests" in message


def test_a_module_may_be_run_in_check_mode_without_a_model(
    server: Ollama, recorder: Recorder, args: Callable[..., dict[str, Any]]
) -> None:
    result = run("ollama_model", args(name="never-heard-of"), check=True)
    assert result["changed"]
    assert recorder.seen() == ["GET /api/tags"]
    assert server.names() == set()
