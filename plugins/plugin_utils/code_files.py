# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads code on the controller, and gives its text to the module that wants it."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean

from .controller_files import FilesAction

LISTS = ("tools", "functions", "skills")


class CodeAction(FilesAction):
    """Runs the module with the text of each ``src`` as ``content``, unless that is on the managed host."""

    def filled(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments with the text of the files, those of lists as well."""
        whole: dict[str, Any] = self._filled(arguments)
        for name in LISTS:
            if isinstance(whole.get(name), list):
                whole[name] = [self._filled(entry) for entry in whole[name]]
        return whole

    def _filled(self, entry: Any) -> Any:
        if not isinstance(entry, dict) or entry.get("src") is None or entry.get("state") == "absent":
            return entry
        if entry.get("content") is not None:
            raise AnsibleActionFail("content and src are both given; give one of them.")
        if boolean(entry.get("remote_src", False), strict=False):
            return entry
        rest = {name: value for name, value in entry.items() if name != "src"}
        return {**rest, "content": self._text(str(entry["src"]))}

    def _text(self, given: str) -> str:
        way_out = "give its path, or say remote_src=true where it is on the managed host"
        try:
            return self.data("src", given, way_out).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise AnsibleActionFail(f"src is {given!r}, which is no text in UTF-8; save it so.") from None
