# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models as the engine sees them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Callable, Collection, Dict, Hashable, Mapping, Optional, Sequence, Set, Tuple, cast

from ..converge import Outcome, Present, Resource, Step, Wish, converge
from ..errors import Failure
from ..http import HttpFailure
from . import facts, gguf, registry
from . import spec as specs
from .client import Client
from .names import Key, ModelName
from .pull import pull
from .spec import ModelSpec, State, spec_of

# Told of each line of a pull's progress: the model's name and the line.
Watch = Callable[[str, Mapping[str, Any]], None]


class Models(Resource):
    """All models of one server. Created ones are read by what they are made of, others by the list."""

    kind = "model"

    def __init__(
        self,
        client: Client,
        wishes: Sequence[Wish],
        workers: int = 4,
        timeout: float = 30.0,
        watch: Watch = lambda model, line: None,
    ) -> None:
        self._client = client
        self._watch = watch
        self._workers = workers
        self._timeout = timeout
        self._wishes: Dict[Key, Wish] = {spec_of(wish).name.key: wish for wish in wishes}
        self._bases = {spec.base.key: spec for spec in map(spec_of, wishes) if spec.base and self._wanted(spec)}
        # All that was listed when the run began, broken or not: it is never cleaned away.
        self._listed_first: Optional[frozenset[Key]] = None
        self._listed: Dict[Key, State] = {}
        self._content: Dict[Tuple[Key, Any], State] = {}
        self._manifests: Dict[Key, registry.Manifest] = {}
        self._files: Dict[str, gguf.GgufFile] = {}
        self._brought: Set[Key] = set()
        self._base_lock = threading.Lock()
        # 0.9.3 tidies up its folders after a delete, also those that another write is about to use.
        self._store_lock = threading.Lock()
        self._refuse_contradictions(wishes)

    def _wanted(self, spec: ModelSpec) -> bool:
        return self._wishes[spec.name.key].present

    def _refuse_contradictions(self, wishes: Sequence[Wish]) -> None:
        for key, made in self._bases.items():
            wish = self._wishes.get(key)
            if wish is not None and not wish.present:
                raise Failure(
                    f"The model {wish.name} cannot be absent, because {made.name.display} is made from it; "
                    f"drop one of the two."
                )
        for wish in wishes:
            road = [spec_of(wish)]
            while road[-1].base is not None and road[-1].base.key in self._wishes:
                road.append(spec_of(self._wishes[road[-1].base.key]))
                if road[-1].name.key in [spec.name.key for spec in road[:-1]]:
                    circle = " -> ".join(spec.name.display for spec in road)
                    raise Failure(f"The models are made from each other in a circle ({circle}); break it.")

    # --- reading

    def read(self, wishes: Sequence[Wish]) -> Present:
        listed = {specs.key_of(item): item for item in self._client.tags()}
        if self._listed_first is None:
            self._listed_first = frozenset(listed)
        whole = {key: specs.listed_state(item) for key, item in listed.items() if not specs.is_empty(item)}
        self._show(whole, wishes)
        self._listed = whole
        present = dict(whole)
        # A broken model is as good as none to one who wants it, and is there to one who does not.
        for key, item in listed.items():
            if key not in whole and not self._is_wished(key):
                present[key] = specs.listed_state(item)
        return cast("Present", present)

    def _is_wished(self, key: Key) -> bool:
        return key in self._wishes and self._wishes[key].present

    def _show(self, whole: Dict[Key, State], wishes: Sequence[Wish]) -> None:
        """Add their content to the created models and to their bases, and drop what has lost its weights."""
        created = [spec for spec in map(spec_of, wishes) if spec.created and self._wanted(spec)]
        needed = {spec.name.key for spec in created} | {spec.base.key for spec in created if spec.base}
        # A digest stands for the content, so what was shown before a write is asked again only where it changed.
        missing = [key for key in needed if key in whole and (key, whole[key]["digest"]) not in self._content]
        if missing:
            with ThreadPoolExecutor(max_workers=max(1, min(self._workers, len(missing)))) as pool:
                names = [whole[key]["name"] for key in missing]
                for key, content in zip(missing, pool.map(partial(facts.content, self._client), names)):
                    self._content[key, whole[key]["digest"]] = content
        for key in needed & whole.keys():
            content = self._content[key, whole[key]["digest"]]
            if content:
                whole[key].update(content)
            else:
                del whole[key]

    # --- comparing

    def key(self, wish: Wish) -> Hashable:
        return spec_of(wish).name.key

    def wanted(self, wish: Wish, present: Optional[Mapping[str, Any]]) -> Mapping[str, Any]:
        spec = spec_of(wish)
        wanted: State = {"name": spec.name.display}
        if spec.latest:
            manifest = self._manifest(spec)
            kept = self._client.keeps_manifest_bytes
            wanted["digest"] = manifest.served_digest if kept else manifest.encoded_digest
        if spec.base:
            wanted.update(self._wanted_of_base(spec, spec.base, present))
        elif spec.files:
            wanted.update(self._wanted_of_files(spec, present))
        return wanted

    def _manifest(self, spec: ModelSpec) -> registry.Manifest:
        key = spec.name.key
        if key not in self._manifests:
            self._manifests[key] = registry.fetch(spec.name, self._client.version, spec.insecure, self._timeout)
        return self._manifests[key]

    def _wanted_of_base(self, spec: ModelSpec, base: ModelName, present: Optional[Mapping[str, Any]]) -> State:
        foreseen = self._foreseen(base)
        made = specs.made_from_base(spec, foreseen) if foreseen else specs.said_only(spec, present or {})
        if present is not None:
            return made
        return {"base": base.display, **({} if foreseen else {"base_pulled": True}), **made}

    def _foreseen(self, base: ModelName) -> Optional[State]:
        """Return a base's content as it will be when its own wish is done; None where it must be pulled first."""
        present = self._listed.get(base.key)
        wish = self._wishes.get(base.key)
        if wish is None:
            return present
        wanted = self.wanted(wish, present)
        if present is not None and all(self.same(name, present.get(name), value) for name, value in wanted.items()):
            return present
        blank: State = {"weights": [], "system": "", "template": specs.NO_TEMPLATE, "parameters": {}}
        after = {**blank, **(present or {}), **wanted}
        if not spec_of(wish).created:
            # Nobody knows before it is pulled, but it will not be what it is made from now.
            after["weights"] = [f"those of {base.display} after its pull"]
        return after

    def _wanted_of_files(self, spec: ModelSpec, present: Optional[Mapping[str, Any]]) -> State:
        if present is not None and self._client.rewrites_uploads:
            return specs.made_from_files(spec, None, automatic=True, present=present)
        files = self._inspected(spec)
        weights = tuple(sorted(file.digest for file in files))
        automatic = any(file.has_chat_template for file in files) or self._client.rewrites_uploads
        return specs.made_from_files(spec, weights, automatic, present)

    def _inspected(self, spec: ModelSpec) -> list[gguf.GgufFile]:
        for path in spec.files.values():
            if path not in self._files:
                self._files[path] = gguf.inspect(path, spec.name.display)
        return [self._files[path] for path in spec.files.values()]

    def same(self, name: str, present: Any, wanted: Any) -> bool:
        if name in ("name", "base", "base_pulled"):
            return True
        if name == "digest":
            return any(
                present in manifest.digests for manifest in self._manifests.values() if wanted in manifest.digests
            )
        return specs.same_content(name, present, wanted)

    def refusal(self, step: Step) -> Optional[str]:
        if step.action == "delete" and step.key in self._bases:
            return f"The model {step.name} is kept, because others are made from it."
        return None

    def needs(self, step: Step) -> Collection[Hashable]:
        if step.action == "delete":
            # A delete takes along files that a pull has already counted as had, and a pull may reuse them.
            return [key for key, wish in self._wishes.items() if wish.present]
        base = spec_of(step.wish).base if step.wish and step.wish.present else None
        return (base.key,) if base else ()

    # --- writing

    def create(self, step: Step) -> None:
        self._write(step)

    def update(self, step: Step) -> None:
        self._write(step)

    def _write(self, step: Step) -> None:
        spec = spec_of(self._wishes[cast("Key", step.key)])
        if spec.created:
            self._make(spec)
        else:
            self._pull(spec, spec.name)

    def delete(self, step: Step) -> None:
        name = str((step.before or {}).get("name") or step.name)
        try:
            with self._store_lock:
                self._client.delete(name)
        except HttpFailure as error:
            if error.status != 500:
                raise Failure(f"The model {name} could not be removed: {error.message}") from error
            raise Failure(
                f"The model {name} could not be removed (the server said: {error.words}): its manifest is damaged, "
                f"and only deleting the file of its name below the server's models/manifests helps."
            ) from error

    def _pull(self, spec: ModelSpec, name: ModelName) -> None:
        try:
            pull(
                self._client,
                name,
                insecure=spec.insecure,
                stall_timeout=spec.stall_timeout,
                retries=spec.retries,
                watch=partial(self._watch, spec.name.display),
            )
            self._prove(name)
        except Failure:
            self._sweep(name)
            raise
        finally:
            # The tag may have moved meanwhile: what was pulled is compared with what is served now.
            self._manifests.pop(name.key, None)

    def _prove(self, name: ModelName) -> None:
        fault = self._fault(name)
        if fault:
            raise Failure(f"The model {name.display} was pulled and the server said 'success', but {fault}.")

    def _find(self, name: ModelName) -> Optional[State]:
        return next((item for item in self._client.tags() if specs.key_of(item) == name.key), None)

    def _fault(self, name: ModelName) -> Optional[str]:
        """Return what is wrong with a model on the server, or None where it is whole."""
        no_model = "what it has is no whole model; the registry's manifest of it is empty or wrong"
        listed = self._find(name)
        if listed is None or specs.is_empty(listed):
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
        if name.key in (self._listed_first or ()):
            return
        with suppress(Failure):
            if self._find(name) is not None and self._fault(name):
                self._client.delete(name.display)

    def _make(self, spec: ModelSpec) -> None:
        if spec.base:
            self._bring_base(spec, spec.base)
        files = self._inspected(spec)
        for file in files:
            gguf.send(self._client, file, spec.name.display)
        request: Dict[str, Any] = {"model": spec.name.display}
        if spec.base:
            request["from"] = self._listed_name(spec.base)
        else:
            request["files"] = {name: file.digest for name, file in zip(spec.files, files)}
        request |= {name: getattr(spec, name) for name in ("system", "template") if getattr(spec, name)}
        if spec.parameters:
            request["parameters"] = dict(spec.parameters)
        with self._store_lock:
            # A delete meanwhile may have taken the blob along, where it was another model's as well.
            for file in files:
                gguf.send(self._client, file, spec.name.display)
            try:
                self._client.create(request, size=sum(file.size for file in files))
            except Failure as error:
                self._sweep(spec.name)
                words = f": {error.message}"
                if isinstance(error, HttpFailure) and error.status is not None:
                    words = f"; the server said: {error.words}"
                raise Failure(f"The model {spec.name.display} could not be created{words.rstrip('.')}.") from error

    def _bring_base(self, spec: ModelSpec, base: ModelName) -> None:
        """Pull a base that is not there, because create would pull it without the options and without progress."""
        if base.key in self._listed or base.key in self._wishes:
            return
        with self._base_lock:
            if base.key not in self._brought:
                self._pull(spec, base)
                self._brought.add(base.key)

    def _listed_name(self, name: ModelName) -> str:
        """Return a name in the server's case: create alone looks for its base by the case that is given."""
        listed = self._listed.get(name.key) or self._find(name) or {}
        return str(listed.get("name") or name.display)


def bring(
    client: Client,
    wishes: Sequence[Wish],
    *,
    check_mode: bool,
    timeout: float,
    watch: Watch = lambda model, line: None,
    **how: Any,
) -> Outcome:
    """Bring a server's models to the wishes; ``how`` goes to `converge`."""
    resource = Models(client, wishes, workers=how.get("workers", 4), timeout=timeout, watch=watch)
    return converge(resource, wishes, check_mode=check_mode, **how)
