# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The models that servers shall have: what the host has of them, and what their registry lists."""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ...host.units import GB
from ...http.messages import one_line
from ...ollama.api.names import Key, ModelName
from ...ollama.api.registry import MANIFEST, MAX_MANIFEST_BYTES, Manifest
from ...ollama.fit.demand import Model
from ...ollama.fit.entries import Desired, read_all_desired
from ...ollama.fit.geometry import Geometry, read_geometry
from ...ollama.fit.sources import LAYER, WEIGHTS, Source
from ...ollama.gguf.keys import read_keys
from .network import Answered, Question, Unserved
from .web import Proxies, Reply, Web

# The shape of a model comes before its vocabulary, in the first kilobytes.
HEADER = 256 * 1024
# Bytes per parameter: the library's models have about 4.6 bits if the tag names no type (llama3:8b has 4.7 GB).
USUAL_BYTES = 0.58
_BYTES = ((re.compile(r"b?fp?16"), 2.0), (re.compile(r"q8"), 1.06))
_BILLIONS = re.compile(r"(?:^|[-_:])(?:(\d+)x)?(\d+(?:\.\d+)?)b(?:$|[-_])", re.IGNORECASE)


@dataclass(frozen=True)
class Server:
    """A desired Ollama server: the folder of its models on the host, and how it runs them."""

    name: str
    store: str
    version: str
    models: Sequence[Mapping[str, Any]] = ()
    gpu: str = "auto"
    gpu_devices: Any = "all"
    context_length: Optional[int] = None
    num_parallel: Optional[int] = None
    kv_cache_type: str = "f16"
    proxies: Proxies = None
    embedding_model: str = ""


@dataclass(frozen=True)
class Known:
    """What is known of a model.

    ``missing`` are the bytes to download by digest; a ``size`` of None means that it is unknown.
    """

    model: Model
    size: Optional[int]
    missing: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Served:
    """What a registry lists of a model, and its last answer."""

    known: Known
    reply: Reply


@dataclass(frozen=True)
class Entry:
    """An entry of a server's list with weights to pull, and what the host has of it by name."""

    server: Server
    desired: Desired
    present: Mapping[Key, Known]


# Name, insecure, and the folder of the models.
Asked = Tuple[Key, bool, str]


def entries(servers: Sequence[Server]) -> List[Entry]:
    """Return the models of all servers; raise Failure for an entry that contradicts itself."""
    found = []
    for server in servers:
        for desired in read_all_desired(server.models, "memory"):
            if desired.sources:
                there = ((source.name.key, present(server.store, source.name)) for source in desired.sources)
                found.append(Entry(server, desired, {key: known for key, known in there if known is not None}))
    return found


def questions(wanted: Sequence[Entry], seconds: float) -> Dict[Asked, Question]:
    """Return one question for each model that the host does not have."""
    return {
        _asked(entry, source): _question(entry.server, source, seconds)
        for entry in wanted
        for source in entry.desired.sources
        if source.name.key not in entry.present
    }


def _asked(entry: Entry, source: Source) -> Asked:
    return (source.asked.key, source.insecure, entry.server.store)


def _question(server: Server, source: Source, seconds: float) -> Question:
    web = Web(seconds, server.proxies)
    url = f"{'http' if source.insecure else 'https'}://{source.asked.host}"

    def ask(_urls: Sequence[str]) -> Served:
        return served(source, server.store, server.version, web)

    return Question("model", f"the model {source.name.display}", (url,), server.proxies, ask)


def alternatives(entry: Entry, answers: Mapping[Asked, Answered]) -> List[Tuple[str, Known]]:
    """Return what is known of each alternative of an entry, with its name."""
    found = []
    for source in entry.desired.sources:
        known = entry.present.get(source.name.key)
        answered = answers.get(_asked(entry, source))
        if known is None:
            known = answered.found.known if answered and answered.found else guessed(source.name)
        found.append((source.name.display, known))
    return found


