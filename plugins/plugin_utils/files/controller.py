# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of actions that pass files of the controller to a module."""

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.vars import merge_hash


class FilesAction(ActionBase):
    """Runs the module of the same name with the arguments that ``filled`` returns."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result; raise AnsibleActionFail if a file cannot be used."""
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
        """Return the arguments with the contents of files of the controller."""
        raise NotImplementedError

    def located(self, option: str, given: str, noun: str, remedy: str) -> str:
        """Return the path of a file or directory (``noun``), found where other actions look for files."""
        try:
            path = str(self._find_needle("files", given))
        except AnsibleError:
            path = ""
        if not (os.path.isdir if noun == "directory" else os.path.isfile)(path):
            raise AnsibleActionFail(
                f"{option} is {given!r}, but there is no such {noun} on the controller, beside the role or playbook or "
                f"in files/ there; {remedy}."
            )
        return path

    def data(self, option: str, given: str, remedy: str) -> bytes:
        """Return the bytes of a file, which may be encrypted by ansible-vault."""
        path = self.located(option, given, "file", remedy)
        try:
            return decrypted(self._loader, path)
        except (AnsibleError, OSError) as error:
            reason = " ".join(str(error).split())
            raise AnsibleActionFail(f"{option} is {given!r}, which cannot be read: {reason}") from None


def decrypted(loader: Any, path: str) -> bytes:
    """Return the bytes of a file, decrypted if ansible-vault encrypted it; raise AnsibleError or OSError."""
    real = loader.get_real_file(path)
    try:
        with open(real, "rb") as file:
            return file.read()
    finally:
        loader.cleanup_tmp_file(real)
