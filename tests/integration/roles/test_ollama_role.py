# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role ollama on this machine's own engine: tuning, pulls that are not broken off, several instances.

The server is the bed's real one; the registry of the slow pull is a stand-in. Everything has a name of its own and is
removed at the end. The tests build on each other, in this order.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from host import BED, ROOT, Run, run_role
from slow_registry import SlowRegistry
from testbed import images, tiny

if TYPE_CHECKING:
    from collections.abc import Iterator

WEIGHTS = tiny.ensure(ROOT / ".cache" / "bed")["tiny"]
TUNED: dict[str, Any] = {"ollama_keep_alive": "7m", "ollama_context_length": 2048, "ollama_gpu_overhead": "1MiB"}

TINY = [{"name": "tiny", "files": str(WEIGHTS)}]


def docker(*words: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout.strip()


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _port in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@dataclass
class Role:
    """The role, with names that nobody else has."""

    prefix: str
    folder: Path
    ports: list[int] = field(default_factory=lambda: free_ports(4))

    def run(self, *, check: bool = False, **variables: Any) -> Run:
        given = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ollama_image": images.ALL["ollama"].repository,
            "ollama_version": images.ALL["ollama"].version,
            "ollama_pull": "never",
            "ollama_gpu": "none",
            "ollama_container_name": self.prefix,
            "ollama_volume": self.prefix,
            "ollama_port": self.ports[0],
            "llm_network": self.prefix,
            "llm_egress": "open",
            **variables,
        }
        return run_role("ollama", "here", self.folder, given, check=check)

    def converge(self, **variables: Any) -> Run:
        """A check run that foresees a change, the run that makes it, and two that find nothing to do."""
        for check, changes in ((True, True), (False, True), (True, False), (False, False)):
            run = self.run(check=check, **variables)
            assert (run.code, run.changed > 0) == (0, changes), run.text
        return run

    def names(self) -> list[str]:
        return [self.prefix, *(f"{self.prefix}-{letter}" for letter in "abc")]

    def remove(self) -> None:
        docker("rm", "--force", *self.names(), check=False)
        docker("volume", "rm", *self.names(), check=False)
        docker("network", "rm", self.prefix, check=False)


@pytest.fixture(scope="module")
def role(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Role]:
    subprocess.run([str(BED), "images", "ollama"], check=True)
    made = Role(f"{os.environ.get('BED_NAME', 'it')}-role", tmp_path_factory.mktemp("ollama"))
    try:
        made.remove()
        yield made
    finally:
        if os.environ.get("KEEP_BED") != "1":
            made.remove()


def environment(name: str) -> list[str]:
    return list(json.loads(docker("inspect", "--format", "{{json .Config.Env}}", name)))


def identity(name: str) -> str:
    return docker("inspect", "--format", "{{.Id}}", name)


