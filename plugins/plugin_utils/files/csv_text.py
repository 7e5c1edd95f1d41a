# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a CSV file, in whatever encoding a spreadsheet wrote it."""

from __future__ import annotations

import codecs

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display

ADVICE = "save it as UTF-8 (in a spreadsheet: CSV UTF-8)"
# The longer marks first: that of UTF-32 begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def decoded(data: bytes, given: str) -> str:
    """Return the text of a CSV file as spreadsheets write it; raise AnsibleActionFail for other files."""
    if data.startswith(SPREADSHEETS):
        raise AnsibleActionFail(f"csv {given!r} is a spreadsheet, not a CSV file; {ADVICE}.")
    encoding = _encoding(data)
    try:
        return data.decode(encoding).lstrip("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    # The error itself shows the bytes, which may be of a password.
    if encoding != "utf-8":
        raise AnsibleActionFail(f"Line {line} of csv {given!r} is not {encoding.upper()}; {ADVICE}.")
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        raise AnsibleActionFail(f"Line {line} of csv {given!r} is neither UTF-8 nor Windows-1252; {ADVICE}.") from None
    Display().warning(
        f"csv {given!r} is not UTF-8 (see line {line}), so it is read as Windows-1252. If names come out wrong, "
        f"{ADVICE}."
    )
    return text


def _encoding(data: bytes) -> str:
    """Return the encoding by the file's mark, or by the zero bytes that UTF-16 has in ASCII text."""
    for mark, name in MARKS:
        if data.startswith(mark):
            return name
    if b"\0" in data[:64]:
        return "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
    return "utf-8"
