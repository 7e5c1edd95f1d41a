# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Terminal output becomes an SVG that loads nothing; the pictures of the documentation are small."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest
from house_checks import layout

IMAGES = sorted((layout.ROOT / "docs" / "images").iterdir())


@pytest.fixture(scope="module")
def terminal() -> ModuleType:
    spec = importlib.util.spec_from_file_location("terminal", layout.ROOT / "tests" / "pictures" / "terminal.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("plain", [("plain", None)]),
        ("\x1b[0;32mok: [a]\x1b[0m", [("ok: [a]", 32)]),
        ("\x1b[1;30mskipping\x1b[0m now", [("skipping", 90), (" now", None)]),
        ("10 %\r100 %\r", [("100 %", None)]),
        ("\x1b[Kclean", [("clean", None)]),
    ],
)
def test_colours_of_a_line_are_read(terminal: ModuleType, line: str, parts: list[tuple[str, int | None]]) -> None:
    colours = {**terminal.COLOURS, None: terminal.PLAIN}
    assert terminal.runs(line) == [(text, colours[code]) for text, code in parts]


def test_a_long_line_is_wrapped_as_a_terminal_does(terminal: ModuleType) -> None:
    rows = list(terminal.wrapped([("abc", "red"), ("defgh", "blue")], columns=4))
    assert rows == [[("abc", "red"), ("d", "blue")], [("efgh", "blue")]]
    assert list(terminal.wrapped([])) == [[]]


def test_the_same_text_gives_the_same_picture(terminal: ModuleType) -> None:
    text = "\n".join(f"line {number} <&>" for number in range(50))
    drawn = terminal.svg(text, "$ make demo")
    assert drawn == terminal.svg(text, "$ make demo")
    root = ElementTree.fromstring(drawn)
    assert "line 49 <&>" in "".join(root.itertext())
    assert "steps(20)" in drawn
    assert "steps" not in terminal.svg("short", "x")


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.name)
def test_a_picture_is_small_and_loads_nothing(path: Path) -> None:
    content = path.read_bytes()
    assert len(content) < 150_000
    if path.suffix == ".svg":
        text = content.decode()
        assert "href" not in text
        assert "url(" not in text
        assert str(layout.ROOT) not in text
        # Nobody needs to know where a picture was made: its only absolute paths are the demo's own in /etc.
        assert set(re.findall(r"(?<![\w/<])/(\w[\w.-]*)/", text)) <= {"etc"}


def test_the_pages_show_every_picture() -> None:
    pages = [layout.ROOT / "README.md", *(layout.ROOT / "docs").rglob("*.md")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert [path.name for path in IMAGES if f"images/{path.name})" not in text] == []