def models(port: int) -> list[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/tags", timeout=10) as answer:
        return [model["name"] for model in json.load(answer)["models"]]


def test_tuning_reaches_the_server(role: Role) -> None:
    role.converge(**TUNED)
    assert "OLLAMA_GPU_OVERHEAD=1048576" in environment(role.prefix)
    log = subprocess.run(["docker", "logs", role.prefix], capture_output=True, text=True, check=True)
    told = log.stdout + log.stderr
    assert "OLLAMA_CONTEXT_LENGTH:2048" in told
    assert "OLLAMA_KEEP_ALIVE:7m0s" in told


def test_a_change_of_tuning_makes_the_container_anew_once(role: Role) -> None:
    before = identity(role.prefix)
    assert role.run(ollama_keep_alive="soon").code == 2
    assert identity(role.prefix) == before
    run = role.run(**{**TUNED, "ollama_keep_alive": "8m"})
    assert (run.code, run.changed) == (0, 1), run.text
    assert identity(role.prefix) != before


class Pull(threading.Thread):
    """Somebody's pull, over the API; it ends with the server's last words."""

    def __init__(self, port: int, model: str) -> None:
        super().__init__(daemon=True)
        body = json.dumps({"model": model, "insecure": True}).encode()
        self.request = urllib.request.Request(f"http://127.0.0.1:{port}/api/pull", data=body)
        self.last = ""

    def run(self) -> None:
        try:
            with urllib.request.urlopen(self.request, timeout=300) as answer:
                for line in answer:
                    self.last = line.decode()
        except OSError as error:
            self.last = str(error)

    def fetches(self) -> bool:
        return bool(json.loads(self.last or "{}").get("completed", 0) > 0)


@pytest.fixture
def registry(role: Role) -> Iterator[SlowRegistry]:
    slow = SlowRegistry(WEIGHTS.read_bytes() + os.urandom(32 * 1024 * 1024))
    yield slow
    slow.close()


def test_a_pull_is_not_broken_off_by_a_change_of_tuning(role: Role, registry: SlowRegistry) -> None:
    tuned = {**TUNED, "ollama_keep_alive": "8m"}
    changed = {**TUNED, "ollama_keep_alive": "9m"}
    gateway = docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", role.prefix)
    pull = Pull(role.ports[0], f"{gateway}:{registry.port}/library/slow:latest")
    pull.start()
    end = time.monotonic() + 60
    while not pull.fetches() and time.monotonic() < end:
        time.sleep(0.2)
    assert pull.fetches(), pull.last
    before = identity(role.prefix)

    unchanged = role.run(**tuned)
    assert (unchanged.code, unchanged.changed) == (0, 0), unchanged.text
    assert "Nobody pulls into what is made anew" in unchanged.text

    refused = role.run(ollama_pull_patience=1, **changed)
    said = " ".join(refused.text.split())
    assert refused.code == 2, refused.text
    assert re.search(
        rf"Somebody pulls into Ollama on here \(container {role.prefix}: [0-9a-f]{{12}}, [0-9.]+ of 33[.][0-9] MB\)",
        said,
    ), said
    assert "set ollama_pull_patience (now 1 seconds) to wait for longer" in said
    assert identity(role.prefix) == before
    assert pull.is_alive()

    threading.Timer(8, registry.released.set).start()
    waited = role.run(ollama_pull_patience=120, **changed)
    assert waited.code == 0, waited.text
    pull.join(30)
    assert json.loads(pull.last) == {"status": "success"}
    assert identity(role.prefix) != before
    assert any("slow:latest" in name for name in models(role.ports[0]))


def test_a_model_in_memory_is_no_pull(role: Role) -> None:
    assert role.run(ollama_models=TINY, **TUNED).code == 0
    body = json.dumps({"model": "tiny", "prompt": "a", "stream": False}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{role.ports[0]}/api/generate", data=body)
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert json.load(answer)["done"]
    # What came just now counts as a pull between two files.
    time.sleep(4)
    run = role.run(ollama_models=TINY, **{**TUNED, "ollama_keep_alive": "10m"})
    assert run.code == 0, run.text
    assert "Nobody pulls into what is made anew" not in run.text


def test_of_alternatives_the_one_that_fits_is_there(role: Role) -> None:
    tuned = {**TUNED, "ollama_keep_alive": "10m"}
    for check in (True, False):
        run = role.run(check=check, ollama_models=[{"name": "tiny", "choose": ["latest"]}], **tuned)
        assert (run.code, run.changed) == (0, 0), run.text
    # More than the machine has: two thousand contexts of a million tokens.
    large = {"name": "tiny", "choose": ["latest"], "parameters": {"num_ctx": 1000000}}
    run = role.run(ollama_models=[large], ollama_num_parallel=2000, ollama_pull_patience=30, **tuned)
    assert run.code == 2, run.text
    assert "tiny" in run.text.partition("What fits is chosen")[2]


def test_a_new_name_and_a_mistyped_volume_are_refused_and_nothing_is_made(role: Role) -> None:
    other = f"{role.prefix}-a"
    before = identity(role.prefix)
    for given, words in (
        ({"ollama_container_name": other, "ollama_port": role.ports[1]}, f"which container {role.prefix} already uses"),
        ({"ollama_volume": other}, f"set ollama_volume to {role.prefix}, or ollama_volume_new to true"),
    ):
        for check in (True, False):
            run = role.run(check=check, **TUNED, **given)
            assert (run.code, run.changed) == (2, 0), run.text
            assert words in run.said, run.text
    assert identity(role.prefix) == before
    assert docker("volume", "ls", "--quiet", "--filter", f"name=^{other}$") == ""


def test_instances_have_their_own_and_may_share_a_volume(role: Role) -> None:
    one, two, three = (f"{role.prefix}-{letter}" for letter in "abc")
    instances = [
        {"name": one, "port": role.ports[1], "keep_alive": "6m", "models": TINY},
        {"name": two, "port": role.ports[2], "volume": one, "volume_read_only": True},
        {"name": three, "port": role.ports[3], "environment": {"OLLAMA_MAX_QUEUE": 9}},
    ]
    again = role.converge(ollama_instances=instances, ollama_keep_alive="5m")
    assert [models(port) for port in role.ports[1:4]] == [["tiny:latest"], ["tiny:latest"], []]
    assert "OLLAMA_KEEP_ALIVE=6m" in environment(one)
    assert {"OLLAMA_KEEP_ALIVE=5m", "OLLAMA_NOPRUNE=true"} <= set(environment(two))
    assert {"OLLAMA_KEEP_ALIVE=5m", "OLLAMA_MAX_QUEUE=9"} <= set(environment(three))
    body = json.dumps({"model": "tiny", "prompt": "a", "stream": False}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{role.ports[2]}/api/generate", data=body)
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert json.load(answer)["done"]
    assert f"not in ollama_instances: {role.prefix}." in " ".join(again.text.split())


def test_the_name_ollama_goes_to_the_first_instance_and_to_no_other(role: Role) -> None:
    one, two, three = (f"{role.prefix}-{letter}" for letter in "abc")

    def aliases(name: str) -> list[str]:
        networks = json.loads(docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", name))
        return list(networks[role.prefix]["Aliases"] or [])

    assert [("ollama" in aliases(name)) for name in (one, two, three)] == [True, False, False]
    instances = [{"name": three, "port": role.ports[3]}, {"name": one, "port": role.ports[1]}]
    run = role.run(ollama_instances=instances)
    assert run.code == 0, run.text
    assert [("ollama" in aliases(name)) for name in (three, one)] == [True, False]
