# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models from registries: by the registry or its mirror, pinned, and proven to have come whole."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from typing import Any, Callable, Dict, Mapping, Optional, Set

from ...engine.errors import Failure
from ..api.client import Client
from ..api.names import Key, ModelName
from ..api.registry import Unserved
from ..current.registry_check import ServedManifests
from ..entries.spec import ModelSpec
from ..pull.attempt import pull
from .desired_state import DesiredStates
from .store import LostBehind, Store

# Told of each line of a pull's progress: the model's name and the line.
Watch = Callable[[str, Mapping[str, Any]], None]


class Puller:
    """Pulls to one server."""

    def __init__(
        self, client: Client, store: Store, states: DesiredStates, served: ServedManifests, watch: Watch
    ) -> None:
        self._client = client
        self._store = store
        self._states = states
        self._served = served
        self._watch = watch
        self._pulled: Set[Key] = set()
        self._lock = threading.Lock()
        self._locks: Dict[Key, threading.Lock] = {}

    def pull(self, spec: ModelSpec, in_memory: bool) -> None:
        """Pull a model; where it is pinned to another digest than came, what was there before comes back."""
        with self._store.replacing(spec.name, bool(spec.digest), in_memory) as aside:
            try:
                self._pull(spec, spec.name)
            except Failure:
                if spec.digest:
                    self._restore(spec, aside)
                raise
            if spec.digest and not self._states.verify_pin(spec, self._store.find(spec.name) or {}):
                self._refuse_what_came(spec, aside)

    def _refuse_what_came(self, spec: ModelSpec, aside: Optional[ModelName]) -> None:
        came = str((self._store.find(spec.name) or {}).get("digest"))[: len(str(spec.digest))]
        self._restore(spec, aside)
        raise Failure(
            f"The model {spec.name.display} is pinned to the digest {spec.digest}, but what was pulled is {came}; "
            f"it was taken away again. Pin that, or leave digest out."
        )

    def _restore(self, spec: ModelSpec, aside: Optional[ModelName]) -> None:
        """Undo a pull that brought the wrong model."""
        name, before = spec.name, self._states.listed.get(spec.name.key)
        try:
            listed = self._store.find(name)
            if listed is None or (before is not None and listed.get("digest") == before["digest"]):
                return
            if aside is not None:
                self._store.copy(aside.display, name.display)
            elif name.key not in self._store.listed_first:
                self._store.remove(name.display)
        except Failure as error:
            where = f"; what was there before is {aside.display}: copy it back" if aside else ""
            raise LostBehind(
                f"The model {name.display} is not the pinned one, and could not be taken away again "
                f"({error.message.rstrip('.')}){where}."
            ) from error

    def _pull(self, spec: ModelSpec, name: ModelName) -> None:
        """Pull a name, by the mirror where there is one, and verify that it is complete."""
        there = spec.on_mirror(name)
        if there.key == name.key:
            self._pull_and_verify(spec, there, name)
            return
        # Two names may be one on their mirror.
        with self._lock_of(there):
            self._by_mirror(spec, there, name)

    def _lock_of(self, name: ModelName) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(name.key, threading.Lock())

    def _by_mirror(self, spec: ModelSpec, there: ModelName, name: ModelName) -> None:
        """Pull the mirror's name and give the model its own. One that somebody has by the first name stays as it is."""
        ours = there.key not in self._store.listed_first and there.key not in self._states.all_desired
        aside = None if there.key in self._states.all_desired else self._store.put_aside(there)
        try:
            self._pull_and_verify(spec, there, name)
            self._rename(there, name, aside, ours)
        finally:
            self._store.drop(aside)

    def _rename(self, there: ModelName, name: ModelName, aside: Optional[ModelName], ours: bool) -> None:
        try:
            self._store.copy(self._store.listed_name(there), name.display)
            if aside is not None:
                self._store.copy(aside.display, there.display)
            elif ours:
                self._store.remove(there.display)
        except Failure as error:
            if ours:
                with suppress(Failure):
                    self._store.remove(there.display)
            raise Failure(
                f"The model {name.display} came from its mirror, but {there.display} could not become it "
                f"({error.message.rstrip('.')}); run it again, and remove {there.display} if it is left."
            ) from error

    def _pull_and_verify(self, spec: ModelSpec, there: ModelName, name: ModelName) -> None:
        try:
            pull(
                self._client,
                there,
                insecure=spec.insecure,
                stall_timeout=spec.stall_timeout,
                retries=spec.retries,
                watch=partial(self._watch, name.display),
            )
            self._verify(spec, there)
        except Failure:
            self._store.sweep(there)
            raise
        finally:
            if not spec.digest:
                # The tag may have moved meanwhile: what was pulled is compared with what is served now.
                self._served.forget(there)

    def _verify(self, spec: ModelSpec, name: ModelName) -> None:
        fault = self._store.fault(name) or self._wrong_size(spec, name)
        if fault:
            raise Failure(f"The model {name.display} was pulled and the server said 'success', but {fault}.")

    def _wrong_size(self, spec: ModelSpec, name: ModelName) -> Optional[str]:
        """Return how the size differs from that of the manifest, where one was fetched before the pull."""
        known = self._served.known(name)
        size = (self._store.find(name) or {}).get("size")
        if known is None or size == known.size:
            return None
        self._served.forget(name)
        served = self._served.answer(name, spec.insecure)
        if isinstance(served, Unserved) or size == served.size:
            return None
        return f"it has {size} bytes, and the registry's manifest names {served.size}; try again"

    def pull_base(self, spec: ModelSpec, base: ModelName) -> None:
        """Pull a base that is not there, because create would pull it without the options and without progress."""
        if base.key in self._states.listed or base.key in self._states.all_desired:
            return
        with self._lock_of(base):
            if base.key not in self._pulled:
                self._pull(spec, base)
                self._pulled.add(base.key)
