# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the servers in the containers answer, and whether they use their GPU."""

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
# Ollama logs its GPUs within seconds of its start; the search takes at most 30 s.
START_SECONDS = 120
SMI_SECONDS = 5.0
# Success, a corrupted infoROM (14), and the codes of `timeout`: its own errors, a program that cannot be run, and one
# that hangs.
INCONCLUSIVE_CODES = (0, 14, 124, 125, 126, 127, 137)
_COMPUTE = re.compile(r'msg="inference compute".*?\blibrary=(\w+)')
# Exit codes of curl: no answer, and (22) an answer with an error status.
NO_HOST, REFUSED, NOT_FOUND, TIMED_OUT = 6, 7, 22, 28


def server(
    engine: Engine, container: Mapping[str, Any], urls: Sequence[str], seconds: float
) -> Optional[dict[str, Any]]:
    """Return the state of the server in a container, None for other containers and stopped ones.

    ``urls`` are the Ollama URLs of an Open WebUI, ``seconds`` is the time limit of each request.
    """
    kind = str(container["kind"])
    if container["state"] != "running" or kind not in INSIDE:
        return None
    state: dict[str, Any] = {"name": container["name"], "kind": kind, "answers": False, "error": "it publishes no port"}
    for address, port in places(container):
        state.update(asked(kind, address, port, seconds))
        if state["answers"]:
            break
    if kind == OLLAMA:
        state["computes_on"] = computes_on(engine, container, state)
        state["gpu_lost"] = gpu_lost(engine, container)
    else:
        state["ollamas"] = [reached(engine, str(container["name"]), url, seconds) for url in urls]
    return state


def places(container: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return the addresses of a container's server from this host, published ports first."""
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
    """Return the addresses to connect to. The wildcard of IPv6 mostly means both versions."""
    found = ipaddress.ip_address(address)
    if not found.is_unspecified:
        return (address,)
    return ("127.0.0.1",) if found.version == 4 else ("::1", "127.0.0.1")


def asked(kind: str, address: str, port: int, seconds: float) -> dict[str, Any]:
    """Return the answer of a server at an address."""
    begun = time.monotonic()
    try:
        version = str(get(address, port, "/api/version", seconds).get("version", ""))
        took = time.monotonic() - begun
        more = loaded(address, port, seconds) if kind == OLLAMA else {"ready": ready(address, port, seconds)}
    except (OSError, ValueError, http.client.HTTPException) as error:
        slow = isinstance(error, TimeoutError) or "timed out" in str(error)
        reason = f"no answer for {seconds:g} seconds" if slow else str(error) or type(error).__name__
        return {"answers": False, "error": f"{address}:{port}: {reason}"}
    return {"answers": True, "error": "", "version": version, "seconds": round(took, 3), **more}


def get(
    address: str, port: int, path: str, seconds: float, question: Optional[Mapping[str, Any]] = None
) -> dict[str, Any]:
    """Return the JSON object in a server's answer; raise ValueError if there is none."""
    status, body = answer(address, port, path, seconds, question)
    if status != 200:
        raise ValueError(f"status {status} for {path}")
    content = json.loads(body)
    if not isinstance(content, dict):
        raise ValueError(f"its answer to {path} is not a JSON object")
    return content


def answer(
    address: str, port: int, path: str, seconds: float, question: Optional[Mapping[str, Any]] = None
) -> tuple[int, bytes]:
    """Return status and body of an answer; ``question`` is sent as JSON with POST."""
    method, data = ("GET", None) if question is None else ("POST", json.dumps(question))
    connection = http.client.HTTPConnection(address, port, timeout=seconds)
    try:
        connection.request(method, path, body=data)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def loaded(address: str, port: int, seconds: float) -> dict[str, Any]:
    """Return the models in memory of an Ollama, in bytes, and the number of its models."""
    running = get(address, port, "/api/ps", seconds).get("models") or []
    models = get(address, port, "/api/tags", seconds).get("models") or []
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
    """Tell whether answers of a model have a length limit; also true if it writes no text, or if that is unknown.

    Without num_predict, or with a negative one, Ollama sets no limit (-1).
    """
    try:
        shown = get(address, port, "/api/show", seconds, {"model": name})
    except (OSError, ValueError, http.client.HTTPException):
        return True
    if "completion" not in (shown.get("capabilities") or ["completion"]):
        return True
    found = re.search(r"^num_predict\s+(\d+)\s*$", str(shown.get("parameters") or ""), re.MULTILINE)
    return found is not None


def ready(address: str, port: int, seconds: float) -> bool:
    """Tell whether an Open WebUI is ready; before 0.8.11 only its health tells that."""
    status, body = answer(address, port, "/ready", seconds)
    # Unknown paths return the index page with status 200.
    if status == 200 and not body.lstrip().startswith(b"{"):
        status, _body = answer(address, port, "/health", seconds)
    return status == 200


def computes_on(engine: Engine, container: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    """Return gpu, cpu, or "" if it is unknown.

    A model on a GPU proves the GPU. A model in memory proves nothing, since a request or a preset may ask for that
    (num_gpu: 0); then the log of the server's start decides.
    """
    if any(one["size_vram"] for one in state.get("loaded") or []):
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
    """Return how nvidia-smi fails in a container with a GPU, "" if it works, hangs, or does not exist."""
    if not container.get("gpu") or container["gpu"] == "amd":
        return ""
    limit = ["timeout", "--signal=KILL", f"{SMI_SECONDS:g}"]
    try:
        code = engine.execute(str(container["name"]), [*limit, "nvidia-smi", "-L"])
    except (NoAnswer, ValueError, KeyError):
        return ""
    return "" if code is None or code in INCONCLUSIVE_CODES else f"nvidia-smi ends with code {code} in the container"


def reached(engine: Engine, name: str, url: str, seconds: float) -> dict[str, Any]:
    """Return whether a container of Open WebUI reaches an Ollama; None if it could not be tested."""
    words = ["curl", "--silent", "--fail", "--output", "/dev/null", "--max-time", f"{seconds:g}"]
    try:
        code = engine.execute(name, [*words, "--url", f"{url.rstrip('/')}/api/version"])
    except (NoAnswer, ValueError, KeyError):
        code = None
    why = {
        NO_HOST: "its name does not resolve",
        REFUSED: "nothing listens there",
        TIMED_OUT: f"no answer for {seconds:g} seconds",
    }
    why[NOT_FOUND] = "the server there is not Ollama, or requires a password"
    return {
        "url": without_password(url),
        "reached": None if code is None else code == 0,
        "error": why.get(code or 0, f"curl ended with code {code}") if code else "",
    }


def without_password(url: str) -> str:
    """Return a URL without user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))
