# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the disk has room for what is to be pulled, told before the first byte."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ..errors import Failure
from .client import Client
from .drift import MOST_AT_ONCE, Served
from .names import Key, ModelName
from .registry import Unserved

# A server that keeps its models there runs on this host, by its packages or in the role's volume.
USUAL = ("/usr/share/ollama/.ollama/models", "~/.ollama/models", "/var/lib/docker/volumes/ollama/_data/models")
# What manifests and the file system itself take.
SPARE = 16 * 1024 * 1024


def check(
    client: Client,
    served: Served,
    names: Sequence[Tuple[ModelName, bool]],
    models_path: Optional[str],
    listed: Mapping[Key, Mapping[str, Any]],
) -> Optional[str]:
    """Raise Failure where what is missing of these models is larger than the free space.

    ``names`` come with whether they are pulled by plain HTTP. Returns a warning where it could
    not be told, and nothing where no directory of models is known on this host.
    """
    store = (models_path or found_store(listed)) if names else None
    if store is None:
        return None
    free = _free(store)
    served.ask(names)
    sizes: Dict[str, int] = {}
    unknown: List[str] = []
    for name, insecure in names:
        answer = served.answer(name, insecure)
        if isinstance(answer, Unserved):
            unknown.append(f"{name.display} ({answer.reason})")
        else:
            sizes.update(answer.blobs)
    needed = _missing(client, sizes, store)
    if needed + SPARE > free:
        models = ", ".join(name.display for name, _insecure in names)
        raise Failure(
            f"There is no room for {models}: {_gigabytes(needed)} are to be downloaded, and "
            f"{store} has {_gigabytes(free)} free; free space there, or list smaller models."
        )
    if unknown:
        return f"Whether the disk has room was not checked for {', '.join(unknown)}."
    return None


def _free(store: str) -> int:
    try:
        space = os.statvfs(store)
    except (OSError, ValueError) as error:
        raise Failure(
            f"models_path is {store!r}, which cannot be looked at on this host "
            f"({getattr(error, 'strerror', None) or error}); "
            f"give the directory where the server keeps its models, or leave it out."
        ) from error
    return space.f_bavail * space.f_frsize


def _missing(client: Client, sizes: Mapping[str, int], store: str) -> int:
    """Return the bytes that are still to come: what the server holds, and what it began, is had."""
    if not sizes:
        return 0
    with ThreadPoolExecutor(max_workers=min(MOST_AT_ONCE, len(sizes))) as pool:
        held = pool.map(client.has_blob, sizes)
        missing = {digest: size for (digest, size), has in zip(sizes.items(), held) if not has}
    return sum(max(0, size - _begun(store, digest)) for digest, size in missing.items())


def _begun(store: str, digest: str) -> int:
    """Return how much of a broken-off download lies on the disk: the file is as long as the whole, with holes."""
    partial = os.path.join(store, "blobs", f"{digest.replace(':', '-', 1)}-partial")
    try:
        return os.stat(partial).st_blocks * 512
    except OSError:
        return 0


def found_store(listed: Mapping[Key, Mapping[str, Any]], places: Iterable[str] = USUAL) -> Optional[str]:
    """Return the directory where the server keeps its models, if it is on this host and proves to be this server's.

    A manifest there has the digest that the server lists.
    """
    for place in places:
        store = Path(os.path.expanduser(place))
        if any(_is_of(store / "manifests", state) for state in list(listed.values())[:3]):
            return str(store)
    return None


def _is_of(manifests: Path, state: Mapping[str, Any]) -> bool:
    try:
        name = ModelName.parse(str(state.get("name")))
        body = (manifests / name.host / name.namespace / name.model / name.tag).read_bytes()
    except (Failure, OSError):
        return False
    return hashlib.sha256(body).hexdigest() == state.get("digest")


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