def present(store: str, name: ModelName) -> Optional[Known]:
    """Return what the host has of a model, None if it is missing or incomplete."""
    manifest = _stored(Path(store), name)
    if manifest is None:
        return None
    if _missing(store, manifest):
        return None
    digest = _digest(manifest, "model")
    try:
        with open(_blob(store, digest), "rb") as weights:
            header = weights.read(HEADER)
    except (OSError, ValueError):
        header = b""
    return Known(_model(manifest, header), manifest.size)


def served(source: Source, store: str, version: str, web: Web) -> Served:
    """Return what a registry lists of a model; raise Unreached or Unserved."""
    scheme, asked = "http" if source.insecure else "https", source.asked
    base = f"{scheme}://{asked.host}/v2/{asked.namespace}/{asked.model}"
    headers = {"Accept": MANIFEST, "User-Agent": f"ollama/{version} (amd64 linux) Go/go1.24.0"}
    reply = web.get(f"{base}/manifests/{asked.tag}", headers, most=MAX_MANIFEST_BYTES)
    if reply.status != 200:
        raise _refused(reply, version)
    try:
        manifest = Manifest.parse(reply.body)
    except ValueError as error:
        raise Unserved(f"{reply.host} does not answer with a model manifest ({error})") from error
    digest = _digest(manifest, "model")
    if not digest:
        return Served(Known(_model(manifest, b""), manifest.size, _missing(store, manifest)), reply)
    # Files come from another host than manifests, which a firewall may block.
    start = web.get(f"{base}/blobs/{digest}", {"Range": f"bytes=0-{HEADER - 1}"}, most=HEADER)
    header = start.body if start.status in (200, 206) else b""
    return Served(Known(_model(manifest, header), manifest.size, _missing(store, manifest)), start)


def guessed(name: ModelName) -> Known:
    """Estimate the size of a model from its name."""
    found = _BILLIONS.search(f"{name.model}:{name.tag}")
    if found is None:
        return Known(Model(0), None)
    each = next((size for pattern, size in _BYTES if pattern.search(name.tag.lower())), USUAL_BYTES)
    size = round(float(found.group(1) or 1) * float(found.group(2)) * GB * each)
    return Known(Model(size), size, {name.display: size})


def _refused(reply: Reply, version: str) -> Unserved:
    if reply.status == 404:
        return Unserved(f"{reply.host} has no such model (404)")
    if reply.status == 412:
        return Unserved(f"{reply.host} requires a newer Ollama than {version} (412)")
    words = one_line(reply.body) or "empty body"
    return Unserved(f"{reply.host} answered {reply.status}: {words}", uncertain=True)


def _stored(store: Path, name: ModelName) -> Optional[Manifest]:
    try:
        return Manifest.parse((store / "manifests" / name.host / name.namespace / name.model / name.tag).read_bytes())
    except (OSError, ValueError):
        return None


def _blob(store: str, digest: str) -> str:
    return os.path.join(store, "blobs", digest.replace(":", "-", 1))


def _missing(store: str, manifest: Manifest) -> Dict[str, int]:
    """Return the bytes to download by digest, without what an interrupted pull has downloaded."""
    missing: Dict[str, int] = {}
    for digest, size in manifest.blobs.items():
        if not os.path.exists(_blob(store, digest)):
            missing[digest] = max(0, size - _begun(f"{_blob(store, digest)}-partial"))
    return missing


def _begun(path: str) -> int:
    # The file has its final length from the start, with holes.
    try:
        return os.stat(path).st_blocks * 512
    except OSError:
        return 0


def _layers(manifest: Manifest, kind: str) -> List[Mapping[str, Any]]:
    return [layer for layer in manifest.content["layers"] if layer.get("mediaType") == LAYER + kind]


def _digest(manifest: Manifest, kind: str) -> str:
    return next((str(layer["digest"]) for layer in _layers(manifest, kind)), "")


def _model(manifest: Manifest, header: bytes) -> Model:
    sizes = {kind: sum(int(layer.get("size") or 0) for layer in _layers(manifest, kind)) for kind in WEIGHTS}
    return Model(sum(sizes.values()), _shape(header), None, sizes["projector"])


def _shape(header: bytes) -> Optional[Geometry]:
    try:
        return read_geometry(read_keys(io.BytesIO(header)))
    except (ValueError, TypeError, KeyError):
        return None
