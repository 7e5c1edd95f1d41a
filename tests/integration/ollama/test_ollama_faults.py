"""Pulls that go wrong: one clear sentence each, and nothing half-made in the list."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from fake_registry import Fault, Registry, digest
from runner import sentence, succeed, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Ollama
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]

MODEL = "library/m:1"
WEIGHTS = b"GGUF" + bytes(300_000)
LAST = len(WEIGHTS) // 2


@pytest.fixture
def weights() -> bytes:
    """Weights of each test's own: of others the server may have a part, or be breaking the download off."""
    return WEIGHTS + uuid.uuid4().bytes


@pytest.fixture
def desired(args: Args, registry: Registry, weights: bytes) -> dict[str, Any]:
    """A model that the fake registry has."""
    return args(name=registry.publish(MODEL, weights), insecure=True, retries=0, stall_timeout=20)


def pulls(recorder: Recorder) -> int:
    """Return how often a pull was begun."""
    return len(recorder.seen("POST /api/pull"))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(status=404, body=b"{}"), "the registry has no such model; check the name and the tag"),
        (Fault(status=412, body=b"newer please"), "needs a newer Ollama; upgrade the server first"),
        (Fault(status=401, body=b"{}"), "wants a password, which Ollama cannot give"),
        (Fault(status=403, body=b"no"), "wants a login"),
        (Fault(body=b"<html>Welcome</html>", content_type="text/html"), "what the registry sent is no manifest"),
    ],
)
def test_what_does_not_get_better_is_told_at_once(
    server: Ollama, recorder: Recorder, desired: dict[str, Any], registry: Registry, fault: Fault, words: str
) -> None:
    registry.faults[MODEL] = fault
    message = sentence("ollama_model", {**desired, "retries": 3})
    assert words in message
    assert desired["name"] in message
    assert pulls(recorder) == 1
    assert server.names() == set()


@pytest.mark.parametrize("fault", [Fault(status=500, body=b"oops", times=1), Fault(status=429, body=b"slow", times=1)])
def test_what_may_pass_is_tried_again(
    server: Ollama, recorder: Recorder, desired: dict[str, Any], registry: Registry, fault: Fault
) -> None:
    registry.faults[MODEL] = fault
    assert succeed("ollama_model", {**desired, "retries": 1})["changed"]
    assert pulls(recorder) == 2
    assert server.names() == {desired["name"]}


def test_retries_end(server: Ollama, recorder: Recorder, desired: dict[str, Any], registry: Registry) -> None:
    registry.faults[MODEL] = Fault(status=503, body=b"busy")
    assert "the registry does not serve at the moment (503)" in sentence("ollama_model", {**desired, "retries": 2})
    assert pulls(recorder) == 3
    assert server.names() == set()


def test_a_closed_port_is_told(server: Ollama, args: Args, gateway: str) -> None:
    message = sentence("ollama_model", args(name=f"{gateway}:9/library/m:1", insecure=True, retries=0))
    assert f"nothing answers at the registry {gateway}:9, as the server sees it" in message
    assert server.names() == set()


def test_a_registry_without_tls_asks_for_insecure(server: Ollama, desired: dict[str, Any]) -> None:
    assert "speaks plain HTTP; set insecure" in sentence("ollama_model", {**desired, "insecure": False})


def test_a_registry_that_hangs_is_told(
    server: Ollama, recorder: Recorder, desired: dict[str, Any], registry: Registry
) -> None:
    registry.faults[MODEL] = Fault(hang=True)
    assert "no byte moved for 2 seconds" in sentence("ollama_model", {**desired, "stall_timeout": 2, "retries": 1})
    assert pulls(recorder) == 2
    assert server.names() == set()


def test_a_download_that_stalls_once_is_resumed(
    server: Ollama, recorder: Recorder, desired: dict[str, Any], registry: Registry
) -> None:
    registry.faults["raw"] = Fault(hang=True, after=LAST, times=1)
    assert succeed("ollama_model", {**desired, "stall_timeout": 3, "retries": 1})["changed"]
    assert pulls(recorder) == 2
    unchanged("ollama_model", desired, recorder)


def test_a_download_that_is_always_cut_is_told(server: Ollama, desired: dict[str, Any], registry: Registry) -> None:
    registry.faults["raw"] = Fault(cut=True, after=0)
    message = sentence("ollama_model", {**desired, "stall_timeout": 3})
    assert "no byte moved for 3 seconds" in message
    assert server.names() == set()


def test_wrong_bytes_are_tried_once_more_and_told(
    server: Ollama, recorder: Recorder, desired: dict[str, Any], registry: Registry, weights: bytes
) -> None:
    registry.faults[f"raw {digest(weights)}"] = Fault(body=b"X" * len(weights), content_type="x/y")
    message = sentence("ollama_model", {**desired, "retries": 3})
    assert "what arrived is not what the manifest names" in message
    assert "digest mismatch" in message
    assert pulls(recorder) == 2
    assert server.names() == set()


def test_a_manifest_of_nothing_is_told_and_removed(
    server: Ollama, recorder: Recorder, desired: dict[str, Any], registry: Registry
) -> None:
    registry.manifests[MODEL] = b"{}"
    assert "is no whole model" in sentence("ollama_model", desired)
    assert server.names() == set()
    assert recorder.seen("DELETE")


