"""What servers up to 0.33 changed. None is within reach, so their answers are recorded, by their source."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from runner import sentence, succeed, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Ollama
    from fake_registry import Registry
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]

MODEL = "library/m:1"
DIGEST = "e3e78c599d2ccdddd3e9b5101959bbe50c488ffa62e430425c6b3c062eddd385"
STUB = {
    "name": "gpt-oss:120b-cloud",
    "model": "gpt-oss:120b-cloud",
    "remote_model": "gpt-oss:120b",
    "remote_host": "https://ollama.com:443",
    "modified_at": "2026-08-20T10:00:00Z",
    "size": 384,
    "digest": DIGEST,
    "details": {"parent_model": "", "format": "", "family": "", "families": None},
    "capabilities": ["completion", "tools", "thinking"],
}


@pytest.mark.parametrize(("version", "spelled_anew"), [("0.18.3", True), ("0.19.0", False), ("0.33.0-rc2", False)])
def test_a_pulled_manifest_is_foreseen_as_the_server_will_store_it(
    recorder: Recorder, args: Args, registry: Registry, gguf: Path, version: str, spelled_anew: bool
) -> None:
    recorder.answer("GET /api/version", {"version": version})
    name = registry.publish(MODEL, gguf.read_bytes(), pretty=True)
    foreseen = succeed("ollama_model", args(name=name, state="latest", insecure=True), check=True)
    served = hashlib.sha256(registry.manifests[MODEL]).hexdigest()
    assert (foreseen["diff"]["after"]["digest"] != served) is spelled_anew


def test_a_registry_is_told_the_servers_version(recorder: Recorder, args: Args, registry: Registry, gguf: Path) -> None:
    recorder.answer("GET /api/version", {"version": "0.33.0"})
    succeed("ollama_model", args(name=registry.publish(MODEL, gguf.read_bytes()), state="latest", insecure=True))
    assert any(agent.startswith("ollama/0.33.0 ") for agent in registry.agents)


def test_a_stub_of_a_cloud_model_is_no_broken_model(recorder: Recorder, args: Args) -> None:
    recorder.answer("GET /api/tags", {"models": [STUB]})
    unchanged("ollama_models", args(models=[{"name": "gpt-oss:120b-cloud"}], purge=True), recorder)


def test_a_stub_that_nobody_lists_is_purged(recorder: Recorder, args: Args, server: Ollama, gguf: Path) -> None:
    server.make("tiny", gguf)
    listed = server.call("GET", "tags")["models"]
    recorder.answer("GET /api/tags", {"models": [STUB, *listed]}, times=1)
    done = succeed("ollama_models", args(models=[{"name": "tiny"}], purge=True), check=True)
    assert [step["name"] for step in done["plan"]] == ["gpt-oss:120b-cloud"]


def test_an_error_of_a_stream_that_comes_as_a_status_is_told(
    recorder: Recorder, args: Args, server: Ollama, gguf: Path
) -> None:
    server.make("tiny", gguf)
    recorder.answer("GET /api/version", {"version": "0.33.0"})
    recorder.answer("POST /api/create", {"error": "invalid model name"}, status=400)
    message = sentence("ollama_model", args(name="bot", base="tiny", system="x"))
    assert message == "The model bot:latest could not be created; the server said: invalid model name."


def test_an_error_in_the_middle_of_a_streamed_create_is_told_and_leaves_nothing(
    recorder: Recorder, args: Args, server: Ollama, gguf: Path
) -> None:
    server.make("tiny", gguf)
    recorder.answer("GET /api/version", {"version": "0.33.0"})
    lines = '{"status":"quantizing F16 model to Q8_0"}\n{"error":"llama-quantize: killed"}\n'
    recorder.answer("POST /api/create", lines, content_type="application/x-ndjson")
    message = sentence("ollama_model", args(name="bot", base="tiny", quantize="Q8_0"))
    assert message == "The model bot:latest could not be created; the server said: llama-quantize: killed."
    assert server.names() == {"tiny:latest"}


def test_a_template_of_the_weights_does_not_hide_the_stored_one(
    recorder: Recorder, args: Args, server: Ollama, gguf: Path
) -> None:
    server.make("tiny", gguf)
    desired = args(name="bot", base="tiny", template="{{ .Prompt }}!")
    succeed("ollama_model", desired)
    recorder.answer("GET /api/version", {"version": "0.33.0"})
    shown = {name: server.show(name) for name in ("bot", "tiny")}
    recorder.answer("POST /api/show", {**shown["bot"], "template": "{% for message in messages %}"})
    assert succeed("ollama_model_info", args(name="bot"))["models"][0]["template"] == "{{ .Prompt }}!"


def test_what_is_in_memory_is_read_with_newer_fields(
    recorder: Recorder, args: Args, server: Ollama, gguf: Path
) -> None:
    server.make("tiny", gguf)
    entry = {"name": "tiny:latest", "model": "tiny:latest", "size": 5, "size_vram": 5, "context_length": 4096}
    entry |= {"digest": server.models()["tiny:latest"]["digest"], "expires_at": "2318-01-01T00:00:00.5Z"}
    recorder.answer("GET /api/ps", {"models": [entry]})
    unchanged("ollama_model", args(name="tiny", loaded=True, keep_alive="forever"), recorder)
