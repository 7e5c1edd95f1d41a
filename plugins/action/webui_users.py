# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the CSV file of accounts on the controller, and pass its text to the module of the same name."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail

from ansible_collections.selfhosted.llm.plugins.plugin_utils.files.controller import FilesAction
from ansible_collections.selfhosted.llm.plugins.plugin_utils.files.csv_text import decoded


class ActionModule(FilesAction):
    """Runs the module with the text of ``csv`` as ``csv_content``, which no output repeats."""

    def filled(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments with the text of the file."""
        if arguments.get("csv") is None:
            return arguments
        if arguments.get("csv_content") is not None:
            raise AnsibleActionFail("csv and csv_content are mutually exclusive; set one of them.")
        path = str(arguments["csv"])
        return {**arguments, "csv_content": decoded(self.data("csv", path, "set its path"), path)}
