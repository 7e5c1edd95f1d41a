# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A list of people as files of spreadsheets hold it: in many encodings, and never shown."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display

from ansible_collections.selfhosted.llm.plugins.plugin_utils.files.csv_text import decoded

TEXT = "Name;Email;Password\r\nAnna Große;anna@example.org;Cell-of-Ännä\r\n"


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found = []
    monkeypatch.setattr(Display, "warning", lambda self, words: found.append(words))
    return found


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
    ],
)
def test_every_encoding_that_can_be_told_is_read_without_a_warning(data: bytes, warned: list[str]) -> None:
    assert decoded(data, "people.csv") == TEXT
    assert warned == []


def test_windows_1252_is_read_with_a_warning_that_names_the_line(warned: list[str]) -> None:
    assert decoded(TEXT.encode("cp1252"), "people.csv") == TEXT
    (warning,) = warned
    assert warning.startswith("csv 'people.csv' is not UTF-8 (see line 2), so it is read as Windows-1252. If names")


def test_an_empty_file_is_an_empty_text(warned: list[str]) -> None:
    assert decoded(b"", "people.csv") == ""
    assert warned == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (TEXT.replace("ß", "ü").encode("cp850"), "Line 2 of csv 'people.csv' is neither UTF-8 nor Windows-1252; save"),
        (TEXT.encode("utf-16")[:-1], "of csv 'people.csv' is not UTF-16; save it as UTF-8"),
        (b"PK\x03\x04" + TEXT.encode(), "csv 'people.csv' is a spreadsheet, not a CSV file; save it as UTF-8"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "csv 'people.csv' is a spreadsheet, not a CSV file"),
    ],
)
def test_what_is_no_text_is_told_without_a_cell(data: bytes, words: str, warned: list[str]) -> None:
    with pytest.raises(AnsibleActionFail) as caught:
        decoded(data, "people.csv")
    assert words in str(caught.value)
    assert "Cell-of" not in str(caught.value)
    assert warned == []
