# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""daemon.json as the engine sees it: one object that always is, its fields the top-level settings."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from typing import Any, Mapping, Optional, Sequence

from ...engine.converge import Current, Desired, Outcome, Resource, State, Step, converge
from ...engine.errors import Failure
from ...engine.secrets import masked
from . import config as daemon
from . import file as daemon_file
from . import pending as daemon_pending
from .pending import Pending


@dataclass(frozen=True)
class ConfigSpec:
    """The settings of the task by key. With state absent their values are those to remove."""

    settings: Mapping[str, Any]


class DaemonConfig(Resource[ConfigSpec]):
    """The settings in one file. A setting whose value is None is one that is not there."""

    kind = "config"

    def __init__(self, absent: bool, validate: bool, backup: bool, pending: Optional[Pending] = None) -> None:
        self._absent = absent
        self._validate = validate
        self._backup = backup
        self._pending = pending
        self.backup_file: Optional[str] = None

    def gather(self, all_desired: Sequence[Desired[ConfigSpec]]) -> Current:
        return {desired.name: daemon_file.read(desired.name) for desired in all_desired}

    def key(self, desired: Desired[ConfigSpec]) -> str:
        return desired.name

    def desired_state(self, desired: Desired[ConfigSpec], current: Optional[State]) -> State:
        before, wanted = current or {}, desired.spec.settings
        if self._absent:
            after = daemon.remove(before, wanted)
            return {key: after.get(key) for key in wanted if key in before}
        after = daemon.merge(before, wanted, desired.name)
        return {key: after[key] for key in wanted}

    def equal(self, name: str, current: Any, wanted: Any) -> bool:
        return daemon.canonical(current) == daemon.canonical(wanted)

    def veto(self, step: Step[ConfigSpec]) -> Optional[str]:
        # Judged here and not in update(), so that a check run fails where the real one would.
        obstacle = daemon_file.obstacle(step.name)
        if obstacle is None and self._validate:
            daemon_file.validate(daemon.render(settings(step)), step.name)
        return obstacle

    def update(self, step: Step[ConfigSpec]) -> None:
        pending = self._with(step)
        _note(step.name, pending)
        self.backup_file = daemon_file.write(step.name, daemon.render(settings(step)), self._backup)
        if self.backup_file and not pending.backup_file and pending.before:
            _note(step.name, replace(pending, backup_file=self.backup_file))

    def _with(self, step: Step[ConfigSpec]) -> Pending:
        """Return what is pending after a step: what was, and what it changes."""
        before, after = step.before or {}, settings(step)
        keys, restart = daemon.changed_keys(before, after), bool(daemon.restart_keys(before, after))
        if self._pending is None:
            return Pending(tuple(keys), restart, daemon_pending.digest(step.name))
        keys = sorted({*self._pending.changed_keys, *keys})
        return replace(self._pending, changed_keys=tuple(keys), restart=restart or self._pending.restart)


def _note(path: str, pending: Pending) -> None:
    try:
        daemon_pending.note(path, pending)
    except OSError as error:
        raise Failure(
            f"Could not note in {daemon_pending.NOTE} that Docker has to take up new settings "
            f"({error.strerror or error}); make room or leave to write there, and run this again."
        ) from error


def settings(step: Step[ConfigSpec]) -> daemon.Config:
    """Return what the file holds after a step."""
    return {key: value for key, value in (step.after or {}).items() if value is not None or key not in step.changes}


def configure(path: str, wanted: Mapping[str, Any], *, absent: bool, check_mode: bool, **how: bool) -> dict[str, Any]:
    """Bring the file to the wanted settings and tell what dockerd needs to take them up."""
    # A check run waits for nobody, since it loses nothing.
    with contextlib.nullcontext() if check_mode else daemon_file.locked(path):
        pending, existed = daemon_pending.read(path), os.path.exists(path)
        resource = DaemonConfig(absent, pending=pending, **how)
        outcome = converge(resource, [Desired(path, spec=ConfigSpec(wanted))], check_mode=check_mode)
    result = outcome.single()
    if outcome.steps:
        result["config"] = settings(outcome.steps[0])
    if resource.backup_file:
        result["backup_file"] = resource.backup_file
    # What others wrote into the file may hold secrets as well, such as the password of a proxy.
    told = {"config": masked(result["config"]), "diff": masked(result["diff"])}
    return {**result, **told, **_consequences(outcome, pending, existed)}


def _consequences(outcome: Outcome, pending: Optional[Pending], existed: bool) -> dict[str, Any]:
    step = outcome.steps[0] if outcome.steps else None
    before, after = (step.before or {}, settings(step)) if step else ({}, {})
    restart = daemon.restart_keys(before, after)
    restart_needed = bool(restart) or bool(pending and pending.restart)
    return {
        "changed_keys": daemon.changed_keys(before, after),
        "restart_keys": restart,
        "restart_needed": restart_needed,
        "reload_sufficient": bool(step or pending) and not restart_needed,
        "pending": list(pending.changed_keys) if pending else [],
        "new_file": not pending.before if pending else bool(step) and not existed,
        # Back to what dockerd runs with, which is older than what this run replaced.
        **({"backup_file": pending.backup_file} if pending and pending.backup_file else {}),
    }
