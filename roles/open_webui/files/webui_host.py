"""Prints as JSON what the role must know of the host before its container starts; it changes nothing.

webui_host.py KEY_FILE VOLUME: the file of the secret key, and the volume of the data or its path.
"""

from __future__ import annotations

import base64
import http.client
import json
import shutil
import socket
import stat
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

SOCKET = "/var/run/docker.sock"
SBIN = "/usr/sbin:/usr/bin:/sbin:/bin"
# The data's directory, what is in it, and what is in its directories.
DEPTH = 2


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


def place_of(volume: str) -> str:
    """Return the directory of a volume on the host, nothing for one that is not there."""
    if volume.startswith("/"):
        return volume
    return str(engine(f"/volumes/{quote(volume, safe='')}").get("Mountpoint") or "")


def maps_users(info: dict[str, Any]) -> bool:
    """Whether the container's root is somebody else on this host, who owns what it wrote."""
    return any("name=userns" in option or "name=rootless" in option for option in info.get("SecurityOptions") or [])


def foreign_files(path: Path, depth: int = DEPTH) -> bool:
    """Whether there is what is not root's, which root without capabilities cannot change. No link is followed."""
    try:
        told = path.lstat()
        if told.st_uid != 0:
            return True
        inside = list(path.iterdir()) if depth and stat.S_ISDIR(told.st_mode) else []
    except OSError:
        # Not made yet, or just gone.
        return False
    return any(foreign_files(one, depth - 1) for one in inside)


def owned(path: Path) -> dict[str, Any]:
    """Who owns a file or a directory, and its mode; nothing where it is not there. No link is followed."""
    try:
        told = path.lstat()
    except OSError:
        return {}
    kind = "directory" if stat.S_ISDIR(told.st_mode) else "file" if stat.S_ISREG(told.st_mode) else "other"
    return {"kind": kind, "uid": told.st_uid, "gid": told.st_gid, "mode": f"{stat.S_IMODE(told.st_mode):04o}"}


def content(path: Path) -> str:
    """Return what a file holds, in Base64; nothing where it cannot be read."""
    try:
        return base64.b64encode(path.read_bytes()).decode("ascii")
    except OSError:
        return ""


def missing(key_file: Path) -> list[str]:
    """Name the packages that the role needs, and the key, as far as they are not there. An empty file is no key."""
    there = {
        "python3-requests": find_spec("requests") is not None,
        "nftables": shutil.which("nft", path=SBIN) is not None,
        "secret-key": key_file.exists() and key_file.stat().st_size > 0,
    }
    return [name for name, is_there in there.items() if not is_there]


def look(key_file: Path, volume: str) -> dict[str, Any]:
    info = engine("/info")
    place = place_of(volume) if info and not maps_users(info) else ""
    return {
        "missing": missing(key_file),
        "socket": Path(SOCKET).exists(),
        "foreign_files": bool(place) and foreign_files(Path(place)),
        "key_directory": owned(key_file.parent),
        "key_file": owned(key_file),
        "key": content(key_file),
    }


if __name__ == "__main__":
    print(json.dumps(look(Path(sys.argv[1]), sys.argv[2])))
