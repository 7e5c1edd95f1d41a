# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories of the controller, sent to the managed host as archives."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean

from .controller import FilesAction


class ArchiveAction(FilesAction):
    """Runs a module with directories of the controller as archives, which are removed when the task ends."""

    # The archives are removed before a module in the background could read them.
    _supports_async = False

    def sent(self, given: str, name: str = "src.tar") -> str:
        """Send a directory as an archive, and return its path on the managed host."""
        remedy = "set its path, or set remote_src=true if it is on the managed host"
        path = self.located("src", given, "directory", remedy)
        place = str(self._make_tmp_path())
        remote = f"{place}/{name}"
        with tempfile.NamedTemporaryFile(suffix=".tar") as local:
            try:
                with tarfile.open(local.name, "w") as archive:
                    archive.add(path, arcname=".", filter=_carried)
            except OSError as error:
                raise AnsibleActionFail(f"src is {given!r}, which cannot be read: {error.strerror}.") from None
            self._transfer_file(local.name, remote)
        self._fixup_perms2((place, remote))
        return remote


def is_sent(entry: Mapping[str, Any]) -> bool:
    """Tell whether the directory of a desired knowledge base is on the controller."""
    is_remote = boolean(entry.get("remote_src") or False, strict=False)
    return bool(entry.get("src")) and entry.get("state", "present") == "present" and not is_remote


def _carried(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return member if member.isreg() or member.isdir() or member.issym() or member.islnk() else None
