# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a list's models are in memory, and whether one can be taken out."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional, Sequence

from ...engine.converge import Step
from ..api.client import Client
from ..api.names import Key
from ..current import content
from ..current.content import State
from ..entries.conflicts import AllDesired
from ..entries.spec import ModelSpec

Listed = Mapping[Key, State]

# A host compiles a module anew for each task, so what only some tasks need is imported where they need it.


class Memory:
    """The models in memory, as they were read last. ``weights`` tells the digests of a listed model's files."""

    def __init__(
        self,
        client: Client,
        all_desired: AllDesired,
        weights: Callable[[str, Listed], Sequence[str]],
    ) -> None:
        self._client = client
        self._all_desired = all_desired
        self._specs = [desired.spec for desired in all_desired.values() if desired.present]
        self._weights = weights
        self.running: Sequence[Mapping[str, Any]] = ()

    def see(self, whole: Dict[Key, State]) -> None:
        """Add to the models whose place in memory matters whether they are loaded."""
        specs = [spec for spec in self._specs if spec.loaded is not None]
        if not specs:
            return
        from ..current import running

        self.running = self._client.running()
        for spec in specs:
            if spec.name.key in whole:
                state = whole[spec.name.key]
                state.update(running.loaded_state(spec, self.entry_of(state, whole)))

    def entry_of(self, state: Mapping[str, Any], whole: Listed) -> Optional[State]:
        """Return what is in memory for a model, or None."""
        from ..current import running

        return running.entry_of(state, self.running, lambda name: self._weights(name, whole))

    def refuse_to_unload(self, step: Step[ModelSpec], listed: Listed) -> Optional[str]:
        """Return why a model cannot be unloaded: the server loads weights, whatever names they have."""
        entry = self.entry_of(step.before or {}, listed) or {}
        for spec in self._specs:
            state = listed.get(spec.name.key)
            if spec.loaded and state and (self.entry_of(state, listed) or {}).get("name") == entry["name"]:
                return (
                    f"The model {step.name} cannot be unloaded, because {spec.name.display} has the same weights and "
                    f"shall be loaded; drop one of the two."
                )
        other = content.key_of(entry)
        desired = self._all_desired.get(other)
        if other == step.key or other not in listed:
            return None
        if desired is not None and (not desired.present or desired.spec.loaded is False):
            return None
        return (
            f"The model {step.name} cannot be unloaded alone, because its weights are in memory for {entry['name']}; "
            f"unload that one, too (loaded: false), or leave loaded out."
        )
