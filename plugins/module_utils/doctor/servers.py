# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ollama and Open WebUI as they answer on this host."""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
import time
from calendar import timegm
from typing import Any, Mapping, Optional, Sequence
from urllib.parse import urlsplit, urlunsplit

from ..docker.engine import Engine, NoAnswer
from .containers import OLLAMA, OPEN_WEBUI

INSIDE = {OLLAMA: 11434, OPEN_WEBUI: 8080}
# Ollama says what it computes on within seconds of its start; looking for a GPU takes 30 s at the most.
START_SECONDS = 120
SMI_SECONDS = 5.0
# Its success, a damaged infoROM (14), and what `timeout` ends with: for itself, for a program that cannot be run, and
# for one that hangs.
SMI_PROVES_NOTHING = (0, 14, 124, 125, 126, 127, 137)
_COMPUTE = re.compile(r'msg="inference compute".*?\blibrary=(\w+)')
# What curl ends with where nobody answered at all, and where the answer was an error.
NO_HOST, REFUSED, NOT_FOUND, TIMED_OUT = 6, 7, 22, 28


def server(
    engine: Engine, container: Mapping[str, Any], urls: Sequence[str], seconds: float
) -> Optional[dict[str, Any]]:
    """Return how the server in a container answers, None for one that is no server of ours or does not run.

    ``urls`` are the Ollamas that an Open WebUI shall reach, ``seconds`` the patience with each question.
    """
    kind = str(container["kind"])
    if container["state"] != "running" or kind not in INSIDE:
        return None
    told: dict[str, Any] = {"name": container["name"], "kind": kind, "answers": False, "words": "it publishes no port"}
    for address, port in places(container):
        told.update(asked(kind, address, port, seconds))
        if told["answers"]:
            break
    if kind == OLLAMA:
        told["computes_on"] = computes_on(engine, container, told)
        told["gpu_lost"] = gpu_lost(engine, container)
    else:
        told["ollamas"] = [reached(engine, str(container["name"]), url, seconds) for url in urls]
    return told


