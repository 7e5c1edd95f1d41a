# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare what registries serve with what a server has, without a download."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Dict, Iterable, Mapping, Optional, Tuple, Union

from ..api.client import Client
from ..api.names import Key, ModelName

if TYPE_CHECKING:
    from ..api.registry import Manifest, Unserved

MAX_CONCURRENT = 16

Answer = Union["Manifest", "Unserved"]


class ServedManifests:
    """The manifests that registries serve under names, each asked for once and many at a time."""

    def __init__(self, client: Client, timeout: float) -> None:
        self._client = client
        self._timeout = timeout
        self._answers: Dict[Key, Answer] = {}
        self._same: Dict[Tuple[str, str], bool] = {}

    def ask(self, names: Iterable[Tuple[ModelName, bool]]) -> None:
        """Fetch the manifests of names that were not asked for yet; the flag means plain HTTP."""
        missing = {name.key: (name, insecure) for name, insecure in names if name.key not in self._answers}
        if not missing:
            return
        version = self._client.version
        with ThreadPoolExecutor(max_workers=min(MAX_CONCURRENT, len(missing))) as pool:
            for key, answer in zip(missing, pool.map(lambda one: self._fetch(one, version), missing.values())):
                self._answers[key] = answer

    def _fetch(self, wanted: Tuple[ModelName, bool], version: str) -> Answer:
        from ..api import registry

        name, insecure = wanted
        try:
            return registry.fetch(name, version, insecure, self._timeout)
        except registry.Unserved as error:
            return error

    def answer(self, name: ModelName, insecure: bool) -> Answer:
        """Return the manifest of a name, or why there is none."""
        self.ask([(name, insecure)])
        return self._answers[name.key]

    def manifest(self, name: ModelName, insecure: bool) -> Manifest:
        """Return the manifest of a name; raise Unserved where there is none."""
        answer = self.answer(name, insecure)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def known(self, name: ModelName) -> Optional[Manifest]:
        """Return the manifest of a name if it was fetched."""
        answer = self._answers.get(name.key)
        return None if isinstance(answer, Exception) else answer

    def forget(self, name: ModelName) -> None:
        """Ask again the next time, since the tag may have moved."""
        self._answers.pop(name.key, None)

    def digest(self, manifest: Manifest) -> str:
        """Return the digest that the server will list after a pull of this manifest."""
        return manifest.served_digest if self._client.features.keeps_manifest_bytes else manifest.encoded_digest

    def is_served(self, listed: Mapping[str, Any], manifest: Manifest) -> bool:
        """Tell whether a listed model is what a manifest names, however the manifest is spelled.

        Where no digest fits, its content decides: files, texts and parameters as the server shows them.
        """
        digest = str(listed.get("digest"))
        if digest in manifest.digests:
            return True
        if listed.get("size") != manifest.size:
            return False
        pair = (digest, manifest.served_digest)
        if pair not in self._same:
            from .manifest_comparison import equals_manifest

            self._same[pair] = equals_manifest(self._client, str(listed.get("name")), manifest)
        return self._same[pair]
