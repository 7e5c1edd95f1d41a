# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what the module of this name found as the text of a YAML file."""

from __future__ import annotations

from typing import Any

from ansible_collections.selfhosted.llm.plugins.plugin_utils.files.controller import FilesAction
from ansible_collections.selfhosted.llm.plugins.plugin_utils.files.yaml_text import as_yaml


class ActionModule(FilesAction):
    """Adds ``yaml`` to the result of the module. Hosts need no YAML library for it."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the module with ``yaml``."""
        result = super().run(tmp, task_vars)
        return {**result, "yaml": as_yaml(result["variables"])} if "variables" in result else result

    def filled(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments unchanged."""
        return arguments
