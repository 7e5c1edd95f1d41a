"""Room on the disk, looked at before the first byte."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fake_registry import Fault, Registry, digest
from runner import sentence, succeed, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Ollama
    from recorder import Recorder

    Args = Callable[..., dict[str, Any]]

MODEL = "library/m:1"
MEGABYTE = 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB on this host, in the place of the one that the server has."""
    place = tmp_path / "models"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


def claim(registry: Registry, name: str, size: int) -> str:
    """Publish a model whose manifest names weights of this size, and return its complete name."""
    complete = registry.publish(name, b"GGUF" + name.encode())
    content = json.loads(registry.manifests[name])
    content["layers"][0]["size"] = size
    registry.manifests[name] = json.dumps(content).encode()
    return complete


def test_a_model_that_does_not_fit_is_refused_before_its_first_byte(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, small_disk: Path
) -> None:
    name = claim(registry, MODEL, 70 * MEGABYTE)
    for check in (True, False):
        message = sentence("ollama_model", args(name=name, insecure=True, models_path=str(small_disk)), check=check)
        assert (
            f"There is no room for {name}: 73.4 MB are to be downloaded, and {small_disk} has 67.1 MB free" in message
        )
    assert not recorder.writes()


def test_models_that_fit_one_by_one_may_not_fit_together(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, small_disk: Path
) -> None:
    models = [{"name": claim(registry, f"library/m{number}:1", 30 * MEGABYTE), "insecure": True} for number in (1, 2)]
    assert "62.9 MB are to be downloaded" in sentence("ollama_models", args(models=models, models_path=str(small_disk)))
    assert not recorder.writes()


def test_what_the_server_has_and_what_it_began_needs_no_room(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, small_disk: Path, gguf: Path
) -> None:
    weights = gguf.read_bytes()
    succeed("ollama_model", args(name=registry.publish("library/first:1", weights), insecure=True))
    registry.publish(MODEL, weights)
    content = json.loads(registry.manifests[MODEL])
    began = {"mediaType": "application/vnd.ollama.image.license", "digest": digest(b"x"), "size": 60 * MEGABYTE}
    content["layers"] = [{**content["layers"][0], "size": 90 * MEGABYTE}, began]
    registry.manifests[MODEL] = json.dumps(content).encode()
    desired = args(name=registry.name(MODEL), insecure=True, models_path=str(small_disk))
    assert "62.9 MB are to be downloaded" in sentence("ollama_model", desired, check=True)
    (small_disk / "blobs").mkdir()
    partial = small_disk / "blobs" / f"{digest(b'x').replace(':', '-')}-partial"
    partial.write_bytes(os.urandom(40 * MEGABYTE))
    os.truncate(partial, 60 * MEGABYTE)
    assert "21.0 MB are to be downloaded" in sentence("ollama_model", desired, check=True)
    partial.unlink()
    partial.parent.rmdir()


def test_a_registry_that_cannot_be_asked_is_a_warning_where_present_is_enough(
    server: Ollama, recorder: Recorder, args: Args, registry: Registry, gguf: Path, small_disk: Path
) -> None:
    desired = args(name=registry.publish(MODEL, gguf.read_bytes()), insecure=True, models_path=str(small_disk))
    registry.faults[MODEL] = Fault(status=500, body=b"not you", times=1)
    done = succeed("ollama_model", desired)
    assert "Whether the disk has room was not checked for" in str(done["warnings"])
    unchanged("ollama_model", desired, recorder)


def test_a_wrong_place_is_told(server: Ollama, recorder: Recorder, args: Args, registry: Registry, gguf: Path) -> None:
    desired = args(name=registry.publish(MODEL, gguf.read_bytes()), insecure=True, models_path="/no/such/place")
    assert "models_path is '/no/such/place', which cannot be looked at on this host (No such file" in sentence(
        "ollama_model", desired
    )
    assert not recorder.writes()
