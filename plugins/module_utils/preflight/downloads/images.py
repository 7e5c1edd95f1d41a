# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container images: what their registry lists of them, without a pull."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import quote, urlencode

from ...host.units import GB
from ...http.messages import one_line
from ..machine.engine import Settings
from ..machine.machine import PLATFORMS
from .network import Question, Unserved
from .web import Reply, Unreached, Web, within

DOCKER_HUB = "docker.io"
DOCKER_HUB_HOST = "registry-1.docker.io"
INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
# A registry lists compressed sizes. Unpacked, the CUDA libraries in Ollama's image take twice as much, and the Python
# packages of Open WebUI 3.2 times as much (measured). While Docker unpacks an image, and permanently in containerd's
# store, both are on the disk.
UNPACKED = 3.5
# If no registry answers: unpacked bytes of an image, at the upper end of what users report. ollama/ollama issues 7184
# (4.87 GB) and 9982 (3.3 GB), open-webui/open-webui issue 6447 (4.2 GB in 2024, up to 6 since).
USUAL = (
    (r"(^|/)ollama/ollama:.*rocm", 8 * GB),
    (r"(^|/)ollama/ollama[:@]", 5 * GB),
    (r"(^|/)open-webui/open-webui:.*(cuda|ollama)", 10 * GB),
    (r"(^|/)open-webui/open-webui[:@]", 6 * GB),
)
_HOST = re.compile(r"localhost|.*[.:].*")


@dataclass(frozen=True)
class Found:
    """The compressed bytes of an image, and the registry's last answer."""

    size: int
    reply: Reply


@dataclass(frozen=True)
class Image:
    """The parts of a reference; ``registry`` defaults to "docker.io"."""

    text: str
    registry: str
    repository: str
    version: str

    @classmethod
    def parse(cls, text: str) -> Image:
        """Parse a reference as Docker does."""
        bare, _at, digest = text.partition("@")
        head, _slash, rest = bare.partition("/")
        named = bool(rest) and bool(_HOST.fullmatch(head))
        registry, path = (head, rest) if named else (DOCKER_HUB, bare)
        repository, tag = path, "latest"
        if ":" in path.rpartition("/")[2]:
            repository, _colon, tag = path.rpartition(":")
        if registry in (DOCKER_HUB, "index.docker.io", DOCKER_HUB_HOST):
            registry = DOCKER_HUB
            repository = repository if "/" in repository else f"library/{repository}"
        return cls(text, registry, repository, digest or tag)

    @property
    def usual(self) -> Optional[int]:
        """The usual bytes of a known image, else None."""
        return next((size for pattern, size in USUAL if re.search(pattern, self.text)), None)


def places(image: Image, settings: Settings) -> Tuple[Tuple[str, bool], ...]:
    """Return the registries as (base URL, whether TLS is verified), in the order in which Docker asks them."""
    if image.registry == DOCKER_HUB:
        mirrors = tuple((mirror.rstrip("/"), True) for mirror in settings.mirrors)
        return (*mirrors, (f"https://{DOCKER_HUB_HOST}", True))
    host = image.registry
    name = host.partition(":")[0]
    if name == "localhost" or any(host == one or within(name, one) for one in (*settings.insecure, "127.0.0.0/8")):
        # Docker's order: unverified TLS, then plain HTTP.
        return ((f"https://{host}", False), (f"http://{host}", True))
    return ((f"https://{host}", True),)


def question(image: Image, settings: Settings, architecture: str, seconds: float) -> Question:
    """Return the question for an image; its answer is a Found."""
    web = Web(seconds, settings.proxies)
    known = dict(places(image, settings))

    platform = PLATFORMS.get(architecture, architecture)

    def ask(urls: Sequence[str]) -> Found:
        *before, last = urls
        for base in before:
            with suppress(Unreached, Unserved):
                return _Registry(base, image, replace(web, verify=known[base])).found(platform)
        return _Registry(last, image, replace(web, verify=known[last])).found(platform)

    return Question("image", f"the image {image.text}", tuple(known), settings.proxies, ask)


class _Registry:
    """One registry, with its token for one image."""

    def __init__(self, base: str, image: Image, web: Web) -> None:
        self._base = f"{base}/v2/{quote(image.repository)}"
        self._image = image
        self._web = web
        self._headers: Dict[str, str] = {"Accept": ", ".join(INDEXES + MANIFESTS)}

    def found(self, architecture: str) -> Found:
        content = self._manifest(self._image.version)
        if isinstance(content.get("manifests"), list):
            content = self._manifest(_chosen(content["manifests"], architecture))
        config = content.get("config")
        layers = content.get("layers")
        if not isinstance(config, Mapping) or not isinstance(layers, list):
            raise Unserved("its registry does not answer with an image manifest")
        # Many registries serve files from another host, which a firewall may block.
        reply = self._ask(f"blobs/{config.get('digest')}")
        return Found(sum(_size(layer) for layer in [config, *layers]), reply)

    def _manifest(self, version: str) -> Mapping[str, Any]:
        reply = self._ask(f"manifests/{version}")
        try:
            content = json.loads(reply.body)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, Mapping):
            raise Unserved("its registry does not answer with an image manifest")
        return content

    def _ask(self, path: str) -> Reply:
        url = f"{self._base}/{path}"
        reply = self._web.get(url, self._headers)
        challenge = reply.headers.get("www-authenticate", "")
        if reply.status == 401 and "Authorization" not in self._headers and challenge.lower().startswith("bearer "):
            self._headers["Authorization"] = f"Bearer {self._token(challenge)}"
            reply = self._web.get(url, self._headers)
        if reply.status == 200:
            return reply
        if reply.status in (401, 403):
            raise Unserved(f"{reply.host} requires a login ({reply.status})", uncertain=True)
        if reply.status == 404:
            raise Unserved(f"{reply.host} has no such image (404)")
        raise Unserved(f"{reply.host} answered {reply.status}: {one_line(reply.body) or 'empty body'}", uncertain=True)

    def _token(self, challenge: str) -> str:
        told = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        query = urlencode({name: told[name] for name in ("service", "scope") if name in told})
        reply = self._web.get(f"{told.get('realm', '')}?{query}")
        try:
            content = json.loads(reply.body)
            return str(content.get("token") or content["access_token"])
        except (ValueError, KeyError, AttributeError) as error:
            raise Unserved(f"{reply.host} returned no token ({reply.status})", uncertain=True) from error


def _chosen(entries: List[Any], architecture: str) -> str:
    """Return the digest of the image for Linux on an architecture, from an index."""
    for entry in entries:
        platform = entry.get("platform") if isinstance(entry, Mapping) else None
        if isinstance(platform, Mapping) and (platform.get("os"), platform.get("architecture")) == (
            "linux",
            architecture,
        ):
            return str(entry.get("digest"))
    raise Unserved(f"its registry has no image for {architecture}")


def _size(layer: Any) -> int:
    size = layer.get("size") if isinstance(layer, Mapping) else 0
    return size if isinstance(size, int) and size > 0 else 0
