# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of the code: how long a thing may be, and which words may stand in which folder."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

FILE_LINES = 400
FUNCTION_LINES = 40
HEADER = (
    "# Copyright (c) 2026, selfhosted.llm contributors",
    "# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)",
    "# SPDX-License-Identifier: GPL-3.0-or-later",
)
ENGINE = "plugins/module_utils/engine"
# A word that a folder does not know: its path, the word, the one file where it is at home.
STRANGERS = (
    # secrets.py names products among the words that are no secrets.
    (
        r"^plugins/module_utils/(engine|http)/",
        r"(?i)\b(ollama|open.?webui)\b",
        "plugins/module_utils/engine/secrets.py",
    ),
    (r"^plugins/", r"\bfail_json\(", f"{ENGINE}/module.py"),
    (r"^plugins/", r"\bexit_json\(", f"{ENGINE}/module.py"),
    (r"^plugins/", r"^\s*(import requests|from requests)", "plugins/module_utils/http/session.py"),
)


def problems(path: str, text: str) -> list[str]:
    return [*_sizes(text), *_head(path, text), *_strangers(path, text)]


def _sizes(text: str) -> Iterator[str]:
    lines = len(text.splitlines())
    if lines > FILE_LINES:
        yield f"{lines} lines; a file of more than {FILE_LINES} has two jobs"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{node.name} has {length} lines; a function of more than {FUNCTION_LINES} has two jobs"


def _head(path: str, text: str) -> Iterator[str]:
    if not text.strip():
        return
    lines = text.splitlines()
    wanted = (("#!/usr/bin/python",) if path.startswith("plugins/modules/") else ()) + HEADER
    if tuple(lines[: len(wanted)]) != wanted:
        yield "the head of the file is not the house's"
    if "from __future__ import annotations" not in lines:
        yield "annotations are not imported from __future__"


def _strangers(path: str, text: str) -> Iterator[str]:
    for room, word, home in STRANGERS:
        found = re.search(word, text, re.MULTILINE)
        if re.search(room, path) and path != home and found:
            yield f"{found.group().strip()} has no business here"
