# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a registry serves under a name, without downloading it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Mapping, Optional
from urllib.parse import urljoin, urlsplit

from ...engine.errors import Failure
from ...http.messages import one_line
from ...http.session import Answer, HttpFailure, Session
from .names import ModelName, is_public

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
REDIRECTS = (301, 302, 303, 307, 308)
MAX_REDIRECTS = 5
# The largest that are known have a few kilobytes.
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_SIZE = 2**63


class Unserved(Failure):
    """A manifest that could not be had. ``reason`` says why, ``advice`` what to do, both without a full stop."""

    def __init__(self, name: ModelName, reason: str, advice: str, status: Optional[int] = None) -> None:
        fix = f"; {advice}" if advice else ""
        super().__init__(f"Whether {name.display} is the latest cannot be told, because {reason}{fix}.")
        self.reason = reason
        self.advice = advice
        self.status = status


@dataclass(frozen=True)
class Manifest:
    """A model's manifest as a registry sent it."""

    body: bytes
    content: Mapping[str, Any]

    @classmethod
    def parse(cls, body: bytes) -> Manifest:
        """Return the manifest; raise ValueError where a pull of it would leave no usable model."""
        try:
            content = json.loads(body)
        except RecursionError as error:
            raise ValueError("it is nested too deep") from error
        if not isinstance(content, dict):
            raise ValueError("it is no JSON object")
        layers = content.get("layers")
        if not isinstance(layers, list) or not layers or not all(isinstance(layer, dict) for layer in layers):
            raise ValueError("it lists no layers")
        if not isinstance(content.get("config"), dict):
            raise ValueError("it names no config")
        for layer in (content["config"], *layers):
            _check_layer(layer)
        return cls(body, content)

    @property
    def served_digest(self) -> str:
        """The digest of the body as it came."""
        return _digest(self.body)

    @property
    def encoded_digest(self) -> str:
        """The digest that a server before 0.19.0 gives it, which stores what it understood of it."""
        return _digest(self._encoded())

    @property
    def digests(self) -> frozenset[str]:
        """All digests under which a server may list this very content.

        The last is that of a model made on the server itself: there a line end follows.
        """
        return frozenset((self.served_digest, self.encoded_digest, _digest(self._encoded() + b"\n")))

    @property
    def blobs(self) -> dict[str, int]:
        """The size in bytes of each file by its digest."""
        return {str(layer.get("digest")): int(layer.get("size") or 0) for layer in self._layers()}

    @property
    def size(self) -> int:
        """The size in bytes of all files, as a server that has pulled it lists it."""
        return sum(int(layer.get("size") or 0) for layer in self._layers())

    def _layers(self) -> list[Mapping[str, Any]]:
        return [self.content["config"], *self.content["layers"]]

    def _encoded(self) -> bytes:
        content = self.content
        ordered = {
            "schemaVersion": content.get("schemaVersion", 0),
            "mediaType": content.get("mediaType", ""),
            "config": _layer(content["config"]),
            "layers": [_layer(layer) for layer in content["layers"]],
        }
        return escaped(json.dumps(ordered, separators=(",", ":"), ensure_ascii=False))


def escaped(text: str) -> bytes:
    """Return JSON as Go's encoder writes it, which has escapes for a few more characters."""
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()


def _check_layer(layer: Mapping[str, Any]) -> None:
    size = layer.get("size", 0)
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < MAX_SIZE:
        raise ValueError("a size in it is no number of bytes")
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", str(layer.get("digest"))):
        raise ValueError("a digest in it is not sha256:...")
    kind = layer.get("mediaType", "")
    if not isinstance(kind, str) or not kind.isprintable():
        raise ValueError("a media type in it is no text")


def _layer(layer: Mapping[str, Any]) -> dict[str, Any]:
    kept = {"mediaType": layer.get("mediaType", ""), "digest": layer.get("digest", ""), "size": layer.get("size", 0)}
    return kept | {name: layer[name] for name in ("from", "name") if layer.get(name)}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def fetch(name: ModelName, server_version: str, insecure: bool, timeout: float) -> Manifest:
    """Ask a model's registry for its manifest, from the host that the module runs on; raise Unserved without one."""
    url = f"{'http' if insecure else 'https'}://{name.host}/v2/{name.namespace}/{name.model}/manifests/{name.tag}"
    try:
        answer = _follow(url, server_version, timeout)
    except HttpFailure as error:
        raise _unserved(name, error) from error
    except (Failure, ValueError) as error:
        # An address to be redirected to may be anything.
        raise Unserved(name, f"{url} redirects to an address that is none ({one_line(str(error))})", "") from error
    try:
        return Manifest.parse(answer.body)
    except ValueError as error:
        raise Unserved(name, f"what {url} answers is no model's manifest ({error})", "") from error


def _follow(url: str, server_version: str, timeout: float) -> Answer:
    headers = {
        "Accept": MANIFEST,
        # The registry answers 412 by this where a model needs a newer server.
        "User-Agent": f"ollama/{server_version} (amd64 linux) Go/go1.24.0",
    }
    for _hop in range(MAX_REDIRECTS):
        parts = urlsplit(url)
        session = Session(f"{parts.scheme}://{parts.netloc}", headers=headers, timeout=timeout, read_only=True)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        answer = session.get(path, expect=(200, *REDIRECTS), most=MAX_MANIFEST_BYTES)
        if answer.status == 200:
            return answer
        url = urljoin(url, answer.headers.get("location", ""))
    raise HttpFailure("GET", url, f"more than {MAX_REDIRECTS} redirects")


def _unserved(name: ModelName, error: HttpFailure) -> Unserved:
    advice = _advice(error.status)
    message = f"{error.status}: {error.words}" if error.status is not None else error.words
    if error.status is None and "TLS" in error.words:
        # The fix that this message ends in names options that a registry does not have.
        message = error.words.rpartition("; ")[0] or error.words
        advice = (
            "something before it, such as a proxy or firewall, reads or breaks TLS: trust its CA on this host "
            "(REQUESTS_CA_BUNDLE), or say state present"
            if is_public(name.host)
            else "say insecure if it speaks plain HTTP, or trust its CA on this host (REQUESTS_CA_BUNDLE)"
        )
    return Unserved(name, f"{error.url} gave no manifest ({message})", advice, error.status)


def _advice(status: Optional[int]) -> str:
    if status == 404:
        return "check the name and the tag"
    if status == 412:
        return "upgrade the Ollama server first, this model needs a newer one"
    if status in (401, 403):
        return "the registry wants a login, so say state present"
    return "let the host that runs the module reach the registry (a proxy by https_proxy), or say state present"
