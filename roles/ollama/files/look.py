"""Prints as JSON what the role must know of the host; it changes nothing."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

SOCKET = "/var/run/docker.sock"


class EngineConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(10)
        self.sock.connect(SOCKET)


def engine(path: str) -> dict[str, Any]:
    """What the engine says; nothing when it does not answer."""
    try:
        connection = EngineConnection("localhost")
        connection.request("GET", path)
        answer = json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    return answer if isinstance(answer, dict) else {}


def nvidia_driver() -> str:
    try:
        return Path("/proc/driver/nvidia/version").read_text(encoding="utf-8").partition("\n")[0].strip()
    except OSError:
        return ""


def cdi(info: dict[str, Any]) -> bool:
    """Whether the engine knows NVIDIA GPUs by a CDI specification."""
    if any("nvidia.com/gpu" in str(device.get("ID", "")) for device in info.get("DiscoveredDevices") or []):
        return True
    # Before 28.2 an engine names no devices, only the folders that it reads; none where CDI is off.
    return any((Path(folder) / "nvidia.yaml").exists() for folder in info.get("CDISpecDirs") or [])


def foreign(container: dict[str, Any]) -> bool:
    """Whether there is such a container, and it is not the role's."""
    config = container.get("Config")
    return config is not None and "org.selfhosted.llm.role" not in (config.get("Labels") or {})


def look(name: str) -> dict[str, Any]:
    info = engine("/info")
    # dockerd offers the nvidia driver when it finds this hook, even if no runtime is listed.
    hook = shutil.which("nvidia-container-runtime-hook") is not None
    kfd = Path("/dev/kfd")
    nodes = [kfd, *Path("/dev/dri").glob("renderD*"), *Path("/dev/dri").glob("card*")] if kfd.exists() else []
    return {
        "requests": find_spec("requests") is not None,
        "engine": bool(info),
        "nvidia": nvidia_driver(),
        "nvidia_runtime": hook or "nvidia" in (info.get("Runtimes") or {}),
        "cdi": cdi(info),
        "foreign": foreign(engine(f"/containers/{quote(name)}/json")),
        "kfd": kfd.exists(),
        # Numbers, because the names may not exist inside the image.
        "gpu_groups": sorted({str(node.stat().st_gid) for node in nodes}),
    }


if __name__ == "__main__":
    print(json.dumps(look(sys.argv[1])))
