# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated host for files/gpu_watch.py: a clock, programs, Docker's engine and servers, as far as the watch asks."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Optional
from urllib.parse import parse_qs, unquote, urlsplit

from role_variables import OLLAMA

sys.path.insert(0, str(OLLAMA / "files"))

import gpu_evidence as evidence
import gpu_remake as remake
import gpu_watch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["CPU", "GPU", "LOST", "Container", "World", "evidence", "gpu_watch", "remake"]

LOST = "Failed to initialize NVML: Unknown Error"
SMI = "GPU 0: Stand-in (UUID: GPU-1)\n"
GPU = 'msg="inference compute" id=GPU-1 library=CUDA compute=8.9 total="24.0 GiB"'
CPU = 'msg="inference compute" id=0 library=cpu variant="" total="24.0 GiB"'


@dataclass
class Container:
    """A container of Ollama. ``cured_by`` is how many starts of which kind bring the GPU back."""

    name: str = "ollama"
    number: int = 1
    smi: evidence.Answer = field(default_factory=lambda: evidence.Answer(0, SMI))
    cured_by: str = "restart"
    log: str = GPU
    log_after_start: str = GPU
    back_end: bool = True
    models: list[dict[str, Any]] = field(default_factory=list)
    parameters: str = ""
    environment: list[str] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    started: float = 0.0
    requests: list[dict[str, Any]] = field(default_factory=lambda: [{"Driver": "nvidia", "Count": -1}])
    devices: list[dict[str, Any]] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"{self.number:064x}"

    def lose(self, words: str = LOST) -> None:
        self.smi = evidence.Answer(255, words)

    def inspect(self) -> dict[str, Any]:
        at = datetime.fromtimestamp(self.started, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        return {
            "Id": self.id,
            "Name": f"/{self.name}",
            "Image": "sha256:1",
            "State": {"Running": True, "Pid": 7, "StartedAt": at, "Health": {"Status": "healthy"}, **self.state},
            "Config": {
                "Hostname": self.id[:12],
                "Image": "ollama/ollama:1",
                "Env": self.environment,
                "Labels": {"a": "b"},
            },
            "HostConfig": {"NetworkMode": "llm", "DeviceRequests": self.requests, "Devices": self.devices},
            "NetworkSettings": {
                "Ports": {"11434/tcp": [{"HostIp": "127.0.0.1", "HostPort": "11434"}]},
                "Networks": {"llm": {"Aliases": ["ollama", self.id[:12]], "IPAddress": "10.0.0.2", "MacAddress": "02"}},
            },
        }


class World:
    def __init__(self, folder: Path, *containers: Container) -> None:
        self.clock = 1_000_000.0
        self.containers = {container.name: container for container in containers}
        self.host_smi = evidence.Answer(0, SMI)
        self.free = "24000\n"
        self.image = "sha256:1"
        self.said: list[str] = []
        self.asked: list[str] = []
        self.starts: list[tuple[float, str, str]] = []
        self.killed_before = self.refused_once = ""
        for part in ("state", "proc", "tmp"):
            (folder / part).mkdir()
        self.host = gpu_watch.Host(
            run=self.run,
            engine=self.engine,
            ask=self.ask,
            now=lambda: self.clock,
            sleep=self.sleep,
            say=self.said.append,
            state=folder / "state",
            proc=folder / "proc",
            temporary=folder / "tmp",
        )

    def sleep(self, seconds: float) -> None:
        self.clock += seconds

    def watched(self, seconds: float, every: float = 20.0) -> None:
        """Let the timer run for so long."""
        end = self.clock + seconds
        while self.clock < end:
            gpu_watch.look_round(self.host)
            self.clock += every

    def run(self, words: Sequence[str], seconds: float) -> evidence.Answer:
        self.asked.append(" ".join(words))
        if words[0] == "nvidia-smi":
            return evidence.Answer(0, self.free) if "memory.free" in words[1] else self.host_smi
        if words[1] == "ps":
            return evidence.Answer(0, "\n".join(self.containers))
        its = self.containers.get(words[-1])
        if words[1] == "inspect":
            return evidence.Answer(0, json.dumps([its.inspect()])) if its else evidence.Answer(1, "no such container")
        if words[1] == "logs":
            return evidence.Answer(0, its.log if its else "")
        if words[1] == "restart":
            assert its is not None
            self.start(its, "restart")
            return evidence.Answer(0)
        assert words[1] == "exec", words
        its = self.containers[words[2]]
        if words[3] == "ls":
            return evidence.Answer(2, "cuda_v13" if its.back_end else "libggml-cpu-haswell.so")
        return its.smi

    def start(self, its: Container, kind: str) -> None:
        its.started = self.clock
        its.log = its.log_after_start
        its.models = []
        self.starts.append((self.clock, its.name, kind))
        if its.cured_by == kind:
            its.smi = evidence.Answer(0, SMI)

    def ask(self, url: str, path: str, body: Optional[dict[str, Any]], seconds: float) -> Any:
        its = next(iter(self.containers.values()))
        return {"models": its.models} if path == "/api/ps" else {"parameters": its.parameters}

    def engine(self, method: str, path: str, body: Optional[dict[str, Any]]) -> Any:
        """Docker's engine; killed before a call that begins with ``killed_before``, refusing ``refused_once``."""
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if self.killed_before and f"{method} {path}".startswith(self.killed_before):
            raise KeyboardInterrupt
        if self.refused_once and f"{method} {path}".startswith(self.refused_once):
            self.refused_once = ""
            raise remake.EngineError("no room left")
        if parts.path.startswith("/images/"):
            return {"Id": self.image}
        if parts.path == "/containers/json":
            return [
                {"Names": [f"/{name}"], "State": its.state.get("Status", "running")}
                for name, its in self.containers.items()
            ]
        if parts.path == "/containers/create":
            old = next(iter(self.containers.values()))
            made = Container(query["name"], old.number + 1, old.smi, old.cured_by, state={"Status": "created"})
            made.log_after_start, made.state["Running"] = old.log_after_start, False
            self.containers[made.name] = made
            return {}
        _root, _kind, name, *verb = unquote(parts.path).split("/")
        its = self.containers[name]
        if method == "DELETE":
            del self.containers[name]
        elif verb == ["rename"]:
            assert query["name"] not in self.containers
            its.name = query["name"]
            self.containers[its.name] = self.containers.pop(name)
        elif verb == ["stop"]:
            its.state = {"Status": "exited", "Running": False}
        elif verb == ["start"] and not its.inspect()["State"]["Running"]:
            its.state = {}
            self.start(its, "remake")
        return {}
