"""Prints as JSON what the role must know of the host; it changes nothing.

look.py CONTAINERS [PATIENCE]: CONTAINERS is a JSON object of containers' names and their volumes. With PATIENCE it
waits so many seconds at the most until nobody pulls into these containers.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

SOCKET = "/var/run/docker.sock"
WATCH = "selfhosted-llm-gpu-watch"
WATCH_FILES = (
    *(f"/usr/local/lib/{WATCH}/gpu_{part}.py" for part in ("activity", "evidence", "record", "remake", "watch")),
    *(f"/etc/systemd/system/{WATCH}.{kind}" for kind in ("service", "timer")),
)
SBIN = "/usr/sbin:/usr/bin:/sbin:/bin"
LABEL = "org.selfhosted.llm.role"
DEMO = "org.selfhosted.llm.demo"
BLOBS = "/root/.ollama/models/blobs"
# A server that gets nothing for 30 s asks again. What has not moved for longer stands still.
STILL_SECONDS = 45.0
# Between one file of a pull and the next none is open for a moment.
PAUSE_SECONDS = 3.0


class EngineConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(10)
        self.sock.connect(SOCKET)


def engine(path: str) -> Any:
    """What the engine says; nothing when it does not answer."""
    try:
        connection = EngineConnection("localhost")
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return {}


def nvidia_driver() -> str:
    try:
        return Path("/proc/driver/nvidia/version").read_text(encoding="utf-8").partition("\n")[0].strip()
    except OSError:
        return ""


def jetson(root: Path = Path("/")) -> str:
    """Return the release of a Jetson's system (L4T), such as 36; nothing on another host."""
    try:
        told = (root / "etc/nv_tegra_release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(r"\bR(\d{1,3})\b", told)
    return found.group(1) if found else ""


def cdi(info: dict[str, Any], vendor: str) -> bool:
    """Whether the engine knows this vendor's GPUs by a CDI specification."""
    if any(f"{vendor}.com/gpu" in str(device.get("ID", "")) for device in info.get("DiscoveredDevices") or []):
        return True
    # Before 28.2 an engine names no devices, only the folders that it reads; none where CDI is off.
    folders = [Path(folder) for folder in info.get("CDISpecDirs") or []]
    return any((folder / f"{vendor}.{form}").exists() for folder in folders for form in ("yaml", "json"))


def foreign(container: dict[str, Any]) -> bool:
    """Whether there is such a container, and it is not the role's."""
    config = container.get("Config")
    return config is not None and LABEL not in (config.get("Labels") or {})


def ours() -> list[str]:
    """The names of the role's containers, running or not, without those of the demo."""
    wanted = quote(json.dumps({"label": [f"{LABEL}=ollama"]}))
    found = engine(f"/containers/json?all=1&filters={wanted}")
    listed = found if isinstance(found, list) else []
    return sorted(one["Names"][0].lstrip("/") for one in listed if DEMO not in (one.get("Labels") or {}))


def models_path(volume: str, info: dict[str, Any]) -> str:
    """The directory on this host where a server with this volume keeps its models.

    The volume may still have to be made. Nothing where this user, or this machine, cannot look into it.
    """
    if volume.startswith("/"):
        place, above = Path(volume), Path(volume)
    else:
        made = engine(f"/volumes/{quote(volume, safe='')}").get("Mountpoint") if info else ""
        place = Path(made or f"{info.get('DockerRootDir', '/nowhere')}/volumes/{volume}/_data")
        above = place.parent.parent
    return str(place / "models") if os.access(above, os.X_OK) else ""


def moves(pid: int, proc: Path = Path("/proc")) -> dict[str, tuple[int, ...]]:
    """What a server has open in its store, with what changes while it is fetched, sent or checked.

    The server has no word for it. A download is written in place, so its time changes; a check reads on.
    """
    found: dict[str, tuple[int, ...]] = {}
    for link in (proc / str(pid) / "fd").glob("*"):
        try:
            target = link.readlink()
            if f"{BLOBS}/sha256-" not in str(target):
                continue
            told = link.stat()
            position = (proc / str(pid) / "fdinfo" / link.name).read_text(encoding="ascii").split()[1]
        except OSError:
            continue
        found[target.name] = (told.st_mtime_ns, int(position), told.st_blocks, told.st_size)
    return found


def between_files(pid: int) -> bool:
    """Whether a file of the store has come or gone just now."""
    try:
        return abs(time.time() - Path(f"/proc/{pid}/root{BLOBS}").stat().st_mtime) < PAUSE_SECONDS
    except OSError:
        return False


def said(files: dict[str, tuple[int, ...]]) -> str:
    """What is going on, in words; nothing when nothing is."""
    return ", ".join(
        f"{name[7:19]}, {blocks * 512 / 1e6:.1f} of {size / 1e6:.1f} MB"
        for name, (_time, _position, blocks, size) in sorted(files.items())
    )


def pulling(pid: int) -> str:
    """What is pulled into a server; nothing when nothing is, or when it does not run."""
    if not pid:
        return ""
    return said(moves(pid)) or ("between two files" if between_files(pid) else "")


def wait(pid: int, patience: float) -> str:
    """Wait until nothing is pulled any more, or moves any more; what still is when patience ends."""
    begun = changed = time.monotonic()
    before: dict[str, tuple[int, ...]] = {}
    while True:
        files, now = moves(pid), time.monotonic()
        if files != before:
            before, changed = files, now
        if not files and not between_files(pid):
            return ""
        if now - changed > STILL_SECONDS:
            return ""
        if now - begun >= patience:
            return pulling(pid)
        time.sleep(min(1.0, patience - (now - begun)))


def look(volumes: dict[str, str]) -> dict[str, Any]:
    info = engine("/info")
    # dockerd offers the nvidia driver when it finds this hook, even if no runtime is listed.
    hook = shutil.which("nvidia-container-runtime-hook") is not None
    kfd = Path("/dev/kfd")
    nodes = [kfd, *Path("/dev/dri").glob("renderD*"), *Path("/dev/dri").glob("card*")] if kfd.exists() else []
    return {
        "requests": find_spec("requests") is not None,
        "nft": shutil.which("nft", path=SBIN) is not None,
        "engine": bool(info),
        "nvidia": nvidia_driver(),
        "jetson": jetson(),
        "nvidia_runtime": hook or "nvidia" in (info.get("Runtimes") or {}),
        "cdi": cdi(info, "nvidia"),
        "amd_cdi": cdi(info, "amd"),
        "kfd": kfd.exists(),
        # Numbers, because the names may not exist inside the image.
        "gpu_groups": sorted({str(node.stat().st_gid) for node in nodes}),
        "python": sys.executable,
        "systemd": Path("/run/systemd/system").is_dir(),
        "watch": gpu_watch(),
        "ours": ours(),
        "containers": {name: container(name, volume, info) for name, volume in volumes.items()},
    }


def gpu_watch() -> dict[str, Any]:
    """What there is of the watch over the GPUs: a hash of each file, and whether its timer runs now and at a boot."""
    hashes = {}
    for path in WATCH_FILES:
        with contextlib.suppress(OSError):
            hashes[path] = hashlib.sha1(Path(path).read_bytes(), usedforsecurity=False).hexdigest()
    active = ["systemctl", "--quiet", "is-active", f"{WATCH}.timer"]
    return {
        "hashes": hashes,
        "runs": bool(hashes) and subprocess.run(active, check=False).returncode == 0,  # noqa: S603 - no input
        "enabled": Path(f"/etc/systemd/system/timers.target.wants/{WATCH}.timer").is_symlink(),
    }


def container(name: str, volume: str, info: dict[str, Any]) -> dict[str, Any]:
    known = inspected(name)
    return {
        "foreign": foreign(known),
        "pulling": pulling(process(known)),
        "models_path": models_path(volume, info),
        "foreign_files": foreign_files(models_path(volume, info), info),
    }


def foreign_files(models: str, info: dict[str, Any]) -> bool:
    """Whether the volume holds what is not root's, which root without capabilities cannot change.

    Where an engine maps its users, the container's root is somebody else here and owns what it wrote.
    """
    if any("name=userns" in option or "name=rootless" in option for option in info.get("SecurityOptions") or []):
        return False
    if not models:
        return True
    place = Path(models).parent
    patterns = ("*", "models/*", "models/blobs/*", "models/manifests/**/*")
    try:
        return any(
            path.lstat().st_uid != 0 for path in [place, *(one for each in patterns for one in place.glob(each))]
        )
    except OSError:
        # Not made yet.
        return False


def inspected(name: str) -> dict[str, Any]:
    known = engine(f"/containers/{quote(name)}/json")
    return known if isinstance(known, dict) else {}


def process(known: dict[str, Any]) -> int:
    """The container's first process, as this host numbers it; 0 when it does not run."""
    return int((known.get("State") or {}).get("Pid") or 0)


def watch(names: list[str], patience: float) -> dict[str, Any]:
    """What `look` says of the containers' pulls, after waiting for their end."""
    end = time.monotonic() + patience
    return {"containers": {name: {"pulling": wait(process(inspected(name)), end - time.monotonic())} for name in names}}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    print(json.dumps(watch(list(given), float(sys.argv[2])) if len(sys.argv) > 2 else look(given)))
