# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of Open WebUI as a resource of the engine."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Collection, Dict, Hashable, List, Mapping, Optional, Sequence, Tuple

from ...engine.converge import Current, Desired, Outcome, Resource, State, Step, converge
from ...engine.errors import Failure
from ...http.session import HttpFailure
from ..api.client import Client
from ..entries import values
from ..entries.host_lock import alone_on_host
from ..entries.masking import revealed, secrets_in
from .embedding import embedding_problem
from .keys import Path, Stored, at, fields_of, parsed, placed, resolved
from .lists import DEFAULT_MODELS
from .persistence import not_in_force, only_in_memory, refuse_lost
from .secrets import masked_part
from .sections import (
    AUDIO,
    EMBEDDING_ENGINE,
    HYBRID_SEARCH,
    READ,
    RERANKING,
    TERMINAL_SERVERS,
    WHISPER_MODEL,
    Section,
    filled,
    in_force,
    sections,
)
from .spec import NAME, desired_settings, refuse, said_of, wanted_of

WRITE = "write the settings"
MOST_TRIES = 3
MOST_PAUSE_SECONDS = 1.0


class Settings(Resource[Any]):
    """All settings that are desired, as one object with a field for each.

    ``by_api_key`` where the caller is no human session, which some settings want.
    """

    kind = "settings"

    def __init__(self, client: Client, by_api_key: bool) -> None:
        self._client = client
        self._by_api_key = by_api_key
        self._stored = Stored({}, True, {})
        self._given: Mapping[str, Any] = {}
        self._said: Dict[str, Any] = {}
        self._fields: Dict[str, Tuple[str, Path]] = {}
        self._unsure = False
        self._answer: Optional[Stored] = None
        self._warnings: List[str] = []

    def settle(self, desired: Desired[Any]) -> Desired[Any]:
        """Return what is wanted by the names that the server keeps; raise one Failure for all that cannot be.

        Settled once, before the engine begins, because what is wanted of a list depends on what was there.
        """
        self._given = desired.fields["settings"] or {}
        self._answer = self._export()
        self._said, self._warnings = said_of(desired, self._answer)
        self._fields = {name: (key, path) for key, said in self._said.items() for name, path in fields_of(key, said)}
        return Desired(NAME, True, self._said)

    def gather(self, all_desired: Sequence[Desired[Any]]) -> Current:
        """Return the settings that are desired."""
        self._stored, self._answer = self._answer or self._export(), None
        present = self._state(self._stored.values)
        self._client.hide(*secrets_in(present), *secrets_in(self._state(self._said)))
        return {NAME: present}

    def key(self, desired: Desired[Any]) -> Hashable:
        """Return the one key: a server has one set of settings."""
        return NAME

    def desired_state(self, desired: Desired[Any], current: Optional[State]) -> State:
        """Return what was said, by dotted name."""
        return self._state(self._said)

    def equal(self, name: str, current: Any, wanted: Any) -> bool:
        """Compare what is hidden, too, and as the server keeps values."""
        one, other = revealed(current), revealed(wanted)
        if name == DEFAULT_MODELS:
            return (one or "") == (other or "")
        return values.alike(filled(name, one), filled(name, other))

    def hint(self, fields: Collection[str]) -> str:
        """Return what may be the reason where the server shows other fields than were written."""
        return (
            "another run or a person at the admin settings may have changed it at the same time; run again when "
            "that is done"
        )

    def precheck(self, steps: Sequence[Step[Any]]) -> None:
        """Refuse what the server has not, would lose at its next start, or would not take from an API key."""
        for step in steps:
            if TERMINAL_SERVERS in self._said and not self._stored.by_key:
                self._refuse_terminals()
            self._unsure = refuse_lost(self._client, self._stored, step.changes, self._by_api_key)
            problem = embedding_problem(self._client, self._said, step.changes)
            if problem:
                refuse([problem])
            self._warnings += [words for words in [not_in_force(step.changes)] if words]

    def warnings(self) -> Sequence[str]:
        """Tell what could not be checked, and what is stored and not yet in force."""
        return self._warnings

    def update(self, step: Step[Any]) -> None:
        """Write what differs: over a fresh look where the write depends on what is there, and until it stays."""
        keys = list(dict.fromkeys(self._fields[name][0] for name in step.changes))
        self._settle(keys)
        lost = only_in_memory(self._client, {key: self._said[key] for key in keys}) if self._unsure else None
        self._warnings += [lost] if lost else []

    def _refuse_terminals(self) -> None:
        lacking = self._client.features().lacking(TERMINAL_SERVERS, "terminal_servers")
        if lacking:
            refuse(lacking)

    def _settle(self, keys: Sequence[str]) -> None:
        if not self._depends(keys):
            self._write(keys, self._stored)
            return
        with alone_on_host():
            for _number in range(MOST_TRIES):
                begun = time.monotonic()
                self._write(keys, self._export())
                # Who had read before this write, elsewhere, has written by then, and the next look tells.
                time.sleep(min(time.monotonic() - begun, MOST_PAUSE_SECONDS))
                self._answer = now = self._export()
                if self._is_as_said(keys, now):
                    return

    def _state(self, settings: Mapping[str, Any]) -> Dict[str, Any]:
        return {
            name: masked_part(key, path, at(settings[key], path))
            for name, (key, path) in self._fields.items()
            if key in settings
        }

    def _depends(self, keys: Sequence[str]) -> bool:
        apart = self._sections(self._stored)
        return not self._stored.by_key or any(
            isinstance(self._said[key], Mapping) or _section_of(key, apart) for key in keys
        )

    def _sections(self, stored: Stored) -> List[Section]:
        engine = self._said.get(EMBEDDING_ENGINE, stored.values.get(EMBEDDING_ENGINE))
        return sections(engine, stored.by_key)

    def _is_as_said(self, keys: Collection[str], now: Stored) -> bool:
        present, wanted = self._state(now.values), self._state(self._said)
        return all(
            name in present and self.equal(name, present[name], wanted[name])
            for name, (key, _path) in self._fields.items()
            if key in keys
        )

    def _write(self, keys: Sequence[str], fresh: Stored) -> None:
        wanted = {key: wanted_of(key, self._said[key], fresh) for key in keys}
        apart = self._sections(fresh)
        plain = {key: value for key, value in wanted.items() if not _section_of(key, apart)}
        if plain:
            # Before 0.10 what is not in an import is deleted by it.
            config = plain if fresh.by_key else placed(fresh.document, plain)
            self._answer = self._parsed(self._posted("configs/import", {"config": config}))
        # Those that make something anew come last: what was cut off before them still differs at the next run.
        for section in apart:
            own = {key: value for key, value in wanted.items() if key in section.fields}
            if own:
                self._answer = None
                self._write_section(section, own, fresh)

    def _write_section(self, section: Section, own: Mapping[str, Any], fresh: Stored) -> None:
        try:
            answer = self._posted(section.write, section.body(self._client, own))
        except Failure as failure:
            cause = failure.__cause__
            may_be_done = section.write in (AUDIO.write, RERANKING.write)
            if not may_be_done or not isinstance(cause, HttpFailure) or cause.status != 500:
                raise
            answer = self._judged(section, own, failure)
        expected = own.get(HYBRID_SEARCH, fresh.values.get(HYBRID_SEARCH))
        if section.write == RERANKING.write and expected and not answer.get("ENABLE_RAG_HYBRID_SEARCH"):
            model = own.get("rag.reranking_model", fresh.values.get("rag.reranking_model"))
            raise Failure(
                f"Open WebUI could not load the reranking model {model!r} and switched {HYBRID_SEARCH} off; its log "
                f"tells why. Give a model that it can load, and {HYBRID_SEARCH}: true."
            )

    def _judged(self, section: Section, own: Mapping[str, Any], failure: Failure) -> Dict[str, Any]:
        """Go on where the server answered 500 and stored all: it could not load a model of speech, or is a 0.8.12."""
        now = self._export()
        if not self._is_as_said(own, now):
            raise failure
        if section is AUDIO:
            self._warnings.append(
                f"Open WebUI stored {' and '.join(sorted(own))} and could not load the model "
                f"{now.values.get(WHISPER_MODEL)!r} yet (it may be offline). A model that it had loaded before is in "
                f"use until it is restarted."
            )
        return {"ENABLE_RAG_HYBRID_SEARCH": now.values.get(HYBRID_SEARCH)}

    def _posted(self, path: str, body: Mapping[str, Any]) -> Dict[str, Any]:
        answer = self._client.post(path, WRITE, json=body)
        return answer if isinstance(answer, dict) else {}

    def _parsed(self, export: Mapping[str, Any]) -> Stored:
        return parsed(export, lambda: self._client.features().settings_by_key)

    def _export(self) -> Stored:
        stored = self._parsed(self._client.get_mapping("configs/export", READ))
        if stored.by_key:
            return stored
        keys = self._said or resolved(self._given, stored)[0]
        shown = in_force(self._client, keys, stored.values)
        return replace(stored, values={**shown, **stored.values})


def converge_settings(client: Client, params: Mapping[str, Any], by_api_key: bool, check_mode: bool) -> Outcome:
    """Bring the settings to what a module's options say."""
    desired = desired_settings(params)
    settings = Settings(client, by_api_key)
    return converge(settings, [settings.settle(desired)], check_mode=check_mode)


def _section_of(key: str, apart: Sequence[Section]) -> Optional[Section]:
    return next((section for section in apart if key in section.fields), None)
