# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs a directory of the controller and gives it to the module of this name."""

from __future__ import annotations

import tarfile
import tempfile
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.selfhosted.llm.plugins.plugin_utils.controller_files import FilesAction


class ActionModule(FilesAction):
    """Runs the module with the directory as one archive, which goes when the task ends."""

    # The archive would be gone before a module in the background reads it.
    _supports_async = False

    def filled(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments with the archive, which is sent to the managed host."""
        present = arguments.get("state", "present") == "present"
        if not arguments.get("src") or not present or boolean(arguments.get("remote_src", False), strict=False):
            return arguments
        return {**arguments, "src_archive": self._sent(str(arguments["src"]))}

    def _sent(self, given: str) -> str:
        way_out = "give its path, or say remote_src=true where it is on the managed host"
        path = self.located("src", given, "directory", way_out)
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
