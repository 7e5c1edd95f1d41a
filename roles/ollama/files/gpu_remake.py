"""Recreate a container with the same configuration, in steps of which each can be the last.

NAME.mended is made, the old one becomes NAME.lost, the new one NAME; then the old one stops, the new one starts, and
the old one is removed. `finish` goes on, or back, from wherever a run has ended.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from typing import Any, Callable, Optional
from urllib.parse import quote

SOCKET = "/var/run/docker.sock"
LABEL = "org.selfhosted.llm.role=ollama"
NEW, OLD = ".mended", ".lost"
STOP_SECONDS = 15
# What the engine tells of a container's place in a network and takes when it is made.
ENDPOINT = ("IPAMConfig", "Links", "DriverOpts", "GwPriority")

Engine = Callable[[str, str, Optional[dict[str, Any]]], Any]


class EngineError(Exception):
    """What the engine said against it."""


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(SOCKET)


def engine(method: str, path: str, body: Optional[dict[str, Any]] = None) -> Any:
    """Ask Docker's engine.

    Raises:
        EngineError: It refuses, or does not answer.
    """
    try:
        connection = _Connection("localhost")
        connection.request(method, path, json.dumps(body or {}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        told = json.loads(answer.read() or b"{}")
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise EngineError(str(error)) from error
    if answer.status >= 400:
        raise EngineError(str(told.get("message") or answer.status))
    return told


def wanted(known: dict[str, Any]) -> dict[str, Any]:
    """The body by which the engine makes a container like this one."""
    short = known["Id"][:12]
    config = {name: value for name, value in known["Config"].items() if name != "MacAddress"}
    if config.get("Hostname") == short:
        del config["Hostname"]
    return {**config, "HostConfig": known["HostConfig"], "NetworkingConfig": {"EndpointsConfig": endpoints(known)}}


def endpoints(known: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for network, its in ((known.get("NetworkSettings") or {}).get("Networks") or {}).items():
        kept = {name: its[name] for name in ENDPOINT if its.get(name) is not None}
        kept["Aliases"] = [alias for alias in its.get("Aliases") or [] if alias != known["Id"][:12]]
        found[network] = kept
    return found


def make(engine: Engine, known: dict[str, Any], name: str) -> None:
    """Make it, in all its networks. Engines before 25 take one network when a container is made."""
    body = wanted(known)
    networks = body["NetworkingConfig"]["EndpointsConfig"]
    first = known["HostConfig"].get("NetworkMode")
    later = {network: its for network, its in networks.items() if network != first} if first in networks else {}
    body["NetworkingConfig"] = {"EndpointsConfig": {name: its for name, its in networks.items() if name not in later}}
    engine("POST", f"/containers/create?name={quote(name)}", body)
    for network, its in later.items():
        engine("POST", f"/networks/{quote(network)}/connect", {"Container": name, "EndpointConfig": its})


def remake(engine: Engine, known: dict[str, Any]) -> str:
    """Recreate a container and start it. Return what went wrong, "" where nothing did. One container is always left."""
    name = known["Name"].lstrip("/")
    try:
        if engine("GET", f"/images/{quote(known['Config']['Image'], safe='')}/json", None)["Id"] != known["Image"]:
            return f"{known['Config']['Image']} is another image by now"
        make(engine, known, name + NEW)
        rename(engine, name, name + OLD)
        rename(engine, name + NEW, name)
        forward(engine, name)
    except EngineError as error:
        with contextlib.suppress(EngineError):
            back(engine, name)
        return str(error)
    return ""


def rename(engine: Engine, name: str, new: str) -> None:
    engine("POST", f"/containers/{quote(name)}/rename?name={quote(new)}", None)


def forward(engine: Engine, name: str) -> None:
    engine("POST", f"/containers/{quote(name + OLD)}/stop?t={STOP_SECONDS}", None)
    engine("POST", f"/containers/{quote(name)}/start", None)
    remove(engine, name + OLD)


def back(engine: Engine, name: str) -> None:
    """Leave the old one running under its name."""
    there = listed(engine)
    if name + NEW in there:
        remove(engine, name + NEW)
    if name + OLD in there:
        if name in there:
            remove(engine, name)
        rename(engine, name + OLD, name)
        engine("POST", f"/containers/{quote(name)}/start", None)


def remove(engine: Engine, name: str) -> None:
    engine("DELETE", f"/containers/{quote(name)}?force=1", None)


def listed(engine: Engine) -> dict[str, str]:
    """The role's containers, with the state of each."""
    filters = quote(json.dumps({"label": [LABEL]}))
    return {
        name.lstrip("/"): str(its["State"])
        for its in engine("GET", f"/containers/json?all=1&filters={filters}", None)
        for name in its["Names"]
    }


def finish(engine: Engine, say: Callable[[str], None]) -> None:
    """Go on where a run has ended."""
    try:
        there = listed(engine)
        for name in sorted({name[: -len(end)] for end in (NEW, OLD) for name in there if name.endswith(end)}):
            say(f"<5>{name} was being recreated when the watch was ended: it goes on")
            # One that was made and never started has not taken its place yet.
            if name + OLD in there and there.get(name) == "created":
                try:
                    forward(engine, name)
                except EngineError:
                    back(engine, name)
            elif name + OLD in there and name in there:
                remove(engine, name + OLD)
            else:
                back(engine, name)
    except EngineError as error:
        say(f"<4>a container that was being recreated is not finished: {error}")
