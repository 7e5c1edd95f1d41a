# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models as the engine sees them."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import (
    TYPE_CHECKING,
    Any,
    Collection,
    Dict,
    Hashable,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    cast,
)

from ...engine.converge import Current, Desired, Outcome, Resource, Step, converge
from ..api.client import Client
from ..api.names import Key, ModelName
from ..current import content
from ..current.registry_check import ServedManifests
from ..current.snapshot import Reader, Snapshot
from ..entries import conflicts
from ..entries.spec import ModelSpec
from .desired_state import DesiredStates, same
from .memory import Memory

if TYPE_CHECKING:
    from ..state_file import StateFile
    from .create import Creator
    from .disk_space import Space
    from .pull import Puller, Watch

# A host compiles a module again for each task, so what only some tasks need is imported where they need it.


class Models(Resource[ModelSpec]):
    """All models of one server. Made ones are read by what they are made of, others by the list."""

    kind = "model"

    def __init__(
        self,
        client: Client,
        all_desired: Sequence[Desired[ModelSpec]],
        workers: int = 4,
        timeout: float = 30.0,
        watch: Watch = lambda model, line: None,
        models_path: Optional[str] = None,
        writable: bool = False,
    ) -> None:
        self._client = client
        self._watch = watch
        self._writable = writable
        self._opened_state_file: Optional[StateFile] = None
        self._the_writers: Optional[Tuple[Puller, Creator]] = None
        self._models_path = models_path
        self._all_desired: Dict[Key, Desired[ModelSpec]] = {desired.spec.name.key: desired for desired in all_desired}
        self._specs: List[ModelSpec] = [desired.spec for desired in all_desired if desired.present]
        self._served = ServedManifests(client, timeout)
        self._states = DesiredStates(client, self._all_desired, self._served, self._state_file)
        self._reader = Reader(client, self._all_desired, workers, self._state_file)
        # What was there when the run began, broken or not, is never cleaned away.
        self._first: Optional[Snapshot] = None
        self._unproven: List[str] = []
        self._coming: List[ModelSpec] = []
        self._store_path: Optional[str] = None
        self._space: Optional[Space] = None
        self._copies: Mapping[str, int] = {}
        self._lock = threading.Lock()
        conflicts.refuse(self._all_desired)

    def _state_file(self) -> StateFile:
        if self._opened_state_file is None:
            from ..state_file import StateFile

            self._opened_state_file = StateFile(self._writable)
        return self._opened_state_file

    # --- reading

    def gather(self, all_desired: Sequence[Desired[ModelSpec]]) -> Current:
        snapshot = self._reader.read()
        if self._first is None:
            self._first = snapshot
        self._states.snapshot = snapshot
        self._states.ask_registries()
        self._states.files.read(self._specs)
        # A broken model counts as missing when wanted and as present when unwanted.
        broken = {key: state for key, state in snapshot.broken.items() if not self._is_desired(key)}
        return cast("Current", {**snapshot.listed, **broken})

    def _memory(self) -> Memory:
        return Memory(self._reader, self._states.snapshot, self._all_desired)

    def _is_desired(self, key: Key) -> bool:
        return key in self._all_desired and self._all_desired[key].present

    # --- comparing

    def key(self, desired: Desired[ModelSpec]) -> Hashable:
        return desired.spec.name.key

    def desired_state(self, desired: Desired[ModelSpec], current: Optional[Mapping[str, Any]]) -> Mapping[str, Any]:
        wanted = self._states.wanted(desired.spec)
        if current is not None:
            return wanted
        # Of a new model only what it has is of interest.
        return {name: value for name, value in wanted.items() if content.BLANK.get(name, self) != value}

    def unproven(self, desired: Desired[ModelSpec]) -> bool:
        chain = self._states.chain(desired.spec)
        found = any(one.name.key in self._states.unproven for one in chain)
        if found and chain[0].name.key in self._states.unproven and not self._writable:
            self._unproven.append(desired.name)
            self._states.warn(
                f"Nothing on this host notes what the model {desired.name} was made from, and all that the server "
                f"shows of it fits, so this check run cannot know whether it is as wanted. A run makes it again, and "
                f"reports a change only if the model's digest changes."
            )
        return found

    def settled(self, steps: Sequence[Step[ModelSpec]], current: Optional[Current]) -> Sequence[Step[ModelSpec]]:
        found = []
        for step in steps:
            if not _unproven(step):
                found.append(step)
            elif current is not None:
                now = current.get(step.key, {})
                changes = self._moved(step, now)
                found += [replace(step, changes=changes, after=now)] if changes else []
        return found

    def _moved(self, step: Step[ModelSpec], now: Mapping[str, Any]) -> Tuple[str, ...]:
        """Return the fields that a step changed of which that was not known before."""
        before = step.before or {}
        if before.get("digest") == now.get("digest"):
            return ()
        wanted = self.desired_state(cast("Desired[ModelSpec]", step.desired), now)
        names = [name for name in ("made_from", "weights") if name in wanted and before.get(name) != now.get(name)]
        return tuple(names) or ("digest",)

    def results(self) -> Mapping[str, Any]:
        found: Dict[str, Any] = {"unproven": self._unproven} if self._unproven else {}
        if self._space is not None:
            found["disk"] = self._space.facts()
        return found

    def equal(self, name: str, current: Any, wanted: Any) -> bool:
        return same(name, current, wanted)

    def veto(self, step: Step[ModelSpec]) -> Optional[str]:
        if step.action == "delete":
            needing = self._needing(step)
            if needing:
                return f"The model {step.name} is kept, because {needing} is made from it."
            if step.desired is None and self._is_set_aside(step):
                return f"The model {step.name} is kept, because another run set it aside and may need it."
        if step.action == "update" and "loaded" in step.changes and not (step.after or {})["loaded"]:
            return self._memory().refuse_to_unload(step)
        return None

    def _is_set_aside(self, step: Step[ModelSpec]) -> bool:
        from .store import is_fresh_aside

        return is_fresh_aside(cast("Key", step.key), step.before or {})

    def _needing(self, step: Step[ModelSpec]) -> Optional[str]:
        """Return the desired model that needs this one; a copy needs its source only until it is made."""
        for spec in self._specs:
            if spec.base is not None and spec.base.key == step.key:
                return spec.name.display
            if spec.source is not None and spec.source.key == step.key and step.desired is None:
                return spec.name.display
        return None

    def hint(self, fields: Collection[str]) -> str:
        if "loaded" in fields:
            return (
                "it may have been taken out of memory again for others, so load fewer, or raise "
                "OLLAMA_MAX_LOADED_MODELS where there is memory for more"
            )
        return super().hint(fields)

    def needs(self, step: Step[ModelSpec]) -> Collection[Hashable]:
        if step.action == "delete":
            # A delete takes along files that a pull has already counted as had, and a pull may reuse them.
            return [key for key, desired in self._all_desired.items() if desired.present]
        origin = step.desired.spec.origin if step.desired and step.desired.present else None
        if origin is None:
            return ()
        if self._is_desired(origin.key):
            return (origin.key,)
        # The source of a copy may be one that goes afterwards, or one that comes for another model.
        pulled_for = [spec.name.key for spec in self._states.pulled_for(origin)]
        return () if step.key in pulled_for else pulled_for

    def precheck(self, steps: Sequence[Step[ModelSpec]]) -> None:
        self._coming = [
            step.desired.spec for step in steps if step.desired and step.after is not None and _installs(step)
        ]
        if not self._coming:
            return
        from . import disk_space, written_sizes

        names = [(spec.on_mirror(name), spec.insecure) for spec in self._coming for name in self._to_pull(spec)]
        self._store_path = self._models_path or disk_space.found_store(self._states.listed)
        if self._store_path:
            self._served.ask(names)
        made = written_sizes.foresee(self._client, self._states, self._served, self._coming)
        self._copies = made.copies
        self._space = disk_space.check(self._client, self._served, names, made, self._store_path)
        if self._space.warning:
            self._states.warn(self._space.warning)

    def _to_pull(self, spec: ModelSpec) -> List[ModelName]:
        """Return the names that are pulled for a desired object: its own, or that of a base that nobody lists."""
        if spec.pulled:
            return [spec.name]
        missing = spec.base is not None and spec.base.key not in {*self._states.listed, *self._all_desired}
        return [spec.base] if spec.base and missing else []

    def warnings(self) -> Sequence[str]:
        if self._writable and any(spec.files for spec in self._coming):
            from . import create_errors, written_sizes

            sentence = create_errors.leftover(written_sizes.left_behind(self._states, self._coming))
            if sentence:
                self._states.warn(sentence)
        return self._states.warnings

    # --- writing

    def create(self, step: Step[ModelSpec]) -> None:
        self._write(step)

    def update(self, step: Step[ModelSpec]) -> None:
        self._write(step)

    def delete(self, step: Step[ModelSpec]) -> None:
        _puller, creator = self._writers()
        creator.delete(str((step.before or {}).get("name") or step.name), unload=not self._memory().keeps_weights(step))

    def _writers(self) -> Tuple[Puller, Creator]:
        with self._lock:
            if self._the_writers is None:
                from .create import Creator
                from .pull import Puller
                from .store import Store

                store = Store(self._client, self._states.listed, self._first.keys if self._first else frozenset())
                for sentence in store.tidy():
                    self._states.warn(sentence)
                puller = Puller(self._client, store, self._states, self._served, self._watch)
                creator = Creator(
                    self._client,
                    store,
                    self._states,
                    puller,
                    self._state_file(),
                    self._store_path,
                    self._copies,
                )
                self._the_writers = puller, creator
            return self._the_writers

    def _has_its_origin(self, step: Step[ModelSpec], spec: ModelSpec) -> bool:
        """Tell whether what an unproven model comes from was made again, and is what it was."""
        if not _unproven(step) or spec.origin is None or spec.name.key in self._states.unproven:
            return False
        now = self._writers()[1].listed(spec.origin) or {}
        return now.get("digest") == self._states.listed.get(spec.origin.key, {}).get("digest")

    def _write(self, step: Step[ModelSpec]) -> None:
        puller, creator = self._writers()
        spec = self._all_desired[cast("Key", step.key)].spec
        entry = self._memory().entry_of(step.before) if spec.loaded is not None else {}
        if _installs(step) and not self._has_its_origin(step, spec):
            in_memory = bool(entry) and content.key_of(entry) == step.key
            if spec.created:
                creator.make(spec, in_memory)
            elif spec.source:
                creator.copy(spec, spec.source, in_memory)
            else:
                puller.pull(spec, in_memory)
        if spec.loaded is not None:
            creator.hold(spec, str(entry.get("name")) if entry else None)


def _unproven(step: Step[ModelSpec]) -> bool:
    """Tell whether only the write shows if something differed."""
    return step.action == "update" and not step.changes


def _installs(step: Step[ModelSpec]) -> bool:
    """Tell whether a step brings or makes a model, and not only loads or unloads it."""
    return step.action == "create" or _unproven(step) or bool(set(step.changes) - {"loaded", "keep_alive"})


def converge_models(
    client: Client,
    all_desired: Sequence[Desired[ModelSpec]],
    *,
    check_mode: bool,
    timeout: float,
    watch: Watch = lambda model, line: None,
    models_path: Optional[str] = None,
    **how: Any,
) -> Outcome:
    """Bring a server's models to the desired objects; ``how`` goes to `converge`."""
    resource = Models(client, all_desired, how.get("workers", 4), timeout, watch, models_path, writable=not check_mode)
    return converge(resource, all_desired, check_mode=check_mode, **how)
