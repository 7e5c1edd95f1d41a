"""Room for what is made, what a create leaves behind, and how it is removed."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import Ollama
from own_server import OwnServer
from recorder import Recorder
from rewriting import Front, digest
from runner import fail, sentence, succeed
from shapes import Shape, write

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR = 3600
QUANTIZE = (
    "failed to validate GGUF with llama-quantize without compatibility patches: llama-quantize failed: exit status 1"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server whose disk is seen from here."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def own(bed: dict[str, Any], home: Path) -> Iterator[OwnServer]:
    server = OwnServer(bed, "--volume", f"{home}:/root/.ollama")
    yield server
    server.remove()


@pytest.fixture
def seen(own: OwnServer) -> Iterator[Ollama]:
    """That server without models."""
    ollama = Ollama(own.url)
    ollama.clear()
    yield ollama
    ollama.clear()


@pytest.fixture
def store(seen: Ollama, home: Path) -> Path:
    """Where it keeps its models; without a file that no model needs."""
    for blob in (home / "models" / "blobs").glob("*"):
        blob.unlink()
    return home / "models"


@pytest.fixture
def front(seen: Ollama) -> Iterator[Front]:
    """The same server as one of 0.32.15."""
    found = Front(seen.url)
    yield found
    found.close()


def blobs(store: Path) -> set[str]:
    return {path.name.replace("-", ":", 1) for path in (store / "blobs").iterdir()}


def age(store: Path, name: str, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(store / "blobs" / name.replace(":", "-", 1), (then, then))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 150 MB that the module takes for the server's."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=150m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of 100.7 MB."""
    return write(Shape(layers=1, width=256, vocabulary=95_000), tmp_path / "large.gguf")


def test_an_upload_with_its_copy_that_does_not_fit_is_refused_before_the_first_byte(
    front: Front, small: Path, large: Path
) -> None:
    recorder = Recorder(front.url, reads=("POST /api/show",))
    for check in (True, False):
        desired = {"url": recorder.url, "name": "m", "files": str(large), "models_path": str(small)}
        result = fail("ollama_model", desired, check=check)
        assert (
            "There is no room for m:latest: 100.7 MB are to be uploaded, 100.7 MB are written by the server"
            in result["msg"]
        )
        assert result["disk"]["needed"] == 3 * large.stat().st_size
    assert not recorder.writes()
    recorder.close()


def test_the_same_file_fits_where_the_server_keeps_it_as_it_is(seen: Ollama, small: Path, large: Path) -> None:
    desired = {"url": seen.url, "name": "m", "files": str(large), "models_path": str(small)}
    if seen.rewrites_uploads:
        assert "There is no room for m:latest" in sentence("ollama_model", desired, check=True)
        return
    foreseen = succeed("ollama_model", desired, check=True)
    assert (foreseen["disk"]["uploads"], foreseen["disk"]["copies"]) == (large.stat().st_size, 0)
    assert succeed("ollama_model", desired)["disk"] == foreseen["disk"]
    quantized = {**desired, "name": "small", "quantize": "Q8_0"}
    told = succeed("ollama_model", quantized, check=True)["disk"]
    assert told["uploads"] == 0
    assert told["copies"] == told["temporary"] == pytest.approx(large.stat().st_size * 8.5 / 16, rel=0.03)


def test_a_preset_that_clears_something_of_its_base_takes_a_copy_of_its_weights(
    front: Front, store: Path, large: Path
) -> None:
    base = Ollama(front.target.geturl())
    base.make("base", large, system="the base's")
    listed = base.models()["base:latest"]["size"]
    desired = {"url": front.url, "name": "bot", "base": "base", "models_path": str(store)}
    assert succeed("ollama_model", {**desired, "system": "x"}, check=True)["disk"]["copies"] == 0
    assert succeed("ollama_model", {**desired, "system": ""}, check=True)["disk"]["copies"] == listed


