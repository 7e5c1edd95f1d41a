# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes to a server's list of models that all roads share, and what is kept aside while one is replaced."""

from __future__ import annotations

import secrets
import threading
from contextlib import contextmanager, suppress
from typing import Any, Collection, Iterator, Mapping, Optional

from ...engine.errors import Failure
from ...http.messages import EMPTY
from ...http.session import HttpFailure
from ..api.client import Client
from ..api.names import HOST, Key, ModelName
from ..current import content
from ..current.content import State, key_of
from ..current.running import seconds_left

# Where a model waits while another takes its place.
ASIDE = "selfhosted-llm-aside"
YOUNG = 86400.0


class LostBehind(Failure):
    """A failure that leaves a model aside, which must stay there."""


class Store:
    """The models of a server. ``listed_first`` are all names that were there when the run began."""

    def __init__(self, client: Client, listed: Mapping[Key, State], listed_first: Collection[Key]) -> None:
        self._client = client
        self.listed = listed
        self.listed_first = listed_first
        # 0.9.3 tidies up its folders after a delete, also those that another write is about to use.
        self.lock = threading.Lock()

    def find(self, name: ModelName) -> Optional[State]:
        """Return what the server lists of a model now."""
        return next((item for item in self._client.tags() if key_of(item) == name.key), None)

    def listed_name(self, name: ModelName) -> str:
        """Return a name in the server's case: create alone looks for its base by the case that is given."""
        listed = self.listed.get(name.key) or self.find(name) or {}
        return str(listed.get("name") or name.display)

    def fault(self, name: ModelName) -> Optional[str]:
        """Return what is wrong with a model on the server, or None where it is whole."""
        no_model = "what it has is no whole model; the registry's manifest of it is empty or wrong"
        listed = self.find(name)
        if listed is None or content.is_empty(listed):
            return no_model
        try:
            return None if self._client.show(name.display) is not None else no_model
        except HttpFailure as error:
            if error.status != 500:
                raise
            said = "" if error.words == EMPTY else f" ({error.words.rstrip('.')})"
            return (
                f"the server cannot read it{said}: a file of it on the server's disk is damaged; "
                f"remove the models that share it, then pull again"
            )

    def sweep(self, name: ModelName) -> None:
        """Remove what this run left incomplete after a failure; only that failure is reported, no error of this."""
        if name.key in self.listed_first:
            return
        with suppress(Failure):
            if self.find(name) is not None and self.fault(name):
                self._client.delete(name.display)

    def copy(self, source: str, name: str) -> None:
        """Give a model a further name."""
        with self.lock:
            self._client.copy(source, name)

    def remove(self, name: str) -> None:
        """Remove a name."""
        with self.lock:
            self._client.delete(name)

    # --- aside

    @contextmanager
    def replacing(self, name: ModelName, pinned: bool, in_memory: bool) -> Iterator[Optional[ModelName]]:
        """Keep a model under another name while its own gets other weights, where somebody may need it then.

        A pin may fail, and weights that are in memory are reached by a name of theirs only: they would
        stay there until others need the room. Where it could not be brought back, it stays aside.
        """
        aside = self.put_aside(name) if pinned or in_memory else None
        try:
            yield aside
            if aside is not None and in_memory:
                with suppress(Failure):
                    self._client.unload(aside.display)
        except LostBehind:
            raise
        except BaseException:
            self.drop(aside)
            raise
        self.drop(aside)

    def drop(self, aside: Optional[ModelName]) -> None:
        """Remove what was put aside."""
        if aside is not None:
            with suppress(Failure):
                self.remove(aside.display)

    def put_aside(self, name: ModelName) -> Optional[ModelName]:
        """Give a whole model a second name, which is returned; None where there is no such model."""
        present = self.listed.get(name.key)
        if present is None:
            return None
        # By chance, so that no other run takes it for its own.
        aside = ModelName.parse(f"{ASIDE}/{secrets.token_hex(16)}")
        self.copy(str(present["name"]), aside.display)
        return aside

    def tidy(self) -> list[str]:
        """Remove what a run that was killed had put aside, where it is no more than another name of a model.

        Returns a sentence for each that is more.
        """
        listed, found = self.listed, []
        digests = {state["digest"] for key, state in listed.items() if not _is_aside(key)}
        for key, state in listed.items():
            if not _is_aside(key) or is_fresh_aside(key, state):
                continue
            if state["digest"] in digests:
                self.drop(ModelName.parse(str(state["name"])))
            else:
                found.append(
                    f"The model {state['name']} is what a run that was killed had put aside, and no other name has it; "
                    f"copy it to the name that it had, or remove it."
                )
        return found


def _is_aside(key: Key) -> bool:
    return key[0] == HOST and key[1] == ASIDE


def is_fresh_aside(key: Key, state: Mapping[str, Any]) -> bool:
    """Tell whether a model was put aside by a run that may still need it."""
    left = seconds_left(str(state.get("modified_at") or ""))
    return _is_aside(key) and (left is None or -left < YOUNG)