def test_an_older_model_stays_when_its_update_fails(
    server: Ollama, desired: dict[str, Any], registry: Registry
) -> None:
    succeed("ollama_model", desired)
    before = server.state()
    registry.publish(MODEL, WEIGHTS + b"more")
    registry.faults["raw"] = Fault(status=200, body=b"Y" * (len(WEIGHTS) + 4))
    sentence("ollama_model", {**desired, "state": "latest"})
    assert server.state() == before


def test_a_manifest_of_nothing_never_replaces_a_model(
    server: Ollama, recorder: Recorder, desired: dict[str, Any], registry: Registry
) -> None:
    succeed("ollama_model", desired)
    before = server.state()
    registry.manifests[MODEL] = b"{}"
    for check in (True, False):
        recorder.clear()
        assert "it lists no layers" in sentence("ollama_model", {**desired, "state": "latest"}, check=check)
        assert not recorder.writes()
    assert server.state() == before


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(status=404, body=b"{}"), "check the name and the tag"),
        (Fault(status=412, body=b"{}"), "upgrade the Ollama server first"),
        (Fault(status=401, body=b"{}"), "wants a login"),
        (Fault(status=500, body=b"oops"), "500: oops"),
        (Fault(body=b"<html>"), "is no model's manifest"),
        (Fault(hang=True), "no answer for 1 second"),
    ],
)
def test_whether_a_model_is_the_latest_is_never_guessed(
    server: Ollama, recorder: Recorder, desired: dict[str, Any], registry: Registry, fault: Fault, words: str
) -> None:
    registry.faults[MODEL] = fault
    for check in (True, False):
        message = sentence("ollama_model", {**desired, "state": "latest", "timeout": 1}, check=check)
        assert words in message
        assert "cannot be told" in message
    assert not recorder.writes()


def test_a_full_disk_is_told(cramped: Ollama, registry: Registry) -> None:
    name = registry.publish(MODEL, b"GGUF" + bytes(4_000_000))
    given = {"url": cramped.url, "name": name, "insecure": True, "retries": 3, "stall_timeout": 10}
    message = sentence("ollama_model", given)
    assert "the server's disk is full; free space where it keeps its models" in message
    assert cramped.names() == set()


def test_a_file_that_does_not_fit_is_told(cramped: Ollama, gguf: Path, tmp_path: Path) -> None:
    path = tmp_path / "big.gguf"
    path.write_bytes(gguf.read_bytes() + bytes(4_000_000))
    message = sentence("ollama_model", {"url": cramped.url, "name": "big", "files": str(path)})
    assert "could not be uploaded" in message
    assert "no space left on device" in message
    assert cramped.names() == set()


def test_an_error_after_200_is_an_error(server: Ollama, recorder: Recorder, desired: dict[str, Any]) -> None:
    lines = [{"status": "pulling manifest"}, {"error": "something new"}, {"status": "success"}]
    body = "".join(json.dumps(line) + "\n" for line in lines)
    recorder.answer("POST /api/pull", body, content_type="application/x-ndjson")
    message = sentence("ollama_model", desired)
    assert message.endswith("could not be pulled; the server said: something new.")


@pytest.mark.parametrize(
    ("words", "attempts", "told"),
    [
        ("dial tcp 34.120.132.20:443: connect: connection timed out", 2, "did not answer in time"),
        ("proxyconnect tcp: tls: first record does not look like a TLS handshake", 1, "write http:// in the server's"),
        ("Bad Gateway", 2, "server's proxy does not reach registry.ollama.ai"),
        ("Forbidden", 1, "let the proxy allow registry.ollama.ai"),
        ('realm host "ollama.com" does not match original host "registry.ollama.ai"', 2, "outage"),
        ('realm host "" does not match original host "reg.lab:5000"', 1, "wants a password, which Ollama cannot give"),
    ],
)
def test_an_error_is_tried_again_or_not_and_told_with_its_fix(
    recorder: Recorder, desired: dict[str, Any], words: str, attempts: int, told: str
) -> None:
    url = 'Get "https://registry.ollama.ai/v2/library/llama3/manifests/latest": '
    error = f"pull model manifest: {'' if words.startswith('realm') else url}{words}"
    recorder.answer("POST /api/pull", json.dumps({"error": error}), content_type="application/x-ndjson")
    message = sentence("ollama_model", {**desired, "retries": 1})
    assert told in message
    assert words in message
    assert "set insecure" not in message
    assert pulls(recorder) == attempts


def test_an_answer_that_ends_early_is_no_success(server: Ollama, recorder: Recorder, desired: dict[str, Any]) -> None:
    recorder.answer("POST /api/pull", '{"status":"pulling manifest"}\n', content_type="application/x-ndjson")
    assert "ended before it said 'success'" in sentence("ollama_model", desired)


def test_success_without_a_model_is_no_success(server: Ollama, recorder: Recorder, desired: dict[str, Any]) -> None:
    recorder.answer("POST /api/pull", '{"status":"success"}\n', content_type="application/x-ndjson")
    assert "is no whole model" in sentence("ollama_model", desired)
    assert server.names() == set()


def test_a_page_in_place_of_progress_is_told(server: Ollama, recorder: Recorder, desired: dict[str, Any]) -> None:
    recorder.answer("POST /api/pull", "<html>\n</html>\n", content_type="text/html")
    assert "not a JSON object" in sentence("ollama_model", desired)
