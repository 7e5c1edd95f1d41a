# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read text, code and exports on the controller, and pass them to a module."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.entries.ui_export import filled, listed

from .controller import FilesAction


class CodeFiles(FilesAction):
    """Reads each `src`, unless it is on the managed host."""

    def with_file(self, noun: str, entry: Any) -> Any:
        """Return the options of one object with those from its `src`."""
        if not isinstance(entry, dict) or entry.get("src") is None or entry.get("state") == "absent":
            return entry
        if entry.get("content") is not None:
            raise AnsibleActionFail("content and src are mutually exclusive; set one of them.")
        if not self.is_here(entry):
            return entry
        src = str(entry["src"])
        try:
            return filled(noun, entry, self.text_of(src), src)
        except Failure as failure:
            raise AnsibleActionFail(failure.message) from None

    def is_here(self, entry: dict[str, Any]) -> bool:
        """Tell whether a `src` is on the controller."""
        return entry.get("src") is not None and not boolean(entry.get("remote_src", False), strict=False)

    def text_of(self, given: str) -> str:
        """Return the text of a file."""
        remedy = "set its path, or set remote_src=true if it is on the managed host"
        try:
            return self.data("src", given, remedy).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise AnsibleActionFail(f"src is {given!r}, which is not UTF-8 text; save it as UTF-8.") from None


class CodeAction(CodeFiles):
    """Runs ``webui_NOUN`` for one object or ``webui_NOUNs`` for many, by the name of the task."""

    def filled(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments with the contents of files, also of those in a list."""
        name = str(self._task.action).rpartition("webui_")[2]
        noun = name.removesuffix("s")
        plural = f"{noun}s"
        if name != plural:
            return dict(self.with_file(noun, arguments))
        whole = dict(arguments)
        if isinstance(whole.get(plural), list):
            whole[plural] = [self.with_file(noun, entry) for entry in whole[plural]]
        if self.is_here(whole) and isinstance(whole.get(plural, []), list):
            src = str(whole.pop("src"))
            given = [entry if isinstance(entry, dict) else {} for entry in whole.get(plural, [])]
            try:
                whole[plural] = listed(noun, given, self.text_of(src), src)
            except Failure as failure:
                raise AnsibleActionFail(failure.message) from None
        return whole
