# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Code of tools and functions: read from a file, rewritten like the server does, and its valves without running it."""

from __future__ import annotations

import ast
from typing import List, Optional

from ...engine.errors import Failure

# Every version since 0.6 replaces these wherever they occur (its `replace_imports`).
RENAMED = ("utils", "apps", "main", "config")
CLASSES = ("Pipe", "Filter", "Action", "Event", "Tools")


def read_code(path: str) -> str:
    """Return the text of a file; raise Failure if it cannot be read."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return file.read()
    except OSError as error:
        raise Failure(f"src is {path!r}, which cannot be read ({error.strerror}); set the path of a file") from error
    except ValueError as error:
        raise Failure(f"src is {path!r}, which is not UTF-8 text; set the path of a file with code") from error


def as_stored(content: str) -> str:
    """Return code of a tool or function as the server stores it."""
    for name in RENAMED:
        content = content.replace(f"from {name}", f"from open_webui.{name}")
    return content


def declared_valves(content: str) -> Optional[List[str]]:
    """Return the names of the valves that code declares literally; None if only running it could tell."""
    try:
        body = ast.parse(content.replace("\r\n", "\n")).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    # The server uses the first of these classes that exists.
    found = {node.name: node for node in body if isinstance(node, ast.ClassDef) and node.name in CLASSES}
    if len(found) != 1 or any(node.bases or node.decorator_list for node in found.values()):
        return None
    inner = [each for node in found.values() for each in node.body]
    valves = [each for each in inner if isinstance(each, ast.ClassDef) and each.name == "Valves"]
    if len(valves) != 1 or valves[0].decorator_list or [ast.dump(base) for base in valves[0].bases] != [_BASE]:
        return None
    if any(isinstance(each, ast.Assign) for each in valves[0].body):
        return None
    fields = [each.target for each in valves[0].body if isinstance(each, ast.AnnAssign)]
    return [target.id for target in fields if isinstance(target, ast.Name)]


_BASE = ast.dump(ast.Name("BaseModel", ast.Load()))
