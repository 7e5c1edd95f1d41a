"""Prints as JSON the downloads that a restart of Docker would break off, after waiting for their end.

pulls.py PATIENCE ROOT...: PATIENCE is in seconds. ROOT are the directories in which the engine and its containerd keep
their data. An engine does not tell which images it pulls, nor Ollama which models: both are seen by files that grow.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

# Layers of images: in the engine's own store, and in containerd's, where a download's folder holds the file "data".
LAYERS = (
    "tmp/GetImageBlob*",
    "io.containerd.content.v1.content/ingest/*/data",
    "containerd/daemon/io.containerd.content.v1.content/ingest/*/data",
)
# Parts of models, open in the process of an Ollama, whatever directory of the host its volume is.
MODELS = "/models/blobs/sha256-"
# A server that gets nothing for 30 s asks again. What has not grown for longer stands still.
STILL_SECONDS = 45.0
# Between one file of a pull and the next none is there for a moment.
PAUSE_SECONDS = 3.0


def growing(roots: list[str], proc: str = "/proc") -> list[str]:
    """Return the names of the downloads that grow."""
    found = set()
    for path in (path for root in roots for pattern in LAYERS for path in Path(root).glob(pattern)):
        if _grows(path):
            found.add(f"image layer {(path.parent if path.name == 'data' else path).name[-12:]}")
    for link in Path(proc).glob("[0-9]*/fd/*"):
        target = _target(link)
        if MODELS in target and "-partial" in target and _grows(link):
            found.add(f"model layer {target.rpartition('/')[2][7:19]}")
    return sorted(found)


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _grows(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime <= STILL_SECONDS
    except OSError:
        return False


def wait(roots: list[str], patience: float, proc: str = "/proc") -> list[str]:
    """Wait until nothing grows any more; return what still does when patience ends."""
    end = time.monotonic() + patience
    going, quiet_since = growing(roots, proc), None
    while going or quiet_since is not None:
        now = time.monotonic()
        if going:
            quiet_since = now
            if now >= end:
                return going
        elif now - (quiet_since or now) >= PAUSE_SECONDS:
            return []
        time.sleep(0.5)
        going = growing(roots, proc)
    return []


if __name__ == "__main__":
    print(json.dumps(wait(sys.argv[2:], float(sys.argv[1]))))
