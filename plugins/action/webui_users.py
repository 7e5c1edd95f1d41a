# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the accounts' CSV file on the controller, and gives its text to the module of this name."""

from __future__ import annotations

import codecs
from typing import Any

from ansible.errors import AnsibleActionFail

from ansible_collections.selfhosted.llm.plugins.plugin_utils.controller_files import FilesAction

WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


class ActionModule(FilesAction):
    """Runs the module with the text of ``csv`` as ``csv_content``, which no output repeats."""

    def filled(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments with the text of the file."""
        if arguments.get("csv") is None:
            return arguments
        if arguments.get("csv_content") is not None:
            raise AnsibleActionFail("csv and csv_content are both given; give one of them.")
        given = str(arguments["csv"])
        return {**arguments, "csv_content": decoded(self.data("csv", given, "give its path"), given)}


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
