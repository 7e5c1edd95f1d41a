# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models that are made of others or of files, copied, loaded and removed."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ...engine.errors import Failure
from ...http.session import HttpFailure
from ..api.client import Client
from ..api.names import ModelName
from ..current import content, show
from ..current.content import State, key_of
from ..current.origin import Source, with_source
from ..entries.spec import ModelSpec
from ..gguf import file as gguf
from ..state_file import StateFile
from .desired_state import DesiredStates
from .pull import Puller
from .store import Store

UNLOAD_SECONDS = 10.0


class Creator:
    """Makes, copies, loads and removes models on one server."""

    def __init__(
        self,
        client: Client,
        store: Store,
        states: DesiredStates,
        puller: Puller,
        state_file: StateFile,
        store_path: Optional[str],
        copies: Mapping[str, int],
    ) -> None:
        """``store_path`` is where the server keeps its models, if that is known on this host.

        ``copies`` are the bytes that the server writes for each model.
        """
        self._store_path = store_path
        self._copies = copies
        self._client = client
        self._store = store
        self._states = states
        self._puller = puller
        self._state_file = state_file

    # --- copied

    def copy(self, spec: ModelSpec, source: ModelName, in_memory: bool) -> None:
        """Make a model a copy of another."""
        with self._store.replacing(spec.name, False, in_memory):
            try:
                self._store.copy(self._store.listed_name(source), spec.name.display)
            except Failure as error:
                raise Failure(
                    f"The model {spec.name.display} could not be copied from {source.display}: {error.message}"
                ) from error

    # --- made

    def make(self, spec: ModelSpec, in_memory: bool) -> None:
        """Make a model of a base or of files."""
        with self._store.replacing(spec.name, False, in_memory):
            self._make(spec)

    def _make(self, spec: ModelSpec) -> None:
        if spec.base:
            self._puller.pull_base(spec, spec.base)
        request, made_from = self._request(spec)
        uploads = [
            *self._states.files.weights(spec).values(),
            *self._states.files.adapters(spec).values(),
        ]
        for file in uploads:
            gguf.send(self._client, file, spec.name.display)
        with self._store.lock:
            # A delete meanwhile may have taken the blob along, where it was another model's as well.
            for file in uploads:
                gguf.send(self._client, file, spec.name.display)
            try:
                self._client.create(request, size=sum(file.size for file in uploads))
            except Failure as error:
                self._store.sweep(spec.name)
                raise self._not_created(spec, error) from error
        if made_from:
            self._note(spec, made_from)

    def _not_created(self, spec: ModelSpec, error: Failure) -> Failure:
        from . import create_errors, disk_space

        words = f": {error.message}"
        if isinstance(error, HttpFailure) and error.status is not None:
            words = f"; the server said: {error.words}"
        files = list(self._states.files.weights(spec).values())
        shown = [file.weights for file in files]
        if spec.base is not None:
            shown += [one for one in [self._states.shown(spec.base)] if one is not None]
        copy = self._copies.get(spec.name.display, sum(file.size for file in files))
        architectures = [weights.architecture for weights in shown if weights.architecture]
        cause = create_errors.cause(words, architectures, copy, disk_space.free_space(self._store_path))
        with suppress(Failure):
            files = [file for file in files if self._client.has_blob(file.digest)]
        left = create_errors.leftover({file.path: file.size for file in files})
        message = f"The model {spec.name.display} could not be created{words.rstrip('.')}."
        if cause:
            return Failure(" ".join(part for part in (message, cause, left) if part))
        return Failure(message, **({"warnings": [left]} if left else {}))

    def listed(self, name: ModelName) -> Optional[State]:
        """Return what the server lists of a model now."""
        return self._store.find(name)

    def _note(self, spec: ModelSpec, made_from: Sequence[str]) -> None:
        """Keep what the server does not: what a model was made from."""
        made = self._store.find(spec.name)
        if made is None:
            return
        source = Source(tuple(sorted(made_from)), (spec.quantize or "").upper())
        digest = str(made["digest"])
        if not self._state_file.amend(self._client.url, digest, lambda old: with_source(old, source)):
            self._states.warn(
                f"What models are made from could not be noted in {self._state_file.path}, so a run may make a model "
                f"again to find out; make its directory writable for this user alone."
            )

    def _request(self, spec: ModelSpec) -> Tuple[Dict[str, Any], Sequence[str]]:
        """Return what to ask the server for, and the digests of the files that are noted as its origin.

        What the server cannot clear is left out by starting from the bare weights.
        """
        request: Dict[str, Any] = {"model": spec.name.display}
        base = self._shown_base(spec, spec.base) if spec.base and _looks_at_base(spec) else None
        made_from: Sequence[str] = base["weights"] if base and spec.quantize else ()
        if base and content.cleared(spec, base):
            request |= self._from_weights(spec, base)
            made_from = base["weights"]
        elif spec.base:
            request["from"] = self._store.listed_name(spec.base)
            request |= _content(spec, str(base["license"]) if base else "")
        else:
            files = self._states.files.weights(spec)
            request["files"] = {name: file.digest for name, file in files.items()}
            request |= _content(spec, "")
            made_from = [file.digest for file in files.values()]
        adapters = {name: file.digest for name, file in self._states.files.adapters(spec).items()}
        if adapters:
            request["adapters"] = adapters
        if spec.quantize:
            request["quantize"] = spec.quantize
        return request, made_from

    def _shown_base(self, spec: ModelSpec, base: ModelName) -> State:
        shown = show.content(self._client, self._store.listed_name(base))
        if not shown:
            raise Failure(
                f"The base {base.display} of the model {spec.name.display} has lost its weights; pull it again."
            )
        return shown

    def _from_weights(self, spec: ModelSpec, base: State) -> Dict[str, Any]:
        """Return a request that makes the model of the base's files, and says all else."""
        if not base["weights"] or len(base["adapters"]) + len(spec.adapters) > 1:
            what = "has an adapter of its own" if base["weights"] else "is no GGUF model"
            unwanted = " and ".join(content.cleared(spec, base))
            raise Failure(
                f"The model {spec.name.display} cannot be without the {unwanted} of its base, because "
                f"{spec.base.display if spec.base else ''} {what}; take a base without."
            )
        made = content.made_from_base(spec, base)
        fields = ("system", "template", "parameters", "messages", "license", "renderer", "parser", "requires")
        return {
            "files": {f"{number}.gguf": digest for number, digest in enumerate(base["weights"])},
            **({"adapters": {"adapter.gguf": base["adapters"][0]}} if base["adapters"] else {}),
            **{name: made[name] for name in fields if made[name]},
        }

    # --- in memory

    def hold(self, spec: ModelSpec, entry: Optional[str]) -> None:
        """Load a model, or unload it; ``entry`` is the name that it goes by in memory."""
        try:
            if spec.loaded:
                size = int((self._store.find(spec.name) or {}).get("size") or 0)
                self._client.load(spec.name.display, spec.keep_alive, size)
            elif entry is not None:
                self._client.unload(spec.name.display)
                self._wait_until_gone(entry)
        except HttpFailure as error:
            what = "loaded" if spec.loaded else "unloaded"
            raise Failure(
                f"The model {spec.name.display} could not be {what}; the server said: {error.words.rstrip('.')}."
            ) from error

    def _wait_until_gone(self, entry: str) -> None:
        """The server answers an unload at once, and takes half a second for it."""
        until = time.monotonic() + UNLOAD_SECONDS
        while any(running.get("name") == entry for running in self._client.running()):
            if time.monotonic() > until:
                raise Failure(
                    f"The model {entry} is still in memory {UNLOAD_SECONDS:g} seconds after it was unloaded; "
                    f"somebody uses it, so try again later, or restart the server."
                )
            time.sleep(0.2)

    # --- removed

    def delete(self, name: str, unload: bool) -> None:
        """Remove a model, from memory too if ``unload``."""
        if unload:
            self._forget_in_memory(name)
        try:
            self._store.remove(name)
        except HttpFailure as error:
            if error.status != 500:
                raise Failure(f"The model {name} could not be removed: {error.message}") from error
            raise Failure(
                f"The model {name} could not be removed (the server said: {error.words}): its manifest is damaged, "
                f"and only deleting the file of its name below the server's models/manifests helps."
            ) from error

    def _forget_in_memory(self, name: str) -> None:
        """Unload what goes by a name that is about to go: the server would keep it, and nobody could unload it."""
        with suppress(Failure):
            key = key_of({"name": name})
            if any(key_of(entry) == key for entry in self._client.running()):
                self._client.unload(name)


def _looks_at_base(spec: ModelSpec) -> bool:
    """Tell whether what is asked for depends on the base: what it has is cleared, added to, or noted."""
    emptied = any(value in ("", ()) for value in (spec.system, spec.messages))
    return emptied or bool(spec.dropped or spec.quantize) or spec.license is not None


def _content(spec: ModelSpec, base_license: str) -> Dict[str, Any]:
    """Return the content that the entry sets, as the server takes it."""
    found: Dict[str, Any] = {}
    if spec.system:
        found["system"] = spec.system
    if spec.template is not None:
        found["template"] = spec.template or content.NO_TEMPLATE
    if spec.parameters:
        found["parameters"] = dict(spec.parameters)
    if spec.messages:
        found["messages"] = [dict(message) for message in spec.messages]
    licenses: List[str] = [text for text in spec.license or () if text != base_license]
    if licenses:
        found["license"] = licenses
    return found | {name: getattr(spec, name) for name in ("renderer", "parser", "requires") if getattr(spec, name)}
