"""Prints as JSON what the role must know of the host; it changes nothing."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SOCKET = "/var/run/docker.sock"


class EngineConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(10)
        self.sock.connect(SOCKET)


def engine() -> dict[str, Any]:
    """What the engine says of itself; nothing when it does not answer."""
    try:
        connection = EngineConnection("localhost")
        connection.request("GET", "/info")
        answer = json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    return answer if isinstance(answer, dict) else {}


def nvidia_driver() -> str:
    try:
        return Path("/proc/driver/nvidia/version").read_text(encoding="utf-8").partition("\n")[0].strip()
    except OSError:
        return ""


def look() -> dict[str, Any]:
    info = engine()
    cdi = [device for device in info.get("DiscoveredDevices") or [] if "nvidia.com/gpu" in str(device.get("ID", ""))]
    # dockerd offers the nvidia driver when it finds this hook, even if no runtime is listed.
    hook = shutil.which("nvidia-container-runtime-hook") is not None
    kfd = Path("/dev/kfd")
    nodes = [kfd, *Path("/dev/dri").glob("renderD*"), *Path("/dev/dri").glob("card*")] if kfd.exists() else []
    return {
        "requests": find_spec("requests") is not None,
        "engine": bool(info),
        "nvidia": nvidia_driver(),
        "nvidia_runtime": hook or "nvidia" in (info.get("Runtimes") or {}),
        "cdi": bool(cdi),
        "kfd": kfd.exists(),
        # Numbers, because the names may not exist inside the image.
        "gpu_groups": sorted({str(node.stat().st_gid) for node in nodes}),
    }


if __name__ == "__main__":
    print(json.dumps(look()))
