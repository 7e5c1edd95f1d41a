"""Transfers that go wrong on the way: each ends in a sentence or a whole model, and the next run repairs."""

from __future__ import annotations

import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from cutting_proxy import CuttingProxy
from fake_registry import Fault, Registry, digest
from runner import Result, run, sentence, succeed

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Ollama

MODEL = "library/m:1"
SIZE = 300_000
SYSTEM = "You are a later layer."
# As long as nothing else is said, a file takes three seconds.
SLOW = Fault(pause=0.1, piece=SIZE // 30)


@pytest.fixture
def weights() -> bytes:
    """Weights of each test's own: of others the server may have a part, or be breaking the download off."""
    return b"GGUF" + bytes(SIZE) + uuid.uuid4().bytes


@pytest.fixture
def desired(server: Ollama, registry: Registry, weights: bytes) -> dict[str, Any]:
    """A model that the fake registry has, asked of the server without a proxy between."""
    name = registry.publish(MODEL, weights, system=SYSTEM)
    return {"url": server.url, "name": name, "insecure": True, "retries": 0, "stall_timeout": 20}


def until(what: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


def begun(desired: dict[str, Any], registry: Registry, weights: bytes) -> tuple[threading.Thread, list[Result]]:
    """Run the module beside the test, and return when a third of the weights are there."""
    results: list[Result] = []
    thread = threading.Thread(target=lambda: results.append(run("ollama_model", desired)))
    thread.start()
    until(lambda: registry.served[digest(weights)] > SIZE // 3)
    return thread, results


def asked(registry: Registry) -> int:
    """Return how often the server asked for the manifest, which is once a pull."""
    return sum("/manifests/" in request for request in registry.requests)


def test_a_registry_that_dies_and_comes_back_is_waited_for(
    server: Ollama, desired: dict[str, Any], registry: Registry, weights: bytes
) -> None:
    registry.faults[f"raw {digest(weights)}"] = SLOW
    thread, results = begun(desired, registry, weights)
    registry.die()
    assert server.names() == set()
    registry.faults.clear()
    time.sleep(0.5)
    registry.start()
    thread.join()
    assert results[0]["changed"], results[0].get("msg")
    assert server.names() == {desired["name"]}


def test_a_registry_that_dies_for_good_is_told(
    server: Ollama, desired: dict[str, Any], registry: Registry, weights: bytes
) -> None:
    registry.faults[f"raw {digest(weights)}"] = SLOW
    thread, results = begun({**desired, "stall_timeout": 2, "retries": 1}, registry, weights)
    registry.die()
    thread.join()
    message = results[0]["msg"]
    assert f"nothing answers at the registry {registry.host}" in message
    assert server.names() == set()
    registry.faults.clear()
    registry.start()
    # The server is still waiting to try the broken download again, and gives it up only then.
    assert succeed("ollama_model", {**desired, "retries": 5})["changed"]
    assert server.names() == {desired["name"]}


def test_connections_that_are_reset_are_mended_by_the_server_itself(
    server: Ollama, desired: dict[str, Any], registry: Registry, weights: bytes
) -> None:
    registry.faults[f"raw {digest(weights)}"] = Fault(reset=True, after=SIZE // 2, times=2)
    assert succeed("ollama_model", desired)["changed"]
    assert asked(registry) == 1


def test_wrong_bytes_once_are_fetched_again(
    server: Ollama, desired: dict[str, Any], registry: Registry, weights: bytes
) -> None:
    registry.faults[f"raw {digest(weights)}"] = Fault(body=b"X" * len(weights), times=1)
    assert succeed("ollama_model", {**desired, "retries": 1})["changed"]
    assert asked(registry) == 2
    assert server.show(desired["name"])["system"] == SYSTEM


@pytest.mark.parametrize(
    ("layer", "after"),
    [("weights", 0), ("weights", SIZE // 2), ("system", 5)],
    ids=["at the start", "in the middle", "in a later layer"],
)
def test_a_stall_is_told_wherever_it_comes(
    server: Ollama, desired: dict[str, Any], registry: Registry, weights: bytes, layer: str, after: int
) -> None:
    data = weights if layer == "weights" else SYSTEM.encode()
    registry.faults[f"raw {digest(data)}"] = Fault(hang=True, after=after)
    message = sentence("ollama_model", {**desired, "stall_timeout": 2})
    assert "no byte moved for 2 seconds" in message
    assert server.names() == set()
    registry.faults.clear()
    assert succeed("ollama_model", {**desired, "retries": 1})["changed"]
    assert registry.served[digest(weights)] <= len(weights) + SIZE // 10


def test_a_trickle_is_never_broken_off(
    server: Ollama, desired: dict[str, Any], registry: Registry, weights: bytes
) -> None:
    registry.faults[f"raw {digest(weights)}"] = Fault(pause=0.6, piece=SIZE // 8)
    begin = time.monotonic()
    assert succeed("ollama_model", {**desired, "stall_timeout": 1.5})["changed"]
    assert time.monotonic() - begin > 4
    assert asked(registry) == 1


def test_a_proxy_that_cuts_long_answers_is_outlasted(
    server: Ollama, desired: dict[str, Any], registry: Registry, weights: bytes
) -> None:
    registry.faults[f"raw {digest(weights)}"] = Fault(pause=0.2, piece=SIZE // 30)
    # 0.9.3 takes a second for each file by itself, and there are three.
    proxy = CuttingProxy(server.url, seconds=3.5)
    assert succeed("ollama_model", {**desired, "url": proxy.url, "retries": 1})["changed"]
    proxy.close()
    # Each attempt went on where the last one was cut.
    assert asked(registry) >= 2
    assert registry.served[digest(weights)] < 1.5 * len(weights)


def test_a_proxy_that_cuts_at_once_is_told(server: Ollama, desired: dict[str, Any]) -> None:
    proxy = CuttingProxy(server.url, seconds=0.0)
    message = sentence("ollama_model", {**desired, "url": proxy.url})
    proxy.close()
    assert "closed the connection before the response was complete" in message
    assert server.names() == set()


def test_a_list_tells_which_of_it_failed_and_the_next_run_does_the_rest(
    server: Ollama, registry: Registry, weights: bytes
) -> None:
    names = [registry.publish(f"library/m{number}:1", weights + bytes([number])) for number in range(3)]
    bad = digest(weights + bytes([1]))
    registry.faults[f"raw {bad}"] = Fault(hang=True, after=SIZE // 2)
    all_desired = [{"name": name, "insecure": True, "stall_timeout": 3, "retries": 0} for name in names]
    given = {"url": server.url, "models": all_desired}
    failed = run("ollama_models", given)
    assert [step["name"] for step in failed["failed_steps"]] == [names[1]]
    assert set(failed["done"]) == server.names() == {names[0], names[2]}
    registry.faults.clear()
    again = succeed("ollama_models", {**given, "models": [{**entry, "retries": 1} for entry in all_desired]})
    assert [step["name"] for step in again["plan"]] == [names[1]]
    assert server.names() == set(names)
