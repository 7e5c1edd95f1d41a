# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the accounts' CSV file on the controller, and gives its text to the module of this name."""

from __future__ import annotations

import codecs
import os
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.vars import merge_hash

WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


class ActionModule(ActionBase):
    """Runs the module with the text of ``csv`` as ``csv_content``, which no output repeats."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result; raise AnsibleActionFail where the file cannot be used."""
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        if arguments.get("csv") is not None:
            if arguments.get("csv_content") is not None:
                raise AnsibleActionFail("csv and csv_content are both given; give one of them.")
            arguments["csv_content"] = self._text(str(arguments["csv"]))
        wrap_async = self._task.async_val and not self._connection.has_native_async
        answer = self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=wrap_async)
        result = merge_hash(result, answer)
        if not wrap_async:
            self._remove_tmp_path(None)
        return dict(result)

    def _text(self, given: str) -> str:
        try:
            path = str(self._find_needle("files", given))
        except AnsibleError:
            path = ""
        if not os.path.isfile(path):
            raise AnsibleActionFail(
                f"csv is {given!r}, and there is no such file on the controller, beside the role or playbook or in "
                f"files/ there; give its path."
            )
        try:
            # Decrypts a file of ansible-vault, and returns any other as it is.
            real = self._loader.get_real_file(path)
            try:
                with open(real, "rb") as file:
                    data = file.read()
            finally:
                self._loader.cleanup_tmp_file(real)
        except (AnsibleError, OSError) as error:
            raise AnsibleActionFail(f"csv is {given!r}, which cannot be read: {' '.join(str(error).split())}") from None
        return decoded(data, given)


def decoded(data: bytes, given: str) -> str:
    """Return the text of a CSV file; raise AnsibleActionFail where it is not UTF-8."""
    way_out = "save it as UTF-8 (in a spreadsheet: CSV UTF-8)"
    if data.startswith(WIDE_MARKS) or b"\0" in data[:64]:
        raise AnsibleActionFail(f"csv is {given!r}, which is UTF-16 or no text at all; {way_out}.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        # The error itself shows the bytes, which may be of a password.
        raise AnsibleActionFail(f"Line {line} of csv {given!r} is not UTF-8; {way_out}.") from None
