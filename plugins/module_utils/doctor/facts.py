# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a host, gathered in parallel: its engine, containers, servers, ports, disks, units and GPUs."""

from __future__ import annotations

import http.client
import os
from dataclasses import dataclass, field
from typing import Any, Callable, List, Mapping, Optional, Sequence

from ..docker.engine import Engine, NoAnswer, container_root
from ..engine.errors import Failure
from ..host import listening
from ..host.deadline import at_once
from ..host.linux import clock_synchronised
from . import machine
from .containers import DATA, containers
from .networks import networks
from .servers import answer, local, server

# Facts that take longer are left out and reported.
MAX_SECONDS = 20.0
# Time that the engine itself needs, in addition to what it waits for.
ENGINE_SECONDS = 5.0
ENGINES = ("dockerd",)
CONTAINERD = "/var/lib/containerd"
API_PORTS = (2375, 2376)
# The facts of an engine that does not answer.
NO_FACTS = dict.fromkeys(("engine", "containers", "servers", "volumes", "networks"))
API_SECONDS = 2.0


@dataclass
class Request:
    """What to gather on a host. ``not_gathered`` gets a sentence for each fact that could not be gathered."""

    socket: str
    expected: Sequence[Mapping[str, Any]]
    files: Sequence[str]
    seconds: float
    gpus: Optional[Callable[[], Mapping[str, Any]]] = None
    not_gathered: List[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the client of the engine."""
        self.engine = Engine(self.socket, self.seconds + ENGINE_SECONDS)


def gather(request: Request) -> dict[str, Any]:
    """Return the facts of this host."""
    facts = in_parallel(
        request,
        {
            "docker": lambda: docker(request),
            "ports": listening.listening,
            "memory": machine.memory,
            "units": machine.units,
            **({"gpu": request.gpus} if request.gpus else {}),
        },
    )
    engine = facts.pop("docker") or dict(NO_FACTS)
    if engine["engine"]:
        engine["engine"]["tcp"] = tcp_api(facts["ports"] or [])
    held = [("/", "the system"), *engine.pop("places", [])]
    host = machine.machine()
    if os.geteuid() != 0:
        request.not_gathered.append(
            f"{host['user']} is not root, so processes behind ports and private folders are not visible"
        )
    return {
        "host": host,
        **engine,
        **facts,
        "gpu": facts.get("gpu"),
        "disks": machine.disks(held),
        "clock": None if host["container"] else clock_synchronised(),
        "reboot": machine.reboot(),
        "files": [machine.file_state(path) for path in request.files],
        "converged": machine.converged(),
        "not_gathered": sorted(set(request.not_gathered)),
    }


def in_parallel(request: Request, questions: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Return the answers, None for those that are late or failed."""
    answers: dict[str, Any] = dict.fromkeys(questions)
    late = TimeoutError(f"no answer for {MAX_SECONDS:g} seconds")
    found = at_once(list(questions.values()), MAX_SECONDS, late, most=len(questions))
    for name, answer_of in zip(questions, found):
        if answer_of is late:
            request.not_gathered.append(f"{name}: {late}")
        elif isinstance(answer_of, Exception):
            request.not_gathered.append(f"{name}: {type(answer_of).__name__}: {answer_of}")
        else:
            answers[name] = answer_of
    return answers


def docker(request: Request) -> dict[str, Any]:
    """Return the engine, its containers, volumes and networks, and the state of the servers."""
    installed = machine.installed(ENGINES) or os.path.exists(request.socket)
    engine: dict[str, Any] = {"installed": installed, "answers": False, "error": ""}
    facts: dict[str, Any] = {**NO_FACTS, "engine": engine, "places": []}
    try:
        info = request.engine.get("/info") or {}
    except NoAnswer as error:
        engine["error"] = error.words
        if error.kind == "denied":
            # It may answer other users.
            engine["answers"] = None
            request.not_gathered.append(f"containers: {error.words} by this user, so run the playbook with --become")
        return facts
    engine.update(
        answers=True,
        version=info.get("ServerVersion", ""),
        root=info.get("DockerRootDir", ""),
        container_root=container_root(info)["uid"],
        live_restore=bool(info.get("LiveRestoreEnabled")),
        swarm=(info.get("Swarm") or {}).get("LocalNodeState", "") == "active",
    )
    found = containers(request.engine, request.expected)
    return {
        **facts,
        "containers": found,
        "servers": [one for one in asked(request, found) if one],
        "networks": gather_networks(request, found),
        "volumes": volumes(request, found),
        "places": places(str(engine["root"]), found),
    }


def tcp_api(listening: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the TCP addresses where the engine's API answers without a certificate."""
    found = []
    for one in listening:
        # Only root sees the process behind a port.
        if one["process"] != "dockerd" and (one["process"] or one["port"] not in API_PORTS):
            continue
        if any(is_api(address, one["port"]) for address in local(one["address"])):
            found.append({"address": one["address"], "port": one["port"]})
    return found


def is_api(address: str, port: int) -> bool:
    """Tell whether an engine answers in plain HTTP."""
    try:
        status, body = answer(address, port, "/_ping", API_SECONDS)
    except (OSError, http.client.HTTPException):
        return False
    return status == 200 and body.strip() == b"OK"


def asked(request: Request, found: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return the state of the servers, asked in parallel."""
    urls = {str(one["name"]): one.get("ollama_urls") or [] for one in request.expected}

    def question(one: Mapping[str, Any]) -> Callable[[], Any]:
        return lambda: server(request.engine, one, urls.get(str(one["name"]), []), request.seconds)

    return list(in_parallel(request, {f"container {one['name']}": question(one) for one in found}).values())


def gather_networks(request: Request, found: Sequence[Mapping[str, Any]]) -> Optional[list[dict[str, Any]]]:
    """Return the networks of the containers, None if this user may not read their rules."""
    try:
        return networks(request.engine, found)
    except (Failure, NoAnswer) as error:
        request.not_gathered.append(f"networks: {str(error).rstrip('.')}")
        return None


def volumes(request: Request, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the declared and the used volumes, and whether they exist."""
    names = [str(one["volume"]) for one in request.expected if one.get("volume")]
    names += [one["name"] for container in found for one in container.get("mounts", []) if one["type"] == "volume"]
    wanted = sorted({name for name in names if not name.startswith("/")})
    return [{"name": name, "exists": request.engine.volume(name) is not None} for name in wanted]


def places(root: str, found: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return the paths whose disks matter, and what they hold."""
    held = [(root, "Docker")] if root else []
    if os.path.isdir(CONTAINERD):
        held.append((CONTAINERD, "images"))
    for container in found:
        kept = DATA.get(container["kind"], "")
        held += [
            (one["source"], f"data of {container['name']}")
            for one in container.get("mounts", [])
            if kept and one["target"] == kept and one["source"]
        ]
    return held
