# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which modules the integration tests run, read from their code: a comment or a refused run proves nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from house_checks import layout

# What of tests/integration/runner.py runs a module and returns its result. `fail` and `sentence` are not here: a module
# that refuses its options has not met the server.
RUNNERS = ("run", "succeed", "quadruple", "unchanged")
FULL_NAME = re.compile(rf"\b{re.escape(layout.PREFIX)}(\w+)")


@lru_cache(maxsize=None)
def proven() -> set[str]:
    """Return the modules that a test runs itself, or by a role or playbook of the collection."""
    found: set[str] = set()
    for path in sorted((layout.ROOT / "tests" / "integration").rglob("*.py")):
        found |= named_by(path.read_text(encoding="utf-8"))
    return found | set().union(*(used_by(layout.ROOT / place) for place in run_as_a_whole(found)))


def named_by(source: str) -> set[str]:
    """Return the modules, roles and playbooks that the code of a test file runs."""
    tree = ast.parse(source)
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = set()
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        for argument in call.args[:1]:
            word = constants.get(argument.id) if isinstance(argument, ast.Name) else _literal(argument)
            if word and _callee(call) in (*RUNNERS, "role", "converged", "play"):
                found.add(word)
    # Tasks and command lines name a module in full.
    for text in _texts(tree):
        found |= set(FULL_NAME.findall(text))
    return found


def run_as_a_whole(names: set[str]) -> Iterator[str]:
    """Return the places of the roles and playbooks among the names."""
    for name in sorted(names):
        if name in layout.roles():
            yield f"roles/{name}"
        elif name.endswith(".yml") and (layout.ROOT / "playbooks" / name).exists():
            yield f"playbooks/{name}"


def used_by(place: Path) -> set[str]:
    """Return the modules that the tasks of a role or a playbook name as a key."""
    files = [place] if place.is_file() else sorted((place / "tasks").rglob("*.yml"))
    keys = re.compile(rf"^\s*(?:- )?{re.escape(layout.PREFIX)}(\w+):", re.MULTILINE)
    return {name for file in files for name in keys.findall(file.read_text(encoding="utf-8"))}


def _literal(node: ast.expr) -> str | None:
    """Return the text of a literal, else None."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _callee(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _texts(tree: ast.Module) -> Iterator[str]:
    """Return the texts of the code; a text that stands alone is documentation."""
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) not in alone and isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
