# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe load of the GPU watch and of ollama_gpu_proof against a real server, which has no GPU here."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from runner import ROOT

sys.path.insert(0, str(ROOT / "roles/ollama/files"))
import gpu_activity
import gpu_evidence
import gpu_remake
import gpu_watch
from conftest import Ollama, docker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

GPU_FREE = "24000\n"
# The toy ends its answers within a moment, unless their grammar has no end in sight.
LIST_OF_WORDS = {"type": "array", "items": {"type": "string", "enum": ["bcdefghijklm", "a"]}, "minItems": 100_000}
ENDLESS = {"model": "tiny", "prompt": "a", "format": LIST_OF_WORDS, "options": {"num_predict": 200_000}}


def run(words: Sequence[str], seconds: float) -> gpu_evidence.Answer:
    """Answer for a GPU that is free; the server itself is real."""
    return gpu_evidence.Answer(0, GPU_FREE)


def known(server: Ollama, **state: Any) -> dict[str, Any]:
    parts = urlsplit(server.url)
    port = {"HostIp": parts.hostname, "HostPort": str(parts.port)}
    ports = {"Ports": {"11434/tcp": [port]}}
    return {"Name": "/ollama", "Config": {"Env": []}, "HostConfig": {}, "NetworkSettings": ports, "State": state}


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the host have memory for another model, however busy this machine is."""
    (tmp_path / "meminfo").write_text("MemAvailable: 64000000 kB\n")
    monkeypatch.setattr(gpu_evidence, "MEMINFO", tmp_path / "meminfo")


def read(stream: Iterable[bytes], lines: list[bytes]) -> None:
    """Read an answer until it ends or its connection does."""
    with contextlib.suppress(OSError):
        lines.extend(stream)


def loaded(server: Ollama) -> list[str]:
    return [model["name"] for model in server.call("GET", "ps")["models"]]


def test_a_probe_loads_a_model_beside_those_that_are_loaded_and_it_leaves_by_itself(
    server: Ollama, gguf: Path, other_gguf: Path
) -> None:
    server.make("tiny", gguf)
    server.make("small", other_gguf, parameters={"num_gpu": 0})
    server.call("POST", "generate", {"model": "tiny", "stream": False, "keep_alive": 600})
    found = gpu_evidence.probe(run, gpu_evidence.ask, known(server))
    assert (found.model, found.on_gpu, found.note) == ("small:latest", False, "")
    assert sorted(loaded(server)) == ["small:latest", "tiny:latest"]
    end = time.monotonic() + 40
    while loaded(server) != ["tiny:latest"]:
        assert time.monotonic() < end, loaded(server)
        time.sleep(0.5)
    server.call("POST", "generate", {"model": "tiny", "stream": False, "keep_alive": 0})


def test_a_model_of_the_same_weights_is_no_probe_since_it_would_replace_the_loaded_one(
    server: Ollama, gguf: Path
) -> None:
    server.make("tiny", gguf)
    server.derive("preset", "tiny", parameters={"num_gpu": 0})
    server.call("POST", "generate", {"model": "preset", "stream": False, "keep_alive": 600})
    assert gpu_evidence.probe(run, gpu_evidence.ask, known(server)).note == "no other model can be loaded to try"
    assert loaded(server) == ["preset:latest"]
    server.call("POST", "generate", {"model": "preset", "stream": False, "keep_alive": 0})


def test_an_answer_that_streams_shows_in_the_kernels_tables(server: Ollama, gguf: Path, bed: dict[str, Any]) -> None:
    server.make("tiny", gguf)
    pid = int(docker("inspect", "--format", "{{.State.Pid}}", bed["containers"]["ollama"]))
    its = known(server, Pid=pid)
    server.call("POST", "generate", {"model": "tiny", "stream": False})
    assert not gpu_activity.answers(Path("/proc"), gpu_evidence.ask, time.sleep, its)
    desired = json.dumps(ENDLESS).encode()
    lines: list[bytes] = []
    with urllib.request.urlopen(f"{server.url}/api/generate", desired, timeout=60) as stream:
        reading = threading.Thread(target=read, args=(stream, lines), daemon=True)
        reading.start()
        assert gpu_activity.answers(Path("/proc"), gpu_evidence.ask, time.sleep, its)
        assert reading.is_alive()
        # Closing the socket ends the answer.
        stream.fp.raw._sock.shutdown(socket.SHUT_RDWR)
        reading.join(30)
    assert lines
    server.call("POST", "generate", {"model": "tiny", "stream": False, "keep_alive": 0})


def test_a_device_file_that_the_control_group_forbids_is_told_in_the_kernels_words(bed: dict[str, Any]) -> None:
    name = f"{bed['bed']}-device"
    image = docker("inspect", "--format", "{{.Config.Image}}", bed["containers"]["ollama"])
    docker("run", "--detach", "--rm", "--name", name, "--entrypoint", "sleep", image, "120")
    try:
        # 1 3 is /dev/null, which every container may open; 510 0 is no device that this one was given.
        docker("exec", name, "mknod", "/dev/nvidiactl", "c", "1", "3")
        docker("exec", name, "mknod", "/dev/nvidia-uvm", "c", "510", "0")
        paths = ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/kfd"]
        words = gpu_evidence.denied(gpu_evidence.run, name, paths)
        assert words.endswith("cannot open /dev/nvidia-uvm: Operation not permitted")
        assert gpu_evidence.denied(gpu_evidence.run, name, paths[:1]) == ""
    finally:
        docker("kill", name)


LABEL = "org.selfhosted.llm.test=gpu-watch"
LIST = "GPU 0: Stand-in (UUID: GPU-1)"
# A restart clears /dev/shm, and with it the loss.
SMI = f"""#!/bin/sh
[ -e /dev/shm/lost ] && echo 'Failed to initialize NVML: Unknown Error' && exit 255
echo '{LIST}'
"""


@pytest.fixture
def watched(bed: dict[str, Any], tmp_path: Path) -> Iterator[tuple[str, Ollama]]:
    """A container of a real server with a stand-in of nvidia-smi, which nothing but this test's watch looks at."""
    name = f"{bed['bed']}-watched"
    image = docker("inspect", "--format", "{{.Config.Image}}", bed["containers"]["ollama"])
    docker("run", "--detach", "--name", name, "--label", LABEL, "--publish", "127.0.0.1::11434", image)
    try:
        (tmp_path / "nvidia-smi").write_text(SMI)
        (tmp_path / "nvidia-smi").chmod(0o755)
        docker("cp", str(tmp_path / "nvidia-smi"), f"{name}:/usr/bin/nvidia-smi")
        server = Ollama(f"http://{docker('port', name, '11434').splitlines()[0]}")
        server.wait()
        yield name, server
    finally:
        docker("rm", "--force", "--volumes", name)


