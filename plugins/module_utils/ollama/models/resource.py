# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models as the engine sees them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
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
    Set,
    Tuple,
    cast,
)

from ...engine.converge import Current, Desired, Outcome, Resource, Step, converge
from ..api.client import Client
from ..api.names import Key, ModelName
from ..current import content
from ..current.content import State
from ..current.drift import Served
from ..entries import conflicts
from ..entries.spec import ModelSpec
from .desired import Expectation, same
from .memory import Memory

if TYPE_CHECKING:
    from ..current.origin import Evidence
    from ..gguf.weights import Weights
    from ..state_file import Ledger
    from .create import Maker
    from .disk_space import Space
    from .pull import Puller, Watch

# A host compiles a module anew for each task, so what only some tasks need is imported where they need it.


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
        self._the_ledger: Optional[Ledger] = None
        self._the_writers: Optional[Tuple[Puller, Maker]] = None
        self._workers = workers
        self._models_path = models_path
        self._all_desired: Dict[Key, Desired[ModelSpec]] = {desired.spec.name.key: desired for desired in all_desired}
        self._specs: List[ModelSpec] = [desired.spec for desired in all_desired if desired.present]
        self._served = Served(client, timeout)
        self._expected = Expectation(client, self._all_desired, self._served, self._ledger)
        # All that was listed when the run began, broken or not: it is never cleaned away.
        self._listed_first: Optional[Collection[Key]] = None
        self._content: Dict[Tuple[Key, Any], Tuple[State, Weights]] = {}
        self._evidence: Dict[Key, Evidence] = {}
        self._unproven: List[str] = []
        self._coming: List[ModelSpec] = []
        self._store_path: Optional[str] = None
        self._space: Optional[Space] = None
        self._copies: Mapping[str, int] = {}
        self._memory = Memory(client, self._all_desired, self._weights_of)
        self._lock = threading.Lock()
        conflicts.refuse(self._all_desired)

    def _ledger(self) -> Ledger:
        if self._the_ledger is None:
            from ..state_file import Ledger

            self._the_ledger = Ledger(self._writable)
        return self._the_ledger

    # --- reading

    def gather(self, all_desired: Sequence[Desired[ModelSpec]]) -> Current:
        listed = {content.key_of(item): item for item in self._client.tags()}
        if self._listed_first is None:
            self._listed_first = frozenset(listed)
        whole = {key: content.listed_state(item) for key, item in listed.items() if not content.is_empty(item)}
        self._evidence = {}
        self._show(whole)
        content.refuse_new_names(self._specs, listed)
        self._memory.see(whole)
        self._expected.listed = whole
        self._expected.evidence = self._evidence
        self._expected.ask_registries()
        self._expected.files.read(self._specs)
        present = dict(whole)
        # A broken model is as good as none to one who wants it, and is there to one who does not.
        for key, item in listed.items():
            if key not in whole and not self._is_desired(key):
                present[key] = content.listed_state(item)
        return cast("Current", present)

    def _is_desired(self, key: Key) -> bool:
        return key in self._all_desired and self._all_desired[key].present

    def _show(self, whole: Dict[Key, State]) -> None:
        """Add their content to the made models and to their bases, and drop what has lost its weights."""
        needed = self._made_and_bases()
        if not needed:
            return
        from ..current.origin import Evidence, read_sources

        self._learn([key for key in needed if key in whole], whole)
        for key in needed & whole.keys():
            state, shown = self._content[key, whole[key]["digest"]]
            if not state:
                del whole[key]
                continue
            noted = self._ledger().recall(self._client.url, str(whole[key]["digest"])) or {}
            whole[key].update(state, **{name: noted[name] for name in ("made_from",) if name in noted})
            self._evidence[key] = Evidence(shown, read_sources(noted))

    def _made_and_bases(self) -> Set[Key]:
        """Return the models whose content is compared, and what they are made from, through copies too."""
        needed = {spec.name.key for spec in self._specs if spec.created}
        waiting = [spec.base for spec in self._specs if spec.base]
        while waiting:
            name = waiting.pop()
            if name.key in needed:
                continue
            needed.add(name.key)
            desired = self._all_desired.get(name.key)
            if desired is not None and desired.spec.source is not None:
                waiting.append(desired.spec.source)
        return needed

    def _learn(self, keys: Sequence[Key], whole: Mapping[Key, State]) -> None:
        """Ask for the content of models, many at a time."""
        # A digest stands for the content, so what was shown before a write is asked again only where it changed.
        missing = [key for key in keys if (key, whole[key]["digest"]) not in self._content]
        if missing:
            from ..current import show
            from ..gguf import weights

            with ThreadPoolExecutor(max_workers=max(1, min(self._workers, len(missing)))) as pool:
                names = [whole[key]["name"] for key in missing]
                for key, shown in zip(missing, pool.map(partial(show.show, self._client), names)):
                    state = show.content_of(self._client, shown)
                    self._content[key, whole[key]["digest"]] = (state, weights.of_shown(shown))

    def _weights_of(self, name: str, whole: Mapping[Key, State]) -> Sequence[str]:
        """Return the digests of a model's files, as the server shows them."""
        key = content.key_of({"name": name})
        if key not in whole:
            return ()
        self._learn([key], whole)
        return cast("Sequence[str]", self._content[key, whole[key]["digest"]][0].get("weights", ()))

    # --- comparing

    def key(self, desired: Desired[ModelSpec]) -> Hashable:
        return desired.spec.name.key

    def desired_state(self, desired: Desired[ModelSpec], current: Optional[Mapping[str, Any]]) -> Mapping[str, Any]:
        wanted = self._expected.wanted(desired.spec)
        if current is not None:
            return wanted
        # Of a new model only what it has is of interest.
        return {name: value for name, value in wanted.items() if content.BLANK.get(name, self) != value}

    def unproven(self, desired: Desired[ModelSpec]) -> bool:
        road = self._expected.road(desired.spec)
        found = any(one.name.key in self._expected.unproven for one in road)
        if found and road[0].name.key in self._expected.unproven and not self._writable:
            self._unproven.append(desired.name)
            self._expected.warn(
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
            return self._memory.refuse_to_unload(step, self._expected.listed)
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
        bringing = [spec.name.key for spec in self._expected.bringing(origin)]
        return () if step.key in bringing else bringing

    def precheck(self, steps: Sequence[Step[ModelSpec]]) -> None:
        self._coming = [
            step.desired.spec for step in steps if step.desired and step.after is not None and _brings(step)
        ]
        if not self._coming:
            return
        from . import disk_space, written

        names = [(spec.on_mirror(name), spec.insecure) for spec in self._coming for name in self._to_pull(spec)]
        self._store_path = self._models_path or disk_space.found_store(self._expected.listed)
        if self._store_path:
            self._served.ask(names)
        made = written.foresee(self._client, self._expected, self._served, self._coming)
        self._copies = made.copies
        self._space = disk_space.check(self._client, self._served, names, made, self._store_path)
        if self._space.warning:
            self._expected.warn(self._space.warning)

    def _to_pull(self, spec: ModelSpec) -> List[ModelName]:
        """Return the names that are pulled for a desired object: its own, or that of a base that nobody lists."""
        if spec.pulled:
            return [spec.name]
        missing = spec.base is not None and spec.base.key not in {*self._expected.listed, *self._all_desired}
        return [spec.base] if spec.base and missing else []

    def warnings(self) -> Sequence[str]:
        if self._writable and any(spec.files for spec in self._coming):
            from . import create_errors, written

            sentence = create_errors.leftover(written.left_behind(self._expected, self._coming))
            if sentence:
                self._expected.warn(sentence)
        return self._expected.warnings

    # --- writing

    def create(self, step: Step[ModelSpec]) -> None:
        self._write(step)

    def update(self, step: Step[ModelSpec]) -> None:
        self._write(step)

    def delete(self, step: Step[ModelSpec]) -> None:
        _puller, maker = self._writers()
        maker.delete(str((step.before or {}).get("name") or step.name), unload=not self._shares(step))

    def _shares(self, step: Step[ModelSpec]) -> bool:
        """Tell whether a model that goes leaves its weights to one that stays: then they stay in memory, too."""
        digest = (step.before or {}).get("digest")
        for key, state in self._expected.listed.items():
            desired = self._all_desired.get(key)
            if key != step.key and state["digest"] == digest and (desired is None or desired.present):
                return True
        entry = self._memory.entry_of(step.before or {}, self._expected.listed) if self._memory.running else None
        for spec in self._specs:
            state_of = self._expected.listed.get(spec.name.key)
            if spec.source is not None and spec.source.key == step.key:
                return True
            if entry and spec.loaded and state_of and self._memory.entry_of(state_of, self._expected.listed) == entry:
                return True
        return False

    def _writers(self) -> Tuple[Puller, Maker]:
        with self._lock:
            if self._the_writers is None:
                from .create import Maker
                from .pull import Puller
                from .store import Store

                store = Store(self._client, self._expected.listed, self._listed_first or frozenset())
                for sentence in store.tidy():
                    self._expected.warn(sentence)
                puller = Puller(self._client, store, self._expected, self._served, self._watch)
                maker = Maker(
                    self._client, store, self._expected, puller, self._ledger(), self._store_path, self._copies
                )
                self._the_writers = puller, maker
            return self._the_writers

    def _has_its_origin(self, step: Step[ModelSpec], spec: ModelSpec) -> bool:
        """Tell whether what an unproven model comes from was made again, and is what it was."""
        if not _unproven(step) or spec.origin is None or spec.name.key in self._expected.unproven:
            return False
        now = self._writers()[1].listed(spec.origin) or {}
        return now.get("digest") == self._expected.listed.get(spec.origin.key, {}).get("digest")

    def _write(self, step: Step[ModelSpec]) -> None:
        puller, maker = self._writers()
        spec = self._all_desired[cast("Key", step.key)].spec
        entry = (
            self._memory.entry_of(step.before, self._expected.listed)
            if step.before and spec.loaded is not None
            else None
        )
        if _brings(step) and not self._has_its_origin(step, spec):
            in_memory = entry is not None and content.key_of(entry) == step.key
            if spec.created:
                maker.make(spec, in_memory)
            elif spec.source:
                maker.copy(spec, spec.source, in_memory)
            else:
                puller.pull(spec, in_memory)
        if spec.loaded is not None:
            maker.hold(spec, str(entry.get("name")) if entry else None)


def _unproven(step: Step[ModelSpec]) -> bool:
    """Tell whether only the write tells if something differed."""
    return step.action == "update" and not step.changes


def _brings(step: Step[ModelSpec]) -> bool:
    """Tell whether a step brings or makes a model, and not only loads or unloads it."""
    return step.action == "create" or _unproven(step) or bool(set(step.changes) - {"loaded", "keep_alive"})


def bring(
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
