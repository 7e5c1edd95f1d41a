# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files on a server's disk that no model needs: uploads that were written again, and what a failed create left.

The server removes them itself when it starts (unless `OLLAMA_NOPRUNE` is set), from 0.21.0 on those older than an hour.
This does the same while it runs.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Set

from ...engine.errors import Failure
from ..api.client import Client
from ..current import content
from . import disk_space

MIN_AGE = 3600
_NAME = re.compile(r"sha256-([0-9a-f]{64})")
_PARTIAL = re.compile(r"sha256-[0-9a-f]{64}-partial(-\d+)?")


class Blob(NamedTuple):
    """A file below ``blobs``; ``size`` is in bytes."""

    digest: str
    size: int
    path: Path


def prune(client: Client, models_path: Optional[str], min_age: int, *, check_mode: bool) -> Dict[str, Any]:
    """Remove the files that no model needs and that are older than ``min_age`` seconds; return a module's result.

    Raises Failure, before anything is removed, where the directory is not this server's, or a manifest cannot be read.
    """
    if min_age < 0:
        raise Failure(f"min_age is {min_age}; give 0 seconds or more.")
    store = _store(client, models_path)
    before = time.time() - min_age
    try:
        if _is_pulling(store):
            words = f"A pull is going on into {store}, so nothing was removed; run it again when it is done."
            return {**_result([]), "warnings": [words]}
        blobs = unused(store, before)
        for blob in () if check_mode else blobs:
            # A model may have come meanwhile that needs it.
            if blob in unused(store, before):
                blob.path.unlink()
    except OSError as error:
        raise Failure(
            f"The files below {store} cannot be read or removed on this host ({error.strerror}: {error.filename}); "
            f"run the task as root, or as the user that the server runs as."
        ) from error
    return _result(blobs)


def _result(blobs: List[Blob]) -> Dict[str, Any]:
    names = [blob.digest for blob in blobs]
    return {
        "changed": bool(blobs),
        "blobs": names,
        "space_reclaimed": sum(blob.size for blob in blobs),
        "diff": {"before": {"blobs": names}, "after": {"blobs": []}},
    }


def _store(client: Client, models_path: Optional[str]) -> Path:
    """Return the directory of the server's models; raise Failure where it is another server's, or not known."""
    listed = {content.key_of(item): content.listed_state(item) for item in client.tags()}
    found = disk_space.found_store(listed, [models_path] if models_path else disk_space.USUAL)
    if found is not None:
        return Path(found)
    if models_path is None:
        raise Failure(
            f"The directory where the server {client.url} keeps its models was not found on this host; "
            f"give models_path, and run the task on the host of the server."
        )
    if listed or not (Path(models_path) / "blobs").is_dir():
        raise Failure(
            f"models_path is {models_path!r}, which does not hold the models that {client.url} lists; "
            f"give the directory where this server keeps its models (the one with blobs and manifests)."
        )
    return Path(models_path)


def unused(store: Path, before: float) -> List[Blob]:
    """Return the files that no manifest names and that were written before this time (seconds since 1970), by name."""
    needed = _needed(store / "manifests")
    found = []
    with os.scandir(store / "blobs") as entries:
        for entry in entries:
            name = _NAME.fullmatch(entry.name)
            if not name or not entry.is_file(follow_symlinks=False) or f"sha256:{name.group(1)}" in needed:
                continue
            state = entry.stat(follow_symlinks=False)
            if state.st_mtime <= before:
                found.append(Blob(f"sha256:{name.group(1)}", state.st_size, Path(entry.path)))
    return sorted(found)


def _is_pulling(store: Path) -> bool:
    """Tell whether a download moves: its files have no manifest yet."""
    recent = time.time() - MIN_AGE
    with os.scandir(store / "blobs") as entries:
        return any(_PARTIAL.fullmatch(entry.name) and entry.stat().st_mtime > recent for entry in entries)


def _needed(manifests: Path) -> Set[str]:
    """Return the digests that manifests name."""
    found: Set[str] = set()
    for folder, _folders, files in os.walk(manifests, onerror=_fail):
        for name in files:
            path = Path(folder) / name
            try:
                manifest = json.loads(path.read_bytes())
                layers = [manifest["config"], *manifest["layers"]] if manifest else []
                found.update(_digest(layer) for layer in layers)
            except (ValueError, KeyError, TypeError) as error:
                raise Failure(
                    f"The manifest {path} is damaged, so nobody can tell what it needs, and nothing was removed; "
                    f"remove it, and pull or make its model again."
                ) from error
    return found


def _fail(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _digest(layer: Mapping[str, Any]) -> str:
    # Older servers and clients wrote a dash.
    return str(layer["digest"]).replace("sha256-", "sha256:", 1)
