"""Ollama past the recorder: what tests prepare, and what they look at."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fake_registry import Registry, digest
from own_server import front_of
from recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHOW = "POST /api/show"
LABEL = "org.selfhosted.llm.bed"


def docker(*words: str) -> str:
    """Run one docker command."""
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout.strip()


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version."""
    return tuple(int(part) for part in version.partition("-")[0].split("."))


class Ollama:
    """A real server, asked directly."""

    def __init__(self, url: str) -> None:
        self.url = url

    @cached_property
    def version(self) -> str:
        """The version that the server tells."""
        return str(self.call("GET", "version")["version"])

    @property
    def rewrites_uploads(self) -> bool:
        """Whether it stores an uploaded file anew, so that its digest is not that of the upload (0.30.0)."""
        return numbers(self.version) >= (0, 30)

    @property
    def keeps_manifests(self) -> bool:
        """Whether it stores a registry's manifest byte for byte, so that the digest is the registry's (0.19.0)."""
        return numbers(self.version) >= (0, 19)

    @property
    def keeps_renderers(self) -> bool:
        """Whether it stores renderer, parser and requires (0.14.0)."""
        return numbers(self.version) >= (0, 14)

    @property
    def weights_that_differ(self) -> str:
        """What a run calls other weights: where files are stored anew, they are known by what they were made from."""
        return "made_from" if self.rewrites_uploads else "weights"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Make one call and return the decoded answer, if there is one."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text.splitlines()[-1]) if text else None

    def models(self) -> dict[str, dict[str, Any]]:
        """Return all models by name."""
        return {model["name"]: model for model in self.call("GET", "tags")["models"]}

    def names(self) -> set[str]:
        """Return the names of all models."""
        return set(self.models())

    def state(self) -> dict[str, Any]:
        """Return what must not move where nothing changed; a rewrite of the same content moves the time."""
        return {name: (model["digest"], model["modified_at"]) for name, model in self.models().items()}

    def show(self, name: str) -> dict[str, Any]:
        """Return all about one model."""
        answer: dict[str, Any] = self.call("POST", "show", {"model": name})
        return answer

    def make(self, name: str, gguf: Path, **more: Any) -> None:
        """Make a model from a file, past all modules."""
        content = gguf.read_bytes()
        self.call("POST", f"blobs/{digest(content)}", content)
        answer = self.call("POST", "create", {"model": name, "files": {"m.gguf": digest(content)}, **more})
        assert answer == {"status": "success"}, answer

    def derive(self, name: str, base: str, **more: Any) -> None:
        """Make a model from another, past all modules."""
        assert self.call("POST", "create", {"model": name, "from": base, **more}) == {"status": "success"}

    def clear(self) -> None:
        """Remove all models."""
        for name in self.names():
            self.call("DELETE", "delete", {"model": name})

    def wait(self) -> None:
        """Wait until the server answers."""
        for _try in range(100):
            with contextlib.suppress(OSError):
                self.call("GET", "version")
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.url} does not answer")


def pytest_configure(config: pytest.Config) -> None:
    """Know the marker."""
    config.addinivalue_line("markers", "real_server(reason): skip behind the double of a newer server")


@pytest.fixture(autouse=True)
def _only_what_a_double_can_tell(request: pytest.FixtureRequest) -> None:
    for mark in request.node.iter_markers("real_server"):
        if os.environ.get("BED_OLLAMA_FRONT"):
            pytest.skip(mark.args[0])


@pytest.fixture(autouse=True)
def notes(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where modules note what they keep on a host: empty at the start of each test."""
    place = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(place))
    return place / "selfhosted-llm"


@pytest.fixture(scope="session")
def gguf(bed: dict[str, Any]) -> Path:
    """A tiny model's file."""
    return Path(bed["tiny_gguf"])


@pytest.fixture(scope="session")
def other_gguf(bed: dict[str, Any]) -> Path:
    """A file of the same shape with other weights."""
    return Path(bed["tiny2_gguf"])


@pytest.fixture(scope="session")
def bed(bed: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The bed, whose Ollama the double of a newer one stands before where BED_OLLAMA_FRONT is set."""
    hosts = {bed["registry"]: bed["registry_url"]}
    front = front_of(bed["ollama_url"], bed["containers"]["ollama"], hosts)
    yield {**bed, "ollama_url": front.url} if front else bed
    if front:
        front.close()


@pytest.fixture
def server(bed: dict[str, Any]) -> Iterator[Ollama]:
    """The bed's Ollama without any model."""
    ollama = Ollama(bed["ollama_url"])
    ollama.clear()
    yield ollama
    ollama.clear()


@pytest.fixture
def recorder(server: Ollama) -> Iterator[Recorder]:
    """What stands between the modules and the server."""
    proxy = Recorder(server.url, reads=(SHOW,))
    yield proxy
    proxy.close()


@pytest.fixture
def args(recorder: Recorder) -> Callable[..., dict[str, Any]]:
    """Module arguments that go by the recorder."""
    return lambda **more: {"url": recorder.url, **more}


@pytest.fixture(scope="session")
def gateway(bed: dict[str, Any]) -> str:
    """The address of this machine as the bed's containers see it."""
    return docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", bed["network"])


@pytest.fixture(scope="session")
def real_registry(bed: dict[str, Any]) -> str:
    """The bed's registry by an address that both the server and this machine reach."""
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    address = docker("container", "inspect", "--format", template, bed["containers"]["registry"])
    return f"{address}:{bed['registry'].rpartition(':')[2]}"


@pytest.fixture
def registry(gateway: str) -> Iterator[Registry]:
    """A registry of this test's own."""
    fake = Registry(gateway)
    fake.start()
    yield fake
    fake.stop()


@pytest.fixture
def cramped(bed: dict[str, Any]) -> Iterator[Ollama]:
    """A real Ollama whose disk has two megabytes."""
    image = docker("container", "inspect", "--format", "{{.Config.Image}}", bed["containers"]["ollama"])
    name = f"{bed['bed']}-cramped-{uuid.uuid4().hex[:8]}"
    docker(
        *("run", "--detach", "--name", name, "--label", f"{LABEL}={bed['bed']}", "--network", bed["network"]),
        *("--publish", "127.0.0.1::11434", "--tmpfs", "/root/.ollama:size=2m", image),
    )
    try:
        url = f"http://{docker('port', name, '11434').splitlines()[0]}"
        front = front_of(url, name)
        ollama = Ollama(front.url if front else url)
        ollama.wait()
        yield ollama
        if front:
            front.close()
    finally:
        docker("rm", "--force", "--volumes", name)
