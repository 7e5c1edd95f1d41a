# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The writes: pull, copy, make, load, remove. Each leaves a server that the next run can finish from."""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Callable, Collection, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ..errors import Failure
from ..http import HttpFailure
from . import content, facts, gguf
from .client import Client
from .content import State, key_of
from .drift import Served
from .expectation import Expectation
from .ledger import Ledger
from .names import Key, ModelName
from .pull import pull
from .registry import Unserved
from .spec import ModelSpec

# Told of each line of a pull's progress: the model's name and the line.
Watch = Callable[[str, Mapping[str, Any]], None]
# Where a model waits while another takes its place.
ASIDE = "selfhosted-llm-aside"
UNLOAD_SECONDS = 10.0


class Maker:
    """Writes to one server. ``listed_first`` are all names that were there when the run began."""

    def __init__(
        self,
        client: Client,
        expectation: Expectation,
        served: Served,
        watch: Watch,
        ledger: Ledger,
        listed_first: Collection[Key],
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._expectation = expectation
        self._served = served
        self._watch = watch
        self._listed_first = listed_first
        self._brought: Set[Key] = set()
        self._base_lock = threading.Lock()
        # 0.9.3 tidies up its folders after a delete, also those that another write is about to use.
        self._store_lock = threading.Lock()

    # --- pulled

    def pull(self, spec: ModelSpec, in_memory: bool) -> None:
        """Pull a model; where it is pinned to another digest than came, what was there before comes back."""
        with self._replacing(spec, in_memory) as aside:
            try:
                self._pull(spec, spec.name)
                if spec.digest:
                    self._prove_pin(spec)
            except Failure:
                if spec.digest:
                    self._bring_back(spec.name, aside)
                raise

    @contextmanager
    def _replacing(self, spec: ModelSpec, in_memory: bool) -> Iterator[Optional[ModelName]]:
        """Keep a model under another name while its own gets other weights, where somebody may need it then.

        A pin may fail, and weights that are in memory are reached by a name of theirs only: they would
        stay there until others need the room.
        """
        aside = self._put_aside(spec) if spec.digest or in_memory else None
        try:
            yield aside
            if aside is not None and in_memory:
                with suppress(Failure):
                    self._client.unload(aside.display)
        finally:
            if aside is not None:
                with suppress(Failure):
                    self._remove(aside.display)

    def _put_aside(self, spec: ModelSpec) -> Optional[ModelName]:
        present = self._expectation.listed.get(spec.name.key)
        if present is None:
            return None
        mark = hashlib.sha256("/".join(spec.name.key).encode()).hexdigest()[:32]
        aside = ModelName.parse(f"{ASIDE}/{mark}")
        with self._store_lock:
            self._client.copy(str(present["name"]), aside.display)
        return aside

    def _bring_back(self, name: ModelName, aside: Optional[ModelName]) -> None:
        """Undo a pull that brought the wrong model; the failure is what is told, not this."""
        with suppress(Failure), self._store_lock:
            listed, before = self._find(name), self._expectation.listed.get(name.key)
            if listed is None or (before is not None and listed.get("digest") == before["digest"]):
                return
            if aside is not None:
                self._client.copy(aside.display, name.display)
            elif name.key not in self._listed_first:
                self._client.delete(name.display)

    def _prove_pin(self, spec: ModelSpec) -> None:
        listed = self._find(spec.name) or {}
        if not self._expectation.prove_pin(spec, listed):
            raise Failure(
                f"The model {spec.name.display} is pinned to the digest {spec.digest}, but what was pulled is "
                f"{str(listed.get('digest'))[: len(str(spec.digest))]}; it was taken away again. Pin that, "
                f"or leave digest out."
            )

    def _pull(self, spec: ModelSpec, name: ModelName) -> None:
        """Pull a name, by the mirror where there is one, and prove that it came whole."""
        there = spec.on_mirror(name)
        try:
            pull(
                self._client,
                there,
                insecure=spec.insecure,
                stall_timeout=spec.stall_timeout,
                retries=spec.retries,
                watch=partial(self._watch, name.display),
            )
            self._prove(spec, there)
            if there.key != name.key:
                self._move(there, name)
        except Failure:
            self._sweep(there)
            raise
        finally:
            if not spec.digest:
                # The tag may have moved meanwhile: what was pulled is compared with what is served now.
                self._served.forget(there)

    def _move(self, there: ModelName, name: ModelName) -> None:
        """Give a model from a mirror its short name."""
        with self._store_lock:
            self._client.copy(self._listed_name(there), name.display)
            if there.key not in self._listed_first:
                self._client.delete(there.display)

    def _prove(self, spec: ModelSpec, name: ModelName) -> None:
        fault = self._fault(name) or self._wrong_size(spec, name)
        if fault:
            raise Failure(f"The model {name.display} was pulled and the server said 'success', but {fault}.")

    def _wrong_size(self, spec: ModelSpec, name: ModelName) -> Optional[str]:
        """Return how the size differs from that of the manifest, where one was fetched before the pull."""
        known = self._served.known(name)
        size = (self._find(name) or {}).get("size")
        if known is None or size == known.size:
            return None
        self._served.forget(name)
        served = self._served.answer(name, spec.insecure)
        if isinstance(served, Unserved) or size == served.size:
            return None
        return f"it has {size} bytes, and the registry's manifest names {served.size}; try again"

    def _find(self, name: ModelName) -> Optional[State]:
        return next((item for item in self._client.tags() if key_of(item) == name.key), None)

    def _fault(self, name: ModelName) -> Optional[str]:
        """Return what is wrong with a model on the server, or None where it is whole."""
        no_model = "what it has is no whole model; the registry's manifest of it is empty or wrong"
        listed = self._find(name)
        if listed is None or content.is_empty(listed):
            return no_model
        try:
            return None if self._client.show(name.display) is not None else no_model
        except HttpFailure as error:
            if error.status != 500:
                raise
            return (
                f"the server cannot read it ({error.words.rstrip('.')}): a file of it on the server's disk is damaged; "
                f"remove the models that share it, then pull again"
            )

    def _sweep(self, name: ModelName) -> None:
        """After a failure, remove what this run left half-made; the failure is what is told, not this."""
        if name.key in self._listed_first:
            return
        with suppress(Failure):
            if self._find(name) is not None and self._fault(name):
                self._client.delete(name.display)

    # --- copied

    def copy(self, spec: ModelSpec, source: ModelName) -> None:
        """Make a model a copy of another."""
        try:
            with self._store_lock:
                self._client.copy(self._listed_name(source), spec.name.display)
        except Failure as error:
            raise Failure(
                f"The model {spec.name.display} could not be copied from {source.display}: {error.message}"
            ) from error

    # --- made

    def make(self, spec: ModelSpec, in_memory: bool) -> None:
        """Make a model of a base or of files."""
        with self._replacing(spec, in_memory):
            self._make(spec)

    def _make(self, spec: ModelSpec) -> None:
        if spec.base:
            self._bring_base(spec, spec.base)
        request, made_from = self._request(spec)
        uploads = [*self._expectation.files(spec).values(), *self._expectation.adapters(spec).values()]
        for file in uploads:
            gguf.send(self._client, file, spec.name.display)
        with self._store_lock:
            # A delete meanwhile may have taken the blob along, where it was another model's as well.
            for file in uploads:
                gguf.send(self._client, file, spec.name.display)
            try:
                self._client.create(request, size=sum(file.size for file in uploads))
            except Failure as error:
                self._sweep(spec.name)
                words = f": {error.message}"
                if isinstance(error, HttpFailure) and error.status is not None:
                    words = f"; the server said: {error.words}"
                raise Failure(f"The model {spec.name.display} could not be created{words.rstrip('.')}.") from error
        if made_from:
            self._note(spec, made_from)

    def _note(self, spec: ModelSpec, made_from: Sequence[str]) -> None:
        """Keep what the server does not: what a model was made from, where its files are written anew."""
        made = self._find(spec.name)
        if made is not None:
            self._ledger.remember(self._client.url, str(made["digest"]), {"made_from": sorted(made_from)})

    def _request(self, spec: ModelSpec) -> Tuple[Dict[str, Any], Sequence[str]]:
        """Return what to ask the server for, and the digests of what is written anew.

        What the server cannot clear is left out by starting from the bare weights.
        """
        request: Dict[str, Any] = {"model": spec.name.display}
        base = self._shown_base(spec, spec.base) if spec.base and _looks_at_base(spec) else None
        anew: Sequence[str] = base["weights"] if base and spec.quantize else ()
        if base and content.cleared(spec, base):
            request |= self._from_weights(spec, base)
            anew = base["weights"] if spec.quantize or self._client.rewrites_uploads else ()
        elif spec.base:
            request["from"] = self._listed_name(spec.base)
            request |= _said(spec, str(base["license"]) if base else "")
        else:
            files = self._expectation.files(spec)
            request["files"] = {name: file.digest for name, file in files.items()}
            request |= _said(spec, "")
            anew = [file.digest for file in files.values()] if spec.quantize or self._client.rewrites_uploads else ()
        adapters = {name: file.digest for name, file in self._expectation.adapters(spec).items()}
        if adapters:
            request["adapters"] = adapters
        if spec.quantize:
            request["quantize"] = spec.quantize
        return request, anew

    def _shown_base(self, spec: ModelSpec, base: ModelName) -> State:
        shown = facts.content(self._client, self._listed_name(base))
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
        said = ("system", "template", "parameters", "messages", "license", "renderer", "parser", "requires")
        return {
            "files": {f"{number}.gguf": digest for number, digest in enumerate(base["weights"])},
            **({"adapters": {"adapter.gguf": base["adapters"][0]}} if base["adapters"] else {}),
            **{name: made[name] for name in said if made[name]},
        }

    def _bring_base(self, spec: ModelSpec, base: ModelName) -> None:
        """Pull a base that is not there, because create would pull it without the options and without progress."""
        if base.key in self._expectation.listed or base.key in self._expectation.wishes:
            return
        with self._base_lock:
            if base.key not in self._brought:
                self._pull(spec, base)
                self._brought.add(base.key)

    def _listed_name(self, name: ModelName) -> str:
        """Return a name in the server's case: create alone looks for its base by the case that is given."""
        listed = self._expectation.listed.get(name.key) or self._find(name) or {}
        return str(listed.get("name") or name.display)

    # --- in memory

    def hold(self, spec: ModelSpec, entry: Optional[str]) -> None:
        """Load a model, or unload it; ``entry`` is the name that it goes by in memory."""
        try:
            if spec.loaded:
                size = int((self._find(spec.name) or {}).get("size") or 0)
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

    def tidy(self) -> None:
        """Remove what a run that was killed had put aside."""
        for key, state in self._expectation.listed.items():
            if key[1] == ASIDE:
                with suppress(Failure):
                    self._remove(str(state["name"]))

    def delete(self, name: str) -> None:
        """Remove a model, from memory too."""
        self._forget_in_memory(name)
        try:
            self._remove(name)
        except HttpFailure as error:
            if error.status != 500:
                raise Failure(f"The model {name} could not be removed: {error.message}") from error
            raise Failure(
                f"The model {name} could not be removed (the server said: {error.words}): its manifest is damaged, "
                f"and only deleting the file of its name below the server's models/manifests helps."
            ) from error

    def _remove(self, name: str) -> None:
        with self._store_lock:
            self._client.delete(name)

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


def _said(spec: ModelSpec, base_license: str) -> Dict[str, Any]:
    """Return the content that was said, as the server takes it."""
    said: Dict[str, Any] = {}
    if spec.system:
        said["system"] = spec.system
    if spec.template is not None:
        said["template"] = spec.template or content.NO_TEMPLATE
    if spec.parameters:
        said["parameters"] = dict(spec.parameters)
    if spec.messages:
        said["messages"] = [dict(message) for message in spec.messages]
    licenses: List[str] = [text for text in spec.license or () if text != base_license]
    if licenses:
        said["license"] = licenses
    return said | {name: getattr(spec, name) for name in ("renderer", "parser", "requires") if getattr(spec, name)}