def places(container: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return where this host may reach a container's server, the published port first."""
    inside = INSIDE[str(container["kind"])]
    published = [
        (address, one["port"])
        for one in container["ports"]
        if one["inside"] == inside
        for address in local(one["address"])
    ]
    if container["network_mode"] == "host":
        published.append(("127.0.0.1", inside))
    return published or [(address, inside) for address in container["addresses"]]


def local(address: str) -> tuple[str, ...]:
    """Return the addresses to connect to: a wildcard is none, and that of IPv6 mostly means both."""
    found = ipaddress.ip_address(address)
    if not found.is_unspecified:
        return (address,)
    return ("127.0.0.1",) if found.version == 4 else ("::1", "127.0.0.1")


def asked(kind: str, address: str, port: int, seconds: float) -> dict[str, Any]:
    """Return how a server answers at an address."""
    begun = time.monotonic()
    try:
        version = str(said(address, port, "/api/version", seconds).get("version", ""))
        took = time.monotonic() - begun
        more = loaded(address, port, seconds) if kind == OLLAMA else {"ready": ready(address, port, seconds)}
    except (OSError, ValueError, http.client.HTTPException) as error:
        slow = isinstance(error, TimeoutError) or "timed out" in str(error)
        words = f"no answer for {seconds:g} seconds" if slow else str(error) or type(error).__name__
        return {"answers": False, "words": f"{address}:{port}: {words}"}
    return {"answers": True, "words": "", "version": version, "seconds": round(took, 3), **more}


def said(
    address: str, port: int, path: str, seconds: float, question: Optional[Mapping[str, Any]] = None
) -> dict[str, Any]:
    """Return the JSON object that a server answers with; raise ValueError where it is none."""
    status, body = answer(address, port, path, seconds, question)
    if status != 200:
        raise ValueError(f"it answered {status} to {path}")
    told = json.loads(body)
    if not isinstance(told, dict):
        raise ValueError(f"what it said to {path} is no object")
    return told


def answer(
    address: str, port: int, path: str, seconds: float, question: Optional[Mapping[str, Any]] = None
) -> tuple[int, bytes]:
    """Return the status and the body of an answer; a question is sent with POST, as JSON."""
    method, data = ("GET", None) if question is None else ("POST", json.dumps(question))
    connection = http.client.HTTPConnection(address, port, timeout=seconds)
    try:
        connection.request(method, path, body=data)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def loaded(address: str, port: int, seconds: float) -> dict[str, Any]:
    """Return what an Ollama has in memory, in bytes, and how many models it has."""
    running = said(address, port, "/api/ps", seconds).get("models") or []
    models = said(address, port, "/api/tags", seconds).get("models") or []
    return {
        "models": len(models),
        "loaded": [
            {
                "name": str(one.get("name")),
                "size": one.get("size", 0),
                "size_vram": one.get("size_vram", 0),
                "limited": limited(address, port, str(one.get("name")), seconds),
            }
            for one in running
        ],
    }


def limited(address: str, port: int, name: str, seconds: float) -> bool:
    """Tell whether a model stops by itself after so many tokens, or writes none; also where the server does not tell.

    Without C(num_predict) Ollama lets a model go on as long as it likes (-1); below 0 it is no limit either.
    """
    try:
        told = said(address, port, "/api/show", seconds, {"model": name})
    except (OSError, ValueError, http.client.HTTPException):
        return True
    if "completion" not in (told.get("capabilities") or ["completion"]):
        return True
    found = re.search(r"^num_predict\s+(\d+)\s*$", str(told.get("parameters") or ""), re.MULTILINE)
    return found is not None


def ready(address: str, port: int, seconds: float) -> bool:
    """Tell whether an Open WebUI is ready; before 0.8.11 it has no word for that but its health."""
    status, body = answer(address, port, "/ready", seconds)
    # What it does not know it answers with its page.
    if status == 200 and not body.lstrip().startswith(b"{"):
        status, _body = answer(address, port, "/health", seconds)
    return status == 200


def computes_on(engine: Engine, container: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """Return gpu, cpu or, where nothing tells, "".

    A model on a GPU shows that there is one. A model in memory shows nothing, since a request or a preset may ask for
    that (num_gpu: 0), so then the server's log of its start decides.
    """
    if any(one["size_vram"] for one in told.get("loaded") or []):
        return "gpu"
    started = str(container["started"])[:19]
    try:
        begun = timegm(time.strptime(started, "%Y-%m-%dT%H:%M:%S"))
        log = engine.log(str(container["name"]), begun - 1, begun + START_SECONDS)
    except (ValueError, NoAnswer):
        return ""
    libraries = {one.lower() for one in _COMPUTE.findall(log)}
    if libraries - {"cpu"}:
        return "gpu"
    return "cpu" if libraries or "no compatible GPUs were discovered" in log else ""


def gpu_lost(engine: Engine, container: Mapping[str, Any]) -> str:
    """Return how nvidia-smi fails in a container that has a GPU, "" where it works, hangs, or does not exist."""
    if not container.get("gpu") or container["gpu"] == "amd":
        return ""
    limit = ["timeout", "--signal=KILL", f"{SMI_SECONDS:g}"]
    try:
        code = engine.execute(str(container["name"]), [*limit, "nvidia-smi", "-L"])
    except (NoAnswer, ValueError, KeyError):
        return ""
    return "" if code is None or code in SMI_PROVES_NOTHING else f"nvidia-smi ends with {code} in the container"


def reached(engine: Engine, name: str, url: str, seconds: float) -> dict[str, Any]:
    """Return whether a container of Open WebUI reaches an Ollama; None where it could not be tried."""
    words = ["curl", "--silent", "--fail", "--output", "/dev/null", "--max-time", f"{seconds:g}"]
    try:
        code = engine.execute(name, [*words, "--url", f"{url.rstrip('/')}/api/version"])
    except (NoAnswer, ValueError, KeyError):
        code = None
    why = {NO_HOST: "its name is not known", REFUSED: "nobody listens", TIMED_OUT: f"no answer for {seconds:g} seconds"}
    why[NOT_FOUND] = "what answers is no Ollama, or wants a password"
    return {
        "url": without_password(url),
        "reached": None if code is None else code == 0,
        "words": why.get(code or 0, f"curl ended with {code}") if code else "",
    }


def without_password(url: str) -> str:
    """Return a URL without the name and the password in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))
