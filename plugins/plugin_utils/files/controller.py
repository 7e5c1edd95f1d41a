# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What actions have in common that give a module something from the controller."""

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.vars import merge_hash


class FilesAction(ActionBase):
    """Runs the module of its name with its arguments as ``filled`` returns them."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result; raise AnsibleActionFail where a file cannot be used."""
        result = super().run(tmp, task_vars)
        wrap_async = self._task.async_val and not self._connection.has_native_async
        try:
            arguments = self.filled(dict(self._task.args))
            answer = self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=wrap_async)
        finally:
            if not wrap_async:
                self._remove_tmp_path(None)
        return dict(merge_hash(result, answer))

    def filled(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments with what is on the controller."""
        raise NotImplementedError

    def located(self, option: str, given: str, noun: str, way_out: str) -> str:
        """Return the path of a file or directory (``noun``), looked for where other actions look for theirs."""
        try:
            path = str(self._find_needle("files", given))
        except AnsibleError:
            path = ""
        if not (os.path.isdir if noun == "directory" else os.path.isfile)(path):
            raise AnsibleActionFail(
                f"{option} is {given!r}, and there is no such {noun} on the controller, beside the role or playbook or "
                f"in files/ there; {way_out}."
            )
        return path

    def data(self, option: str, given: str, way_out: str) -> bytes:
        """Return the bytes of a file, which may be encrypted by ansible-vault."""
        path = self.located(option, given, "file", way_out)
        try:
            return decrypted(self._loader, path)
        except (AnsibleError, OSError) as error:
            words = " ".join(str(error).split())
            raise AnsibleActionFail(f"{option} is {given!r}, which cannot be read: {words}") from None


def decrypted(loader: Any, path: str) -> bytes:
    """Return the bytes of a file, those of one that ansible-vault encrypted in clear; raise AnsibleError or OSError."""
    real = loader.get_real_file(path)
    try:
        with open(real, "rb") as file:
            return file.read()
    finally:
        loader.cleanup_tmp_file(real)
