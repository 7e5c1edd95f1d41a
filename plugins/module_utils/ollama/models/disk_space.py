# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the disk space for models that will be pulled or created, before the first byte."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ...engine.errors import Failure
from ...host.units import gigabytes as amount
from ..api.client import Client
from ..api.names import Key, ModelName
from ..api.registry import Unserved
from ..current.registry_check import MAX_CONCURRENT, ServedManifests
from .written_sizes import Written

# A server that keeps its models there runs on this host, by its packages or in the role's volume.
USUAL = ("/usr/share/ollama/.ollama/models", "~/.ollama/models", "/var/lib/docker/volumes/ollama/_data/models")
# What manifests and the file system itself take.
SPARE = 16 * 1024 * 1024


@dataclass(frozen=True)
class Space:
    """What a plan needs and what is free, in bytes.

    ``free`` and ``downloads`` are None where the directory of models is not known, so that nobody asked a registry.
    """

    downloads: Optional[int] = 0
    uploads: int = 0
    copies: int = 0
    temporary: int = 0
    store: Optional[str] = None
    free: Optional[int] = None
    warning: Optional[str] = None

    @property
    def needed(self) -> int:
        """All that is needed."""
        return (self.downloads or 0) + self.uploads + self.copies + self.temporary

    def facts(self) -> Dict[str, Any]:
        """Return what a module returns as ``disk``."""
        names = ("downloads", "uploads", "copies", "temporary", "needed", "free")
        return {"path": self.store, **{name: getattr(self, name) for name in names}}


def check(
    client: Client,
    served: ServedManifests,
    names: Sequence[Tuple[ModelName, bool]],
    written: Written,
    store: Optional[str],
) -> Space:
    """Raise Failure where what is to come is larger than the free space.

    ``names`` are to be pulled, and come with whether that is by plain HTTP. Where no directory of models
    is known, only what is made is summed.
    """
    if store is None:
        return _space(None if names else 0, written, written.uploads)
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
    missing = _missing(client, {**sizes, **written.uploads})
    downloads = sum(max(0, size - _begun(store, digest)) for digest, size in missing.items() if digest in sizes)
    uploads = {digest: size for digest, size in missing.items() if digest not in sizes}
    warning = f"Whether the disk has room was not checked for {', '.join(unknown)}." if unknown else None
    space = replace(_space(downloads, written, uploads), store=store, free=free, warning=warning)
    if space.needed and space.needed + SPARE > free:
        raise _no_room([name.display for name, _insecure in names], space, written)
    return space


def _space(downloads: Optional[int], written: Written, uploads: Mapping[str, int]) -> Space:
    return Space(downloads, sum(uploads.values()), sum(written.copies.values()), written.temporary)


def _no_room(pulled: Sequence[str], space: Space, written: Written) -> Failure:
    models = ", ".join(dict.fromkeys([*pulled, *written.copies])) or "the uploads"
    parts = [f"{amount(space.downloads)} are to be downloaded"] if space.downloads else []
    parts += [f"{amount(space.uploads)} are to be uploaded"] if space.uploads else []
    if space.copies:
        parts.append(
            f"{amount(space.copies)} are written by the server as copies of these or of a base, and "
            f"{amount(space.temporary)} for a moment"
        )
    return Failure(
        f"There is no room for {models}: {', '.join(parts)}, and {space.store} has "
        f"{amount(space.free or 0)} free; free space there, or list smaller models.",
        disk=space.facts(),
    )


def free_space(store: Optional[str]) -> Optional[int]:
    """Return the bytes that are free where a server keeps its models, None where that is unknown."""
    try:
        return _free(store) if store else None
    except Failure:
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


def _missing(client: Client, sizes: Mapping[str, int]) -> Dict[str, int]:
    """Return the files that the server does not hold."""
    if not sizes:
        return {}
    with ThreadPoolExecutor(max_workers=min(MAX_CONCURRENT, len(sizes))) as pool:
        held = pool.map(client.has_blob, sizes)
        return {digest: size for (digest, size), has in zip(sizes.items(), held) if not has}


def _begun(store: str, digest: str) -> int:
    """Return how much of a broken-off download lies on the disk: the file is as long as the whole, with holes."""
    partial = os.path.join(store, "blobs", f"{digest.replace(':', '-', 1)}-partial")
    try:
        return os.stat(partial).st_blocks * 512
    except OSError:
        return 0


def found_store(listed: Mapping[Key, Mapping[str, Any]], places: Iterable[str] = USUAL) -> Optional[str]:
    """Return the directory where the server keeps its models, if it is on this host and is that of this server.

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
