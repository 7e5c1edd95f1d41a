# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads code on the controller, and gives its text to the module that wants it."""

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.vars import merge_hash

LISTS = ("tools", "functions", "skills")


class CodeAction(ActionBase):
    """Runs the module with the text of each ``src`` as ``content``, unless that is on the managed host."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result; raise AnsibleActionFail where a file cannot be used."""
        result = super().run(tmp, task_vars)
        arguments = self._filled(dict(self._task.args))
        for name in LISTS:
            if isinstance(arguments.get(name), list):
                arguments[name] = [self._filled(entry) for entry in arguments[name]]
        wrap_async = self._task.async_val and not self._connection.has_native_async
        answer = self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=wrap_async)
        result = merge_hash(result, answer)
        if not wrap_async:
            self._remove_tmp_path(None)
        return dict(result)

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
        try:
            path = str(self._find_needle("files", given))
        except AnsibleError:
            path = ""
        if not os.path.isfile(path):
            raise AnsibleActionFail(
                f"src is {given!r}, and there is no such file on the controller, beside the role or playbook or in "
                f"files/ there; give its path, or say remote_src=true where it is on the managed host."
            )
        try:
            # Decrypts a file of ansible-vault, and returns any other as it is.
            real = self._loader.get_real_file(path)
            try:
                with open(real, encoding="utf-8-sig", newline="") as file:
                    return file.read()
            finally:
                self._loader.cleanup_tmp_file(real)
        except UnicodeDecodeError:
            raise AnsibleActionFail(f"src is {given!r}, which is no text in UTF-8; save it so.") from None
        except (AnsibleError, OSError) as error:
            raise AnsibleActionFail(f"src is {given!r}, which cannot be read: {' '.join(str(error).split())}") from None
