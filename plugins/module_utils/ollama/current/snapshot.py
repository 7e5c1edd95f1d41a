# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server has at one moment: the models that it lists, the content of those that matter, and its memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Dict, FrozenSet, List, Mapping, Optional, Sequence, Set, Tuple

from ..api.client import Client
from ..api.names import Key, ModelName
from ..entries.conflicts import AllDesired
from . import content
from .content import State

if TYPE_CHECKING:
    from ..gguf.weights import Weights
    from ..state_file import StateFile
    from .origin import Evidence

# A host compiles a module again for each task, so what only some tasks need is imported where they need it.


@dataclass(frozen=True)
class Snapshot:
    """What one ``gather`` read. Nobody changes it; the next ``gather`` returns another one.

    ``listed`` are the models that are whole, with their content if it is compared and with ``loaded`` if an entry
    sets it. ``broken`` are what a failed pull or create left. ``evidence`` is what is known of the files that created
    models come from, ``running`` what is in memory (empty if no entry depends on it).
    """

    listed: Mapping[Key, State] = field(default_factory=dict)
    broken: Mapping[Key, State] = field(default_factory=dict)
    evidence: Mapping[Key, Evidence] = field(default_factory=dict)
    running: Sequence[Mapping[str, Any]] = ()

    @property
    def keys(self) -> FrozenSet[Key]:
        """The keys of all models, broken ones too."""
        return frozenset((*self.listed, *self.broken))


class Reader:
    """Reads snapshots of one server. What a digest stands for is asked for once in a run."""

    def __init__(
        self, client: Client, all_desired: AllDesired, workers: int, state_file: Callable[[], StateFile]
    ) -> None:
        self._client = client
        self._all_desired = all_desired
        self._specs = [desired.spec for desired in all_desired.values() if desired.present]
        self._workers = workers
        self._state_file = state_file
        # A digest stands for the content, so what was shown before a write is asked again only where it changed.
        self._shown: Dict[Tuple[Key, Any], Tuple[State, Weights]] = {}

    def read(self) -> Snapshot:
        """Read the server; raise Failure for a new model whose name nothing can be pulled by."""
        tags = {content.key_of(item): item for item in self._client.tags()}
        content.refuse_new_names(self._specs, tags)
        whole = {key: content.listed_state(item) for key, item in tags.items() if not content.is_empty(item)}
        evidence = self._add_content(whole)
        running = self._add_memory(whole)
        broken = {key: content.listed_state(item) for key, item in tags.items() if key not in whole}
        return Snapshot(whole, broken, evidence, running)

    def running_entry(self, state: Mapping[str, Any], snapshot: Snapshot) -> Optional[State]:
        """Return what is in memory for a model, or None."""
        return self._running_entry(state, snapshot.listed, snapshot.running)

    def _add_content(self, whole: Dict[Key, State]) -> Mapping[Key, Evidence]:
        """Add their content to the created models and to their bases, and drop what has lost its weights."""
        needed = self._created_and_bases()
        if not needed:
            return {}
        from .origin import Evidence, read_sources

        evidence = {}
        self._show([key for key in needed if key in whole], whole)
        for key in needed & whole.keys():
            state, weights = self._shown[key, whole[key]["digest"]]
            if not state:
                del whole[key]
                continue
            noted = self._state_file().recall(self._client.url, str(whole[key]["digest"])) or {}
            whole[key].update(state, **{name: noted[name] for name in ("made_from",) if name in noted})
            evidence[key] = Evidence(weights, read_sources(noted))
        return evidence

    def _created_and_bases(self) -> Set[Key]:
        """Return the models whose content is compared, and what they are made from, through copies too."""
        needed = {spec.name.key for spec in self._specs if spec.created}
        waiting: List[ModelName] = [spec.base for spec in self._specs if spec.base]
        while waiting:
            name = waiting.pop()
            if name.key in needed:
                continue
            needed.add(name.key)
            desired = self._all_desired.get(name.key)
            if desired is not None and desired.spec.source is not None:
                waiting.append(desired.spec.source)
        return needed

    def _show(self, keys: Sequence[Key], whole: Mapping[Key, State]) -> None:
        """Ask for the content of models, many at a time."""
        missing = [key for key in keys if (key, whole[key]["digest"]) not in self._shown]
        if missing:
            from ..gguf import weights
            from . import show

            with ThreadPoolExecutor(max_workers=max(1, min(self._workers, len(missing)))) as pool:
                names = [whole[key]["name"] for key in missing]
                for key, shown in zip(missing, pool.map(partial(show.show, self._client), names)):
                    state = show.content_of(self._client, shown)
                    self._shown[key, whole[key]["digest"]] = (state, weights.of_shown(shown))

    def _add_memory(self, whole: Mapping[Key, State]) -> Sequence[Mapping[str, Any]]:
        """Add ``loaded`` and ``keep_alive`` to the models of which an entry sets them; return what is in memory."""
        specs = [spec for spec in self._specs if spec.loaded is not None]
        if not specs:
            return ()
        from .running import loaded_state

        running = self._client.running()
        for spec in specs:
            state = whole.get(spec.name.key)
            if state is not None:
                state.update(loaded_state(spec, self._running_entry(state, whole, running)))
        return running

    def _running_entry(
        self, state: Mapping[str, Any], whole: Mapping[Key, State], running: Sequence[Mapping[str, Any]]
    ) -> Optional[State]:
        # Where nothing is in memory, nothing has to be shown to compare weights.
        if not running:
            return None
        from .running import entry_of

        return entry_of(state, running, partial(self._weights_of, whole))

    def _weights_of(self, whole: Mapping[Key, State], name: str) -> Sequence[str]:
        """Return the digests of a model's files, as the server shows them."""
        key = content.key_of({"name": name})
        if key not in whole:
            return ()
        self._show([key], whole)
        files: Sequence[str] = self._shown[key, whole[key]["digest"]][0].get("weights", ())
        return files
