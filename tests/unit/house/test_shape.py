# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No file and no function with two jobs, and no word where it does not belong."""

from __future__ import annotations

import pytest
from house_checks import layout, shape

FILES = sorted(path.relative_to(layout.ROOT).as_posix() for path in (layout.ROOT / "plugins").rglob("*.py"))
HEAD = "\n".join([*shape.HEADER, "from __future__ import annotations", ""])


@pytest.mark.parametrize("path", FILES)
def test_a_file_keeps_to_its_job(path: str) -> None:
    assert shape.problems(path, (layout.ROOT / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("plugins/module_utils/a.py", HEAD + "a = 1\n" * 400, "404 lines"),
        ("plugins/module_utils/a.py", HEAD + "def f():\n" + "    g()\n" * 40, "f has 41 lines"),
        ("plugins/module_utils/a.py", "from __future__ import annotations\n", "the head of the file"),
        ("plugins/modules/a.py", HEAD, "the head of the file"),
        ("plugins/module_utils/a.py", "\n".join(shape.HEADER), "annotations are not imported"),
        ("plugins/module_utils/engine/converge.py", HEAD + "# as Ollama does\n", "Ollama has no business here"),
        ("plugins/module_utils/ollama/a.py", HEAD + "module.fail_json(msg='')\n", "has no business here"),
        ("plugins/module_utils/ollama/a.py", HEAD + "import requests\n", "has no business here"),
    ],
)
def test_what_does_not_fit_is_told(path: str, text: str, words: str) -> None:
    assert any(words in problem for problem in shape.problems(path, text))


def test_a_file_of_the_house_has_no_problems() -> None:
    assert shape.problems("plugins/module_utils/ollama/a.py", HEAD + "def f():\n" + "    g()\n" * 39) == []