def test_a_real_server_that_lost_its_gpu_is_restarted_when_its_answer_has_ended(
    watched: tuple[str, Ollama], gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, server = watched
    said: list[str] = []

    def run_here(words: Sequence[str], seconds: float) -> gpu_evidence.Answer:
        """Run everything but the host's nvidia-smi, which this machine does not have."""
        return gpu_evidence.Answer(0, LIST) if words[0] == "nvidia-smi" else gpu_evidence.run(words, seconds)

    monkeypatch.setattr(gpu_watch, "LABEL", LABEL)
    monkeypatch.setattr(gpu_remake, "LABEL", LABEL)
    monkeypatch.setattr(gpu_watch, "reserved", lambda _known: True)
    host = gpu_watch.Host(run=run_here, say=said.append, state=tmp_path / "state", temporary=tmp_path)
    started = docker("inspect", "--format", "{{.State.StartedAt}}", name)
    server.make("tiny", gguf)
    gpu_watch.look_round(host)
    assert said == []
    docker("exec", name, "touch", "/dev/shm/lost")
    desired = json.dumps(ENDLESS).encode()
    with urllib.request.urlopen(f"{server.url}/api/generate", desired, timeout=60) as stream:
        reading = threading.Thread(target=read, args=(stream, []), daemon=True)
        reading.start()
        gpu_watch.look_round(host)
        assert reading.is_alive()
        assert [line.partition("left alone: ")[2] for line in said] == [
            f"it is answering; `docker restart {name}` does not wait for the end"
        ]
        assert docker("inspect", "--format", "{{.State.StartedAt}}", name) == started
        stream.fp.raw._sock.shutdown(socket.SHUT_RDWR)
        reading.join(30)
    end = time.monotonic() + 60
    while len(said) < 2:
        assert time.monotonic() < end, said
        gpu_watch.look_round(host)
    assert said[1].endswith("it was restarted, and has it again")
    assert docker("inspect", "--format", "{{.State.StartedAt}}", name) != started
