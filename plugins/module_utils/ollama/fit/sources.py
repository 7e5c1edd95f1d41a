# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be known of a model without its weights: from the server that has it, or from its registry."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Dict, Mapping, Optional, Sequence, Union

from ...engine.errors import Failure
from ...http.session import HttpFailure
from ..api import parameters, registry
from ..api.client import Client
from ..api.names import Key, ModelName
from ..gguf.keys import read_keys
from ..gguf.remote import read_blob
from .demand import Model
from .geometry import read_geometry, read_tensors

WORKERS = 8
LAYER = "application/vnd.ollama.image."
WEIGHTS = ("model", "projector", "adapter", "draft", "tensor")
MAX_PARAMETERS_BYTES = 64 * 1024
# Smaller files are not worth a question to the server.
LARGE = 1024 * 1024


@dataclass(frozen=True)
class Source:
    """A model and where it is pulled from: ``asked`` is its name there, ``insecure`` says plain HTTP."""

    name: ModelName
    asked: ModelName
    insecure: bool = False


@dataclass(frozen=True)
class Known:
    """A model that was read. ``missing`` are the sizes of the files that a pull would bring, by digest.

    ``guess`` says why its shape is unknown.
    """

    model: Model
    present: bool
    missing: Mapping[str, int] = field(default_factory=dict)
    guess: Optional[str] = None


Read = Dict[Key, Union[Known, Failure]]


def read_all(client: Client, sources: Sequence[Source], *, timeout: float, blobs: bool) -> Read:
    """Read each model once, several at a time; one that cannot be read has its Failure in its place.

    ``blobs`` says to ask the server which files it holds already.
    """
    wanted = {source.name.key: source for source in sources}
    if not wanted:
        return {}
    listed = {_key(item): item for item in client.tags()}
    # Asked before the threads begin, so that it is asked once.
    _version = client.version

    def read(source: Source) -> Union[Known, Failure]:
        try:
            known = _on_server(client, listed.get(source.name.key))
            return known or _in_registry(client, source, timeout, blobs)
        except Failure as error:
            return error

    with ThreadPoolExecutor(max_workers=min(WORKERS, len(wanted))) as pool:
        return dict(zip(wanted, pool.map(read, wanted.values())))


def _key(listed: Mapping[str, Any]) -> Key:
    return ModelName.listed(str(listed.get("name"))).key


def _on_server(client: Client, listed: Optional[Mapping[str, Any]]) -> Optional[Known]:
    """Return what the server shows of a model that it lists, or None where there is none, or no whole one."""
    if listed is None:
        return None
    if listed.get("remote_host"):
        return Known(Model(0), True, guess=f"it runs on {listed['remote_host']}")
    try:
        shown = client.show(str(listed["name"]))
    except HttpFailure as error:
        if error.status != 500:
            raise
        shown = None
    if shown is None:
        return None
    size = int(listed.get("size") or 0)
    table = shown.get("tensors") or []
    shapes = {str(tensor.get("name")): tensor.get("shape") or [] for tensor in table}
    shape = read_geometry(shown.get("model_info") or {}, shapes)
    tensors = read_tensors(table, shape.layers) if shape else None
    # The server tells the projector's keys and not its size, so it is what the other tensors leave.
    projector = max(0, size - tensors.total) if tensors and shown.get("projector_info") else 0
    context = parameters.parse(shown.get("parameters") or "").get("num_ctx")
    guess = None if shape else f"the server does not tell the shape of {listed['name']}"
    return Known(Model(size, shape, tensors, projector, _whole(context)), True, guess=guess)


def _in_registry(client: Client, source: Source, timeout: float, blobs: bool) -> Known:
    try:
        manifest = registry.fetch(source.asked, client.version, source.insecure, timeout)
    except registry.Unserved as error:
        raise Failure(
            f"What memory {source.name.display} needs cannot be told, because {error.reason}; {_advice(error)}."
        ) from error
    layers = manifest.content["layers"]
    sizes = {kind: _sum(layers, kind) for kind in WEIGHTS}
    shape, guess = None, None
    try:
        shape = read_geometry(_blob(source, _digest(layers, "model"), timeout, read_keys))
    except (Failure, ValueError) as error:
        guess = f"the start of its weights could not be read ({str(error).rstrip('.')})"
    if shape is None and guess is None:
        guess = "its weights do not tell its shape"
    model = Model(sum(sizes.values()), shape, None, sizes["projector"], _stored_context(source, layers, timeout))
    return Known(model, False, _missing(client, manifest, blobs), guess)


def _advice(error: registry.Unserved) -> str:
    if "insecure" in error.advice or error.status in (404, 412):
        return error.advice
    if error.status in (401, 403):
        return "the registry wants a login, so give a name in place of choose"
    return "let the host that runs the module reach the registry (a proxy by https_proxy), or give a name, not choose"


def _blob(source: Source, digest: str, timeout: float, read: Any, most: int = 0) -> Any:
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise ValueError("its manifest names no file of weights")
    limit = {"most": most} if most else {}
    return read_blob(source.asked, digest, source.insecure, timeout, read, **limit)


def _stored_context(source: Source, layers: Sequence[Mapping[str, Any]], timeout: float) -> Optional[int]:
    digest = _digest(layers, "params")
    if not digest:
        return None

    def read(content: BinaryIO) -> Any:
        return json.loads(content.read(MAX_PARAMETERS_BYTES))

    try:
        stored = _blob(source, digest, timeout, read, MAX_PARAMETERS_BYTES)
    except (Failure, ValueError):
        # Few models store a context, and the server's own is no worse a guess.
        return None
    return _whole(stored.get("num_ctx")) if isinstance(stored, dict) else None


def _missing(client: Client, manifest: registry.Manifest, blobs: bool) -> Dict[str, int]:
    if not blobs:
        return dict(manifest.blobs)
    return {digest: size for digest, size in manifest.blobs.items() if size < LARGE or not client.has_blob(digest)}


def _sum(layers: Sequence[Mapping[str, Any]], kind: str) -> int:
    return sum(int(layer.get("size") or 0) for layer in layers if layer.get("mediaType") == LAYER + kind)


def _digest(layers: Sequence[Mapping[str, Any]], kind: str) -> str:
    return next((str(layer.get("digest")) for layer in layers if layer.get("mediaType") == LAYER + kind), "")


def _whole(value: Any) -> Optional[int]:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
    return int(value) if good else None
