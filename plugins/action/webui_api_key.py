# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep an API key in a file on the controller, so that no result shows it."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.parsing.vault import is_encrypted
from ansible.plugins.action import ActionBase

from ansible_collections.selfhosted.llm.plugins.plugin_utils.files.controller import decrypted


class ActionModule(ActionBase):
    """Passes the key in ``dest`` to the module, and writes the module's key to ``dest``."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result, without the key if there is ``dest``."""
        result = super().run(tmp, task_vars)
        args = dict(self._task.args)
        dest = args.get("dest")
        if not dest:
            return {**result, **self._execute_module(task_vars=task_vars)}
        if args.get("key"):
            raise AnsibleActionFail("dest and key are mutually exclusive; set one of them.")
        path = self._path(str(dest))
        kept, encrypted = self._kept(path)
        answer = self._execute_module(module_args={**args, "key": kept}, task_vars=task_vars)
        key = answer.pop("key", None)
        if not answer.get("failed") and not self._task.check_mode:
            if args.get("state") == "absent":
                answer["changed"] = self._removed(path) or answer["changed"]
            elif key:
                self._write(path, key, encrypted)
                answer["changed"] = True
        return {**result, **answer, "dest": path}

    def _path(self, dest: str) -> str:
        """Return the file; one in a folder that is not there, or not ours to write, is refused before any change."""
        path = os.path.join(self._loader.get_basedir(), os.path.expanduser(os.path.expandvars(dest)))
        folder = os.path.dirname(path)
        if not os.path.isdir(folder):
            raise AnsibleActionFail(f"dest is {path} on the controller, whose folder does not exist; make it first.")
        if os.path.isdir(path):
            raise AnsibleActionFail(f"dest is {path} on the controller, which is a folder; give a file in it.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise AnsibleActionFail(f"dest is {path} on the controller, and you may not write there; give another.")
        return path

    def _kept(self, path: str) -> tuple[str | None, bool]:
        """Return the key that a file keeps, and whether it is encrypted there."""
        if not os.path.exists(path):
            return None, False
        try:
            with open(path, "rb") as file:
                encrypted = is_encrypted(file.read(1024))
            return decrypted(self._loader, path).decode("utf-8")[:4096].strip() or None, encrypted
        except (OSError, UnicodeDecodeError, AnsibleError) as error:
            raise AnsibleActionFail(f"dest is {path} on the controller, which cannot be read ({error}).") from error

    def _write(self, path: str, key: str, encrypted: bool) -> None:
        content = f"{key}\n".encode()
        try:
            if encrypted:
                content = self._loader._vault.encrypt(content)  # noqa: SLF001 (there is no public API)
            handle, fresh = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".api-key-")
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(fresh, path)
        except (OSError, AnsibleError) as error:
            raise AnsibleActionFail(
                f"The key exists, but could not be written to {path} on the controller ({error}); run the task again."
            ) from error

    def _removed(self, path: str) -> bool:
        try:
            os.unlink(path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise AnsibleActionFail(f"The key is deleted, but {path} could not be removed ({error}).") from error
        return True
