# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may leave memory: the server keeps weights there, whatever names they have."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from ...engine.converge import Step
from ..current import content
from ..current.snapshot import Reader, Snapshot
from ..entries.conflicts import AllDesired
from ..entries.spec import ModelSpec


class Memory:
    """What is in memory by a snapshot, and what the desired objects say of it."""

    def __init__(self, reader: Reader, snapshot: Snapshot, all_desired: AllDesired) -> None:
        self._reader = reader
        self._snapshot = snapshot
        self._all_desired = all_desired
        self._specs = [desired.spec for desired in all_desired.values() if desired.present]

    def entry_of(self, state: Optional[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Return what is in memory for a model; nothing where its weights are not there."""
        if not state:
            return {}
        return self._reader.running_entry(state, self._snapshot) or {}

    def refuse_to_unload(self, step: Step[ModelSpec]) -> Optional[str]:
        """Return why a model cannot be unloaded, or None."""
        entry = self.entry_of(step.before)
        for spec in self._specs:
            state = self._snapshot.listed.get(spec.name.key)
            if spec.loaded and state and self.entry_of(state).get("name") == entry["name"]:
                return (
                    f"The model {step.name} cannot be unloaded, because {spec.name.display} has the same weights and "
                    f"must be loaded; drop one of the two."
                )
        other = content.key_of(entry)
        desired = self._all_desired.get(other)
        if other == step.key or other not in self._snapshot.listed:
            return None
        if desired is not None and (not desired.present or desired.spec.loaded is False):
            return None
        return (
            f"The model {step.name} cannot be unloaded alone, because its weights are in memory for {entry['name']}; "
            f"unload that one, too (loaded: false), or leave loaded out."
        )

    def keeps_weights(self, step: Step[ModelSpec]) -> bool:
        """Tell whether a model that is removed shares its weights with one that stays: they stay in memory, too."""
        digest = (step.before or {}).get("digest")
        for key, state in self._snapshot.listed.items():
            desired = self._all_desired.get(key)
            if key != step.key and state["digest"] == digest and (desired is None or desired.present):
                return True
        entry = self.entry_of(step.before)
        for spec in self._specs:
            if spec.source is not None and spec.source.key == step.key:
                return True
            listed = self._snapshot.listed.get(spec.name.key)
            if entry and spec.loaded and listed and self.entry_of(listed) == entry:
                return True
        return False
