# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that is looked at on a host, side by side, so that what hangs keeps nothing else from being told."""

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
from .servers import answer, local, server
from .ways_out import ways_out

# Whatever has not answered by then is told as not seen.
LONGEST_SECONDS = 20.0
# What an answer takes the engine itself, beyond what it waits for.
ENGINE_SECONDS = 5.0
ENGINES = ("dockerd",)
CONTAINERD = "/var/lib/containerd"
API_PORTS = (2375, 2376)
# What is told of an engine that tells nothing.
NOTHING_SEEN = dict.fromkeys(("engine", "containers", "servers", "volumes", "ways_out"))
API_SECONDS = 2.0


@dataclass
class Look:
    """One look at a host. ``unseen`` are sentences about what could not be looked at."""

    socket: str
    expected: Sequence[Mapping[str, Any]]
    files: Sequence[str]
    seconds: float
    gpus: Optional[Callable[[], Mapping[str, Any]]] = None
    unseen: List[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Know the engine."""
        self.engine = Engine(self.socket, self.seconds + ENGINE_SECONDS)


def report(look: Look) -> dict[str, Any]:
    """Return what a host is like."""
    told = side_by_side(
        look,
        {
            "docker": lambda: docker(look),
            "ports": listening.listening,
            "memory": machine.memory,
            "units": machine.units,
            **({"gpu": look.gpus} if look.gpus else {}),
        },
    )
    engine = told.pop("docker") or dict(NOTHING_SEEN)
    if engine["engine"]:
        engine["engine"]["tcp"] = tcp_api(told["ports"] or [])
    held = [("/", "the system"), *engine.pop("places", [])]
    host = machine.machine()
    if os.geteuid() != 0:
        look.unseen.append(
            f"{host['user']} is not root, so the processes behind ports and what is in closed folders were not seen"
        )
    return {
        "host": host,
        **engine,
        **told,
        "gpu": told.get("gpu"),
        "disks": machine.disks(held),
        "clock": None if host["container"] else clock_synchronised(),
        "reboot": machine.reboot(),
        "files": [machine.file_state(path) for path in look.files],
        "converged": machine.converged(),
        "unseen": sorted(set(look.unseen)),
    }


def side_by_side(look: Look, questions: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Return the answers, None for those that did not come in time or failed."""
    answers: dict[str, Any] = dict.fromkeys(questions)
    late = TimeoutError(f"no answer for {LONGEST_SECONDS:g} seconds")
    found = at_once(list(questions.values()), LONGEST_SECONDS, late, most=len(questions))
    for name, answer_of in zip(questions, found):
        if answer_of is late:
            look.unseen.append(f"{name}: {late}")
        elif isinstance(answer_of, Exception):
            look.unseen.append(f"{name}: {type(answer_of).__name__}: {answer_of}")
        else:
            answers[name] = answer_of
    return answers


def docker(look: Look) -> dict[str, Any]:
    """Return the engine, its containers and volumes, and how the servers in them answer."""
    there = machine.installed(ENGINES) or os.path.exists(look.socket)
    engine: dict[str, Any] = {"installed": there, "answers": False, "words": ""}
    told: dict[str, Any] = {**NOTHING_SEEN, "engine": engine, "places": []}
    try:
        info = look.engine.get("/info") or {}
    except NoAnswer as error:
        engine["words"] = error.words
        if error.kind == "denied":
            # It may well answer those who may ask.
            engine["answers"] = None
            look.unseen.append(f"containers: {error.words} by this user, so run the playbook with --become")
        return told
    engine.update(
        answers=True,
        version=info.get("ServerVersion", ""),
        root=info.get("DockerRootDir", ""),
        container_root=container_root(info)["uid"],
        live_restore=bool(info.get("LiveRestoreEnabled")),
        swarm=(info.get("Swarm") or {}).get("LocalNodeState", "") == "active",
    )
    found = containers(look.engine, look.expected)
    return {
        **told,
        "containers": found,
        "servers": [one for one in asked(look, found) if one],
        "ways_out": leading_out(look, found),
        "volumes": volumes(look, found),
        "places": places(str(engine["root"]), found),
    }


def tcp_api(listening: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return where the engine's API answers everybody by TCP, without a certificate."""
    found = []
    for one in listening:
        # Who is not root does not know whose port it is.
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


def asked(look: Look, found: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return how the servers answer, all asked at once."""
    urls = {str(one["name"]): one.get("ollama_urls") or [] for one in look.expected}

    def question(one: Mapping[str, Any]) -> Callable[[], Any]:
        return lambda: server(look.engine, one, urls.get(str(one["name"]), []), look.seconds)

    return list(side_by_side(look, {f"container {one['name']}": question(one) for one in found}).values())


def leading_out(look: Look, found: Sequence[Mapping[str, Any]]) -> Optional[list[dict[str, Any]]]:
    """Return the ways out of the containers' networks, None where this user may not know them."""
    try:
        return ways_out(look.engine, found)
    except (Failure, NoAnswer) as error:
        look.unseen.append(f"the containers' way out: {str(error).rstrip('.')}")
        return None


def volumes(look: Look, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the volumes that are expected or in use, and whether they are there."""
    names = [str(one["volume"]) for one in look.expected if one.get("volume")]
    names += [one["name"] for container in found for one in container.get("mounts", []) if one["type"] == "volume"]
    wanted = sorted({name for name in names if not name.startswith("/")})
    return [{"name": name, "exists": look.engine.volume(name) is not None} for name in wanted]


def places(root: str, found: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return the paths whose disks matter, and what lies there."""
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
