# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a model on the server is what a manifest names, file by file, where their digests do not say so.

What cannot be told counts as different: to pull a model that is the same costs no download.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from typing import Any, Dict, List, Mapping

from ...engine.errors import Failure
from ..api.client import Client
from ..api.registry import Manifest, escaped
from .content import BLANK
from .show import content

KIND = "application/vnd.ollama.image."
KNOWN = frozenset(("model", "projector", "adapter", "template", "system", "params", "messages", "license"))


def equals_manifest(client: Client, name: str, manifest: Manifest) -> bool:
    """Compare a model, as the server shows it, with a manifest."""
    layers: Dict[str, List[Mapping[str, Any]]] = defaultdict(list)
    for layer in manifest.content["layers"]:
        layers[str(layer.get("mediaType")).replace(KIND, "", 1)].append(layer)
    if not layers.keys() <= KNOWN or not layers["model"]:
        return False
    try:
        shown = content(client, name)
        return bool(shown) and _fits(shown, layers) and all(client.has_blob(digest) for digest in manifest.blobs)
    except Failure:
        return False


def _fits(shown: Mapping[str, Any], layers: Mapping[str, List[Mapping[str, Any]]]) -> bool:
    files = sorted(str(layer["digest"]) for kind in ("model", "projector") for layer in layers.get(kind, ()))
    adapters = sorted(str(layer["digest"]) for layer in layers.get("adapter", ()))
    if files != shown["weights"] or adapters != shown["adapters"]:
        return False
    texts = {
        "system": shown["system"].encode(),
        "template": shown["template"].encode(),
        "params": _go_json(shown["parameters"]),
        "messages": _go_json(shown["messages"]),
    }
    for kind, text in texts.items():
        named = [layer["digest"] for layer in layers.get(kind, ())]
        nothing = shown["parameters" if kind == "params" else kind] == BLANK["parameters" if kind == "params" else kind]
        if named != ([] if nothing else [_digest(text)]):
            return False
    return _license_size(shown["license"]) == _license_size_of(layers.get("license", ()))


def _license_size(text: str) -> int:
    # The server joins several by line ends, so that only the length of all can be told.
    return len(text.encode()) + 1 if text else 0


def _license_size_of(layers: Any) -> int:
    return sum(int(layer["size"]) + 1 for layer in layers)


def _go_json(value: Any) -> bytes:
    """Return a value as the server writes it into a file."""
    return (
        escaped(json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=isinstance(value, dict))) + b"\n"
    )


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
