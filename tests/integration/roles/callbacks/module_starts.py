# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A callback that prints how often a playbook's tasks ran something on a host: what most of its time goes by."""

from __future__ import annotations

from typing import Any

from ansible.plugins.callback import CallbackBase

# These run on the controller alone.
LOCAL = {"assert", "debug", "fail", "include_role", "include_tasks", "meta", "set_fact", "validate_argument_spec"}


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "module_starts"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._started: list[str] = []

    def v2_runner_on_ok(self, result: Any) -> None:
        action = result._task.action
        if action.rpartition(".")[2] not in LOCAL and not result._result.get("skipped"):
            self._started.append(action)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._display.display(f"module starts: {len(self._started)} ({', '.join(self._started)})")
