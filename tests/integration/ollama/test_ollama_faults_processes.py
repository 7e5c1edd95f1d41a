"""Servers and modules that are killed in the middle of a pull, and a disk that is full for a while."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import runner
from fake_registry import Fault, Registry, digest
from own_server import OwnServer
from runner import Result, run, sentence, succeed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Ollama

MODEL = "library/m:1"
MEGABYTE = 1 << 20
# The server fetches files of more than 100 MB in parts, side by side.
PARTS = 250_000_000
SLOW = Fault(pause=0.04)
SMALL = 300_000


@pytest.fixture
def own(bed: dict[str, Any]) -> Iterator[OwnServer]:
    """A server that may be killed."""
    server = OwnServer(bed)
    yield server
    server.remove()


@pytest.fixture
def small_disk(bed: dict[str, Any]) -> Iterator[OwnServer]:
    """A server whose disk has two megabytes."""
    server = OwnServer(bed, "--tmpfs", "/root/.ollama:size=2m")
    yield server
    server.remove()


def desired(url: str, name: str, **more: Any) -> dict[str, Any]:
    """Return the module's arguments."""
    return {"url": url, "name": name, "insecure": True, "retries": 5, "stall_timeout": 20, **more}


def until(what: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


def beside(given: dict[str, Any]) -> tuple[threading.Thread, list[Result]]:
    """Run the module beside the test."""
    results: list[Result] = []
    thread = threading.Thread(target=lambda: results.append(run("ollama_model", given)))
    thread.start()
    return thread, results


def started(module: str, given: dict[str, Any]) -> subprocess.Popen[str]:
    """Start a module in a process that can be killed."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"{runner.MODULES}.{module}"],
        env=runner._environment(),
        cwd=runner.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": given}))
    process.stdin.close()
    process.stdin = None
    return process


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_pull_ends_with_its_module_and_the_next_run_goes_on(
    server: Ollama, registry: Registry, ended_by: signal.Signals
) -> None:
    weights = b"GGUF" + bytes(PARTS) + uuid.uuid4().bytes
    name, file = registry.publish(MODEL, weights), digest(weights)
    other = registry.publish("library/other:1", weights[: PARTS // 2])
    registry.faults["raw"] = SLOW
    models = [{"name": one, "insecure": True, "retries": 5} for one in (name, other)]
    process = started("ollama_models", {"url": server.url, "models": models})
    until(lambda: registry.served[file] > 40 * MEGABYTE and registry.served[digest(weights[: PARTS // 2])] > MEGABYTE)
    process.send_signal(ended_by)
    output, errors = process.communicate(timeout=3)
    assert "Traceback" not in output + errors
    time.sleep(0.5)
    had = registry.served[file]
    time.sleep(0.5)
    assert registry.served[file] == had < PARTS, "the server went on"
    assert server.names() == set()
    registry.faults.clear()
    assert succeed("ollama_model", desired(server.url, name))["changed"]
    assert server.names() == {name}
    # Three parts were under way, and of each the server may have lost what was in its pipes.
    assert registry.served[file] < len(weights) + 3 * 8 * MEGABYTE


@pytest.mark.parametrize("again", ["kill and start", "restart"])
def test_a_server_that_comes_back_is_waited_for(own: OwnServer, registry: Registry, again: str) -> None:
    weights = b"GGUF" + bytes(SMALL) + uuid.uuid4().bytes
    name = registry.publish(MODEL, weights)
    registry.faults["raw"] = Fault(pause=0.1, piece=SMALL // 30)
    thread, results = beside(desired(own.url, name))
    until(lambda: registry.served[digest(weights)] > SMALL // 3)
    if again == "restart":
        own.restart()
    else:
        own.kill()
        own.start()
    assert own.names() == set()
    registry.faults.clear()
    thread.join()
    assert results[0].get("changed"), results[0].get("msg")
    assert own.names() == {name}


def test_a_server_that_stays_away_is_told(own: OwnServer, registry: Registry) -> None:
    weights = b"GGUF" + bytes(SMALL) + uuid.uuid4().bytes
    name = registry.publish(MODEL, weights)
    registry.faults["raw"] = Fault(pause=0.1, piece=SMALL // 30)
    thread, results = beside(desired(own.url, name, retries=2))
    until(lambda: registry.served[digest(weights)] > SMALL // 3)
    own.kill()
    thread.join()
    # The double of a newer server listens on where the server behind it is gone.
    told = "the server closed the connection before the response" if own.front else "connection refused"
    assert f"{name} could not be pulled: POST {own.url}/api/pull: {told}" in results[0]["msg"]
    own.start()
    assert own.names() == set()
    registry.faults.clear()
    assert succeed("ollama_model", desired(own.url, name))["changed"]
    assert own.names() == {name}


def test_a_disk_with_space_again_is_used(small_disk: OwnServer, registry: Registry) -> None:
    name = registry.publish(MODEL, b"GGUF" + bytes(MEGABYTE))
    small_disk.run("head -c 1500000 /dev/zero > /root/.ollama/filler")
    message = sentence("ollama_model", desired(small_disk.url, name))
    assert "the server's disk is full; free space where it keeps its models" in message
    assert small_disk.names() == set()
    small_disk.run("rm /root/.ollama/filler")
    assert succeed("ollama_model", desired(small_disk.url, name))["changed"]
    assert small_disk.names() == {name}
