"""What a long list costs where nothing differs: requests, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fake_registry import Fault
from runner import unchanged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Ollama
    from fake_registry import Registry
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]

SIXTY = 60
WEIGHTS = b"GGUF" + bytes(300_000)


def test_sixty_present_models_take_one_request(server: Ollama, recorder: Recorder, args: Args, gguf: Path) -> None:
    names = [f"m{number}" for number in range(SIXTY)]
    server.make(names[0], gguf)
    for name in names[1:]:
        server.call("POST", "copy", {"source": names[0], "destination": name})
    for check in (True, False):
        result = unchanged("ollama_models", args(models=[{"name": name} for name in names]), recorder, check=check)
        assert recorder.seen() == ["GET /api/tags"]
        assert len(result["models"]) == SIXTY


def test_created_models_among_sixty_are_shown_once_each_with_their_base(
    server: Ollama, recorder: Recorder, args: Args, gguf: Path
) -> None:
    made: list[dict[str, Any]] = [
        {"name": f"made{number}", "base": "m0", "parameters": {"num_ctx": 100 + number}} for number in range(10)
    ]
    names = [f"m{number}" for number in range(SIXTY - len(made))]
    server.make(names[0], gguf)
    for name in names[1:]:
        server.call("POST", "copy", {"source": names[0], "destination": name})
    for entry in made:
        server.derive(entry["name"], entry["base"], parameters=entry["parameters"])
    unchanged("ollama_models", args(models=[*made, *({"name": name} for name in names)]), recorder)
    assert recorder.seen("GET") == ["GET /api/tags"]
    assert recorder.seen("POST") == ["POST /api/show"] * (len(made) + 1)


def test_the_registry_is_asked_for_sixty_manifests_side_by_side(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry
) -> None:
    names = [registry.publish(f"library/m{number}:1", WEIGHTS) for number in range(SIXTY)]
    for name in names:
        server.call("POST", "pull", {"model": name, "insecure": True})
    assert server.names() == set(names)
    registry.requests.clear()
    registry.busiest = 0
    for number in range(SIXTY):
        registry.faults[f"library/m{number}:1"] = Fault(late=0.1)
    models = [{"name": name, "insecure": True, "state": "latest"} for name in names]
    unchanged("ollama_models", args(models=models), recorder)
    assert sorted(recorder.seen()) == ["GET /api/tags", "GET /api/version"]
    assert sorted(registry.requests) == sorted(f"GET /v2/library/m{number}/manifests/1" for number in range(SIXTY))
    assert 4 <= registry.busiest <= 16
