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
from .spec import NAME, SettingsOptions, SettingsSpec, desired_settings, refuse, resolved_spec, wanted_of

WRITE = "write the settings"
MAX_WRITES = 3
MAX_PAUSE_SECONDS = 1.0


class Settings(Resource[SettingsSpec]):
    """All desired settings, as one object with a field for each.

    ``by_api_key`` tells that the caller is not a human session, which some settings require.
    """

    kind = "settings"

    def __init__(self, client: Client, by_api_key: bool) -> None:
        self._client = client
        self._by_api_key = by_api_key
        self._stored = Stored({}, True, {})
        self._settings: Mapping[str, Any] = {}
        self._wanted: Mapping[str, Any] = {}
        self._fields: Dict[str, Tuple[str, Path]] = {}
        self._unsure = False
        self._answer: Optional[Stored] = None
        self._warnings: List[str] = []

    def resolve(self, options: SettingsOptions) -> Desired[SettingsSpec]:
        """Return the desired settings by the server's keys; raise one Failure with all their problems.

        Called once, before the engine starts, because the desired value of a list depends on the one at that time.
        """
        self._settings = options.settings
        self._answer = self._export()
        spec, self._warnings = resolved_spec(options, self._answer)
        self._wanted = spec.values
        self._fields = {name: (key, path) for key, value in spec.values.items() for name, path in fields_of(key, value)}
        return Desired(NAME, spec=spec)

    def gather(self, all_desired: Sequence[Desired[SettingsSpec]]) -> Current:
        """Return the current values of the desired settings."""
        self._stored, self._answer = self._answer or self._export(), None
        current = self._state(self._stored.values)
        self._client.hide(*secrets_in(current), *secrets_in(self._state(self._wanted)))
        return {NAME: current}

    def key(self, desired: Desired[SettingsSpec]) -> Hashable:
        """Return the one key: a server has one set of settings."""
        return NAME

    def desired_state(self, desired: Desired[SettingsSpec], current: Optional[State]) -> State:
        """Return the desired values by dotted name."""
        return self._state(desired.spec.values)

    def equal(self, name: str, current: Any, wanted: Any) -> bool:
        """Compare masked values, too, and as the server stores them."""
        one, other = revealed(current), revealed(wanted)
        if name == DEFAULT_MODELS:
            return (one or "") == (other or "")
        return values.alike(filled(name, one), filled(name, other))

    def hint(self, fields: Collection[str]) -> str:
        """Return the likely reason why the server shows other values than were written."""
        return (
            "another run or a person at the admin settings may have changed it at the same time; run again when "
            "that is done"
        )

    def precheck(self, steps: Sequence[Step[SettingsSpec]]) -> None:
        """Refuse settings that the server lacks, would lose at its next start, or refuses from an API key."""
        for step in steps:
            if TERMINAL_SERVERS in self._wanted and not self._stored.by_key:
                self._refuse_terminals()
            self._unsure = refuse_lost(self._client, self._stored, step.changes, self._by_api_key)
            problem = embedding_problem(self._client, self._wanted, step.changes)
            if problem:
                refuse([problem])
            self._warnings += [warning for warning in [not_in_force(step.changes)] if warning]

    def warnings(self) -> Sequence[str]:
        """Return settings that could not be checked, and those that are stored but not yet in force."""
        return self._warnings

    def update(self, step: Step[SettingsSpec]) -> None:
        """Write the changed settings; a write that depends on current values is repeated until it stays."""
        keys = list(dict.fromkeys(self._fields[name][0] for name in step.changes))
        self._write_until_it_stays(keys)
        lost = only_in_memory(self._client, {key: self._wanted[key] for key in keys}) if self._unsure else None
        self._warnings += [lost] if lost else []

    def _refuse_terminals(self) -> None:
        lacking = self._client.features().lacking(TERMINAL_SERVERS, "terminal_servers")
        if lacking:
            refuse(lacking)

    def _write_until_it_stays(self, keys: Sequence[str]) -> None:
        if not self._depends(keys):
            self._write(keys, self._stored)
            return
        with alone_on_host():
            for _number in range(MAX_WRITES):
                begun = time.monotonic()
                self._write(keys, self._export())
                # By then, a client that read before this write has written; the next read shows it.
                time.sleep(min(time.monotonic() - begun, MAX_PAUSE_SECONDS))
                self._answer = now = self._export()
                if self._is_as_wanted(keys, now):
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
            isinstance(self._wanted[key], Mapping) or _section_of(key, apart) for key in keys
        )

    def _sections(self, stored: Stored) -> List[Section]:
        engine = self._wanted.get(EMBEDDING_ENGINE, stored.values.get(EMBEDDING_ENGINE))
        return sections(engine, stored.by_key)

    def _is_as_wanted(self, keys: Collection[str], now: Stored) -> bool:
        current, wanted = self._state(now.values), self._state(self._wanted)
        return all(
            name in current and self.equal(name, current[name], wanted[name])
            for name, (key, _path) in self._fields.items()
            if key in keys
        )

    def _write(self, keys: Sequence[str], fresh: Stored) -> None:
        wanted = {key: wanted_of(key, self._wanted[key], fresh) for key in keys}
        apart = self._sections(fresh)
        plain = {key: value for key, value in wanted.items() if not _section_of(key, apart)}
        if plain:
            # Before 0.10 an import deletes every setting that it leaves out.
            config = plain if fresh.by_key else placed(fresh.document, plain)
            self._answer = self._parsed(self._posted("configs/import", {"config": config}))
        # Calls that rebuild something come last: after an interruption before them, the next run still finds a change.
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
            answer = self._accept_if_stored(section, own, failure)
        expected = own.get(HYBRID_SEARCH, fresh.values.get(HYBRID_SEARCH))
        if section.write == RERANKING.write and expected and not answer.get("ENABLE_RAG_HYBRID_SEARCH"):
            model = own.get("rag.reranking_model", fresh.values.get("rag.reranking_model"))
            raise Failure(
                f"Open WebUI could not load the reranking model {model!r} and switched {HYBRID_SEARCH} off; its log "
                f"has the reason. Set a model that it can load, and {HYBRID_SEARCH}: true."
            )

    def _accept_if_stored(self, section: Section, own: Mapping[str, Any], failure: Failure) -> Dict[str, Any]:
        """Accept a 500 if the server stored everything: it could not load a speech model, or is a 0.8.12."""
        now = self._export()
        if not self._is_as_wanted(own, now):
            raise failure
        if section is AUDIO:
            self._warnings.append(
                f"Open WebUI stored {' and '.join(sorted(own))}, but could not load the model "
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
        keys = self._wanted or resolved(self._settings, stored)[0]
        shown = in_force(self._client, keys, stored.values)
        return replace(stored, values={**shown, **stored.values})


def converge_settings(client: Client, params: Mapping[str, Any], by_api_key: bool, check_mode: bool) -> Outcome:
    """Bring the settings to the state that a module's options describe."""
    options = desired_settings(params)
    settings = Settings(client, by_api_key)
    return converge(settings, [settings.resolve(options)], check_mode=check_mode)


def _section_of(key: str, apart: Sequence[Section]) -> Optional[Section]:
    return next((section for section in apart if key in section.fields), None)
