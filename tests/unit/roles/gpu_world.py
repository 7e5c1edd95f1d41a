# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated host for files/gpu_watch.py: clock, programs, Docker's engine, servers and /proc, as the watch sees them.

A server loads a model as Ollama does: on the GPU where CUDA works, the GPU has room and nobody asks for the CPU, else
in memory. Where it holds too many it evicts one, which is noted in ``World.evicted``.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Optional
from urllib.parse import parse_qs, unquote, urlsplit

from role_variables import OLLAMA

sys.path.insert(0, str(OLLAMA / "files"))

import gpu_activity as activity
import gpu_evidence as evidence
import gpu_remake as remake
import gpu_watch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["CPU", "GPU", "LOST", "Container", "World", "activity", "evidence", "gpu_watch", "remake"]

LOST = "Failed to initialize NVML: Unknown Error"
SMI = "GPU 0: Stand-in (UUID: GPU-1)\n"
GPU = 'msg="inference compute" id=GPU-1 library=CUDA compute=8.9 total="24.0 GiB"'
CPU = 'msg="inference compute" id=0 library=cpu variant="" total="24.0 GiB"'
NODES = ("nvidiactl", "nvidia-uvm")
# 127.0.0.1:11434 or 10.0.0.2:11434, as /proc/net/tcp writes an established connection.
CONNECTION = "   {}: 0200000A:2CAA 0100000A:{:04X} 01 {:08X}:00000000 00:00000000 00000000  0  0 {} 1\n"
LISTENING = "   0: 00000000:2CAA 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 1 1\n"


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
    environment: list[str] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    started: float = 0.0
    requests: list[dict[str, Any]] = field(default_factory=lambda: [{"Driver": "nvidia", "Count": -1}])
    devices: list[dict[str, Any]] = field(default_factory=list)
    pid: int = 7
    # What the server has on disk, in bytes by name, and what of it never goes to a GPU.
    available: dict[str, int] = field(default_factory=dict)
    cpu_only: tuple[str, ...] = ()
    # The weights of presets, by name; other models have weights of their own.
    weights: dict[str, str] = field(default_factory=dict)
    cuda: bool = True
    # Open connections of clients, unread bytes in each, and the share of a core that the server takes.
    clients: int = 0
    unread: int = 0
    busy: float = 0.0
    ticks: float = 0.0
    nodes: tuple[str, ...] = NODES
    denied: str = ""
    start_fails: str = ""

    @property
    def id(self) -> str:
        return f"{self.number:064x}"

    def lose(self, words: str = LOST) -> None:
        self.smi = evidence.Answer(255, words)

    def load(self, name: str, size: int, vram: int, until: float = 0.0) -> None:
        """Hold a model, for ever or until so late."""
        self.models = [one for one in self.models if one["name"] != name]
        self.models.append({"name": name, "size": size, "size_vram": vram, "expires_at": until or "2318-01-01"})

    def inspect(self) -> dict[str, Any]:
        at = datetime.fromtimestamp(self.started, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        return {
            "Id": self.id,
            "Name": f"/{self.name}",
            "Image": "sha256:1",
            "State": {"Running": True, "Pid": self.pid, "StartedAt": at, "Health": {"Status": "healthy"}, **self.state},
            "Config": {
                "Hostname": self.id[:12],
                "Image": "ollama/ollama:1",
                "Env": self.environment,
                "Labels": {"a": "b"},
            },
            "HostConfig": {"NetworkMode": "llm", "DeviceRequests": self.requests, "Devices": self.devices},
            "NetworkSettings": {
                "Ports": {"11434/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(11427 + self.pid)}]},
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
        self.evicted: list[str] = []
        self.probes: list[str] = []
        self.killed_before = self.refused_once = ""
        self.folder = folder
        self._written: dict[str, Optional[str]] = {}
        for part in ("state", "proc", "tmp", "dev"):
            (folder / part).mkdir()
        evidence.MEMINFO = folder / "proc" / "meminfo"
        self.memory(64_000_000)
        for node in NODES:
            (folder / "dev" / node).touch()
        self.host = gpu_watch.Host(
            run=self.run,
            engine=self.engine,
            ask=self.ask,
            now=lambda: self.clock,
            sleep=self.sleep,
            say=self.said.append,
            state=folder / "state",
            proc=folder / "proc",
            devices=folder / "dev",
            temporary=folder / "tmp",
        )

    def memory(self, available: int) -> None:
        """Let the host have so much memory available, in kB."""
        evidence.MEMINFO.write_text(f"MemTotal: 1 kB\nMemAvailable:   {available} kB\n")

    def sleep(self, seconds: float) -> None:
        self.clock += seconds
        for its in self.containers.values():
            its.ticks += its.busy * seconds * os.sysconf("SC_CLK_TCK")
            self._write(f"{its.pid}/stat", f"{its.pid} (ollama serve) S 1 1 1 0 -1 0 0 0 0 0 {int(its.ticks)} 0 0 0")

    def look(self) -> None:
        """Let the watch look once, at /proc and the servers as they are now."""
        for its in self.containers.values():
            its.models = [one for one in its.models if isinstance(one.get("expires_at"), str) or not _over(one, self)]
            lines = "".join(CONNECTION.format(n + 1, n + 40000, its.unread, n + 9) for n in range(its.clients))
            self._write(f"{its.pid}/net/tcp", f"  sl  local_address\n{LISTENING}{lines}")
            self._write(f"{its.pid}/stat", f"{its.pid} (ollama serve) S 1 1 1 0 -1 0 0 0 0 0 {int(its.ticks)} 0 0 0")
            namespace = self.folder / "proc" / str(its.pid) / "ns" / "pid"
            if not namespace.is_symlink():
                namespace.parent.mkdir()
                namespace.symlink_to(f"pid:[{its.pid}]")
            for node in NODES:
                self._write(f"{its.pid}/root/dev/{node}", "there" if node in its.nodes else None)
        gpu_watch.look_round(self.host)

    def _write(self, path: str, text: Optional[str]) -> None:
        """Give a file below /proc this text, or take it away."""
        if self._written.get(path, "") == text:
            return
        self._written[path] = text
        place = self.folder / "proc" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="ascii") if text is not None else place.unlink(missing_ok=True)

    def watched(self, seconds: float, every: float = 20.0) -> None:
        """Let the timer run for so long."""
        end = self.clock + seconds
        while self.clock < end:
            self.look()
            self.clock += every

    def run(self, words: Sequence[str], seconds: float) -> evidence.Answer:
        self.asked.append(" ".join(words))
        if words[0] == "nvidia-smi":
            return self.host_smi
        if words[1] == "ps":
            running = [name for name, its in self.containers.items() if its.inspect()["State"]["Running"]]
            return evidence.Answer(0, "\n".join(running))
        its = self.containers.get(words[-1])
        if words[1] == "inspect":
            return evidence.Answer(0, json.dumps([its.inspect()])) if its else evidence.Answer(1, "no such container")
        if words[1] == "logs":
            return evidence.Answer(0, its.log if its else "")
        if words[1] in ("restart", "start"):
            assert its is not None
            if its.start_fails:
                its.state = {"Running": False}
                return evidence.Answer(1, its.start_fails)
            its.state = {}
            self.start(its, words[1])
            return evidence.Answer(0)
        assert words[1] == "exec", words
        return self.execute(self.containers[words[2]], words[3:])

    def execute(self, its: Container, words: Sequence[str]) -> evidence.Answer:
        if words[0] == "ls":
            return evidence.Answer(2, "cuda_v13" if its.back_end else "libggml-cpu-haswell.so")
        if words[0] == "sh":
            return evidence.Answer(1 if its.denied else 0, its.denied)
        return evidence.Answer(0, self.free) if "memory.free" in " ".join(words) else its.smi

    def start(self, its: Container, kind: str) -> None:
        its.started = self.clock
        its.log = its.log_after_start
        its.models = []
        self.starts.append((self.clock, its.name, kind))
        if its.cured_by == kind:
            its.smi, its.cuda, its.nodes, its.denied = evidence.Answer(0, SMI), True, NODES, ""

    def ask(self, url: str, path: str, body: Optional[dict[str, Any]], seconds: float) -> Any:
        port = url.rpartition(":")[2]
        its = next(one for one in self.containers.values() if port == str(11427 + one.pid))
        if path == "/api/ps":
            return {"models": its.models}
        if path == "/api/tags":
            return {"models": [{"name": name, "size": size} for name, size in its.available.items()]}
        assert body is not None
        if path == "/api/show":
            blob = its.weights.get(body["model"], body["model"])
            return {"modelfile": f"# FROM {body['model']}\n\nFROM /root/.ollama/models/blobs/sha256-{blob}\n"}
        self.probes.append(body["model"])
        self.load(its, body["model"], body.get("options", {}).get("num_gpu", -1), seconds=10)
        return {}

    def load(self, its: Container, name: str, num_gpu: int = -1, seconds: float = 0.0) -> None:
        """Load a model as Ollama does, for ever or for so long."""
        size = its.available[name]
        mine = its.weights.get(name, name)
        same = [one["name"] for one in its.models if its.weights.get(one["name"], one["name"]) == mine]
        self.evicted += [other for other in same if other != name]
        its.models = [one for one in its.models if one["name"] not in same]
        if len(its.models) >= 3 and name not in [one["name"] for one in its.models]:
            self.evicted.append(its.models.pop(0)["name"])
        free = int(self.free) * 1048576 if self.free.strip().isdecimal() else 0
        on_gpu = num_gpu != 0 and its.cuda and name not in its.cpu_only
        # What does not fit lies in part on the GPU.
        its.load(name, size, min(size, free) if on_gpu else 0, self.clock + seconds if seconds else 0.0)

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
            old = self.containers[query["name"].partition(".")[0]]
            made = Container(
                query["name"], old.number + 1, old.smi, old.cured_by, pid=old.pid, state={"Status": "created"}
            )
            made.log_after_start, made.state["Running"] = old.log_after_start, False
            made.available, made.nodes, made.denied, made.cuda = old.available, old.nodes, old.denied, old.cuda
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


def _over(model: dict[str, Any], world: World) -> bool:
    return float(model.get("expires_at") or world.clock + 1) <= world.clock
