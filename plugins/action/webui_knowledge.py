# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs a directory of the controller and gives it to the module of this name."""

from __future__ import annotations

import os
import tarfile
import tempfile
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.vars import merge_hash


class ActionModule(ActionBase):
    """Runs the module with the directory as one archive, which goes when the task ends."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result; raise AnsibleActionFail where the directory cannot be used."""
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        present = arguments.get("state", "present") == "present"
        if arguments.get("src") and present and not boolean(arguments.get("remote_src", False), strict=False):
            arguments["src_archive"] = self._sent(str(arguments["src"]))
        try:
            answer = self._execute_module(module_args=arguments, task_vars=task_vars)
        finally:
            self._remove_tmp_path(None)
        return dict(merge_hash(result, answer))

    def _sent(self, given: str) -> str:
        try:
            path = str(self._find_needle("files", given))
        except AnsibleError:
            path = ""
        if not os.path.isdir(path):
            raise AnsibleActionFail(
                f"src is {given!r}, and there is no such directory on the controller, beside the role or playbook or "
                f"in files/ there; give its path, or say remote_src=true where it is on the managed host."
            )
        place = str(self._make_tmp_path())
        remote = f"{place}/src.tar"
        with tempfile.NamedTemporaryFile(suffix=".tar") as local:
            try:
                with tarfile.open(local.name, "w") as archive:
                    archive.add(path, arcname=".", filter=_carried)
            except OSError as error:
                raise AnsibleActionFail(f"src is {given!r}, which cannot be read: {error.strerror}.") from None
            self._transfer_file(local.name, remote)
        self._fixup_perms2((place, remote))
        return remote


def _carried(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return member if member.isreg() or member.isdir() or member.issym() or member.islnk() else None
