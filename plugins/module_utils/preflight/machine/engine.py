# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Docker says on this host, asked by its socket; a bare host has neither a client nor a library."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple
from urllib.parse import quote

from ...docker import engine as docker
from ...docker.engine import LABEL, NoAnswer

SOCKET = "/var/run/docker.sock"
ROOT_DIR = "/var/lib/docker"
DAEMON_JSON = "/etc/docker/daemon.json"
SECONDS = 10.0


@dataclass(frozen=True)
class Published:
    """A port that a running container publishes; ``ours`` means that a role created the container."""

    port: int
    container: str
    ours: bool


@dataclass(frozen=True)
class Settings:
    """How Docker pulls images, and where it stores them. ``proxies`` has the keys http, https and no."""

    root_dir: str = ROOT_DIR
    mirrors: Tuple[str, ...] = ()
    insecure: Tuple[str, ...] = ()
    proxies: Mapping[str, str] = field(default_factory=dict)


class Engine:
    """The Docker Engine of this host; all answers are empty if it does not answer."""

    def __init__(self, path: str = SOCKET) -> None:
        self._engine = docker.Engine(path, SECONDS)
        self.info: Dict[str, Any] = self._ask("/info") or {}

    def _ask(self, path: str) -> Any:
        try:
            return self._engine.get(path)
        except NoAnswer:
            return None

    def has_image(self, reference: str) -> bool:
        """Tell whether Docker has an image."""
        return bool(self.info) and self._ask(f"/images/{quote(reference, safe='/:@')}/json") is not None

    def mountpoint(self, volume: str) -> Optional[str]:
        """Return the folder of a volume on the host, None if the volume does not exist."""
        found = self._ask(f"/volumes/{quote(volume, safe='')}") if self.info else None
        return str(found.get("Mountpoint") or "") or None if found else None

    def network(self, name: str) -> Optional[Dict[str, Any]]:
        """Return a network as Docker shows it, None if it does not exist."""
        found = self._ask(f"/networks/{quote(name, safe='')}") if self.info else None
        return found if found and found.get("Name") == name else None

    def containers_on(self, network: str) -> List[str]:
        """Return the names of the containers that use a network, running or not."""
        filters = quote(json.dumps({"network": [network]}))
        listed = self._ask(f"/containers/json?all=1&filters={filters}") if self.info else None
        return sorted(str(one["Names"][0]).lstrip("/") for one in listed or [])

    def published(self) -> List[Published]:
        """Return the ports that running containers publish."""
        listed = self._ask("/containers/json") if self.info else None
        return [
            Published(int(port["PublicPort"]), str(one["Names"][0]).lstrip("/"), LABEL in (one.get("Labels") or {}))
            for one in listed or []
            for port in one.get("Ports") or []
            if port.get("PublicPort")
        ]


def settings(engine: Engine, given: Mapping[str, Any], root: str = "/") -> Settings:
    """Return Docker's future settings: ``given`` overrides daemon.json, which overrides the service's environment."""
    file = _file(Path(root, DAEMON_JSON.lstrip("/")))
    both = {**file, **given}
    proxies = {**_service_proxies(), **_named(file.get("proxies")), **_named(given.get("proxies"))}
    return Settings(
        root_dir=str(engine.info.get("DockerRootDir") or both.get("data-root") or ROOT_DIR),
        mirrors=_texts(both.get("registry-mirrors")),
        insecure=_texts(both.get("insecure-registries")),
        proxies={name: value for name, value in proxies.items() if value},
    )


def _file(path: Path) -> Dict[str, Any]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # The role docker reports an invalid file.
        return {}
    return known if isinstance(known, dict) else {}


def _texts(value: Any) -> Tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else ()


def _named(proxies: Any) -> Dict[str, str]:
    known = proxies if isinstance(proxies, Mapping) else {}
    pairs = {"http": "http-proxy", "https": "https-proxy", "no": "no-proxy"}
    return {name: str(known[key]) for name, key in pairs.items() if known.get(key)}


def _service_proxies() -> Dict[str, str]:
    """Return the proxies in the environment of Docker's service, as `systemctl show` prints it."""
    if not os.path.isdir("/run/systemd/system") or not shutil.which("systemctl"):
        return {}
    command = ["systemctl", "show", "docker", "--property", "Environment", "--value"]
    try:
        printed = subprocess.run(  # noqa: S603 - no user input
            command, capture_output=True, text=True, timeout=SECONDS, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return {name.lower(): value for name, value in re.findall(r'(?i)\b(https?|no)_proxy=([^"\s]+)', printed)}