def test_an_upload_that_stays_is_told_and_removed_by_a_word(front: Front, store: Path, gguf: Path) -> None:
    done = succeed("ollama_model", {"url": front.url, "name": "m", "files": str(gguf)})
    upload = digest(gguf.read_bytes())
    assert f"The server keeps the upload of {gguf} (0.2 MB), which no model needs" in str(done["warnings"])
    assert upload in blobs(store)
    prune = {"url": front.url, "models_path": str(store)}
    assert not succeed("ollama_prune", prune)["changed"]
    age(store, upload, HOUR + 60)
    foreseen = succeed("ollama_prune", prune, check=True)
    assert upload in blobs(store)
    done = succeed("ollama_prune", prune)
    assert done["blobs"] == foreseen["blobs"] == [upload]
    assert done["space_reclaimed"] == gguf.stat().st_size
    assert done["changed"]
    assert upload not in blobs(store)
    assert not succeed("ollama_prune", prune)["changed"]
    show = Ollama(front.url).show("m")
    assert show["details"]["family"] == "llama"


def test_what_a_failed_create_leaves_is_told_and_what_models_need_stays(
    front: Front, store: Path, gguf: Path, other_gguf: Path
) -> None:
    behind = Ollama(front.target.geturl())
    behind.make("kept", other_gguf)
    needed = blobs(store)
    # A server that stores uploads anew needs the upload itself no longer.
    left = {digest(other_gguf.read_bytes())} if behind.rewrites_uploads else set()
    front.refusals = [QUANTIZE]
    desired = {"url": front.url, "name": "m", "files": str(gguf), "models_path": str(store)}
    message = sentence("ollama_model", desired)
    assert "llama-quantize failed: exit status 1. The server says this where its disk is full" in message
    assert "and where it does not know the architecture llama" in message
    assert f"The server keeps the upload of {gguf}" in message
    for name in blobs(store):
        age(store, name, 2 * HOUR)
    pruned = succeed("ollama_prune", {"url": front.url, "models_path": str(store)})["blobs"]
    assert set(pruned) == {digest(gguf.read_bytes()), *left}
    assert blobs(store) == needed - left


def test_what_any_failed_create_leaves_is_a_warning(front: Front, store: Path, gguf: Path) -> None:
    front.refusals = ["unexpected EOF"]
    result = fail("ollama_models", {"url": front.url, "models": [{"name": "m", "files": str(gguf)}]})
    assert result["msg"] == "The model m:latest could not be created; the server said: unexpected EOF."
    assert f"The server keeps the upload of {gguf}" in str(result["warnings"])
    assert digest(gguf.read_bytes()) in blobs(store)


def test_an_unknown_architecture_is_told_where_there_is_room(front: Front, store: Path, tmp_path: Path) -> None:
    path = write(Shape("future"), tmp_path / "m.gguf")
    front.refusals = [QUANTIZE]
    message = sentence("ollama_model", {"url": front.url, "name": "m", "files": str(path), "models_path": str(store)})
    assert "The server does not know the architecture future of the file: upgrade Ollama" in message
    assert "disk is full" not in message


def test_nothing_is_removed_where_that_may_be_wrong(front: Front, store: Path, gguf: Path, tmp_path: Path) -> None:
    succeed("ollama_model", {"url": front.url, "name": "m", "files": str(gguf)})
    age(store, digest(gguf.read_bytes()), 2 * HOUR)
    prune = {"url": front.url, "models_path": str(store)}
    partial = store / "blobs" / f"sha256-{'0' * 64}-partial"
    partial.touch()
    done = succeed("ollama_prune", prune)
    assert not done["changed"]
    assert "A pull is going on" in str(done["warnings"])
    partial.unlink()
    damaged = store / "manifests" / "registry.ollama.ai" / "library" / "m" / "damaged"
    damaged.write_text("{")
    assert "is damaged, so nobody can tell what it needs, and nothing was removed" in sentence("ollama_prune", prune)
    damaged.unlink()
    shutil.copytree(store / "blobs", tmp_path / "blobs")
    assert "does not hold the models that" in sentence("ollama_prune", {**prune, "models_path": str(tmp_path)})
    assert "give 0 seconds or more" in sentence("ollama_prune", {**prune, "min_age": -1})
    assert digest(gguf.read_bytes()) in blobs(store)
    assert succeed("ollama_prune", prune)["changed"]


def test_a_server_that_is_not_on_this_host_is_told(front: Front, store: Path, gguf: Path) -> None:
    succeed("ollama_model", {"url": front.url, "name": "m", "files": str(gguf)})
    assert "give models_path, and run the task on the host of the server" in sentence(
        "ollama_prune", {"url": front.url}
    )
