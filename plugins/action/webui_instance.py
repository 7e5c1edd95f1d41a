# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives files and directories of the controller to the module of this name."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail

from ansible_collections.selfhosted.llm.plugins.plugin_utils.files.archives import ArchiveAction, is_sent
from ansible_collections.selfhosted.llm.plugins.plugin_utils.files.code import CodeFiles
from ansible_collections.selfhosted.llm.plugins.plugin_utils.files.csv_text import decoded

NOUNS = {f"{noun}s": noun for noun in ("tool", "function", "skill", "prompt", "model")}


class ActionModule(ArchiveAction, CodeFiles):
    """Runs the module with the accounts' CSV file, with what each `src` says, and with archives of directories."""

    def filled(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments with what is on the controller."""
        whole = dict(arguments)
        for plural, noun in NOUNS.items():
            if isinstance(whole.get(plural), list):
                whole[plural] = [self.with_file(noun, entry) for entry in whole[plural]]
        if isinstance(whole.get("knowledge"), list):
            whole["knowledge"] = [self._with_archive(number, entry) for number, entry in enumerate(whole["knowledge"])]
        return self._with_csv(whole)

    def _with_archive(self, number: int, entry: Any) -> Any:
        if not isinstance(entry, dict) or not is_sent(entry):
            return entry
        return {**entry, "src_archive": self.sent(str(entry["src"]), f"src-{number}.tar")}

    def _with_csv(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if not arguments.get("users_csv"):
            return arguments
        if arguments.get("users_csv_content") is not None:
            raise AnsibleActionFail("users_csv and users_csv_content are both given; give one of them.")
        given = str(arguments["users_csv"])
        text = decoded(self.data("users_csv", given, "give its path"), given)
        return {**arguments, "users_csv_content": text}
