# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of all messages of findings, read from the code that makes them.

`make docs` writes the tables between marks of docs/reference/messages.md; a test asks whether they were written. What a
message takes from a host stands in capitals.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.selfhosted.llm.plugins.module_utils.host.finding import ERROR, WARNING
from ansible_collections.selfhosted.llm.plugins.plugin_utils.doctor.rules import RULES

from . import layout

PAGE = layout.ROOT / "docs" / "reference" / "messages.md"
UTILS = layout.ROOT / "plugins" / "module_utils"
VARIES = "error, warning"
# The functions that make findings, with the severity of each, and the names of their first arguments.
MAKERS = {
    "error": (ERROR, ("id", "message", "fix")),
    "warning": (WARNING, ("id", "message", "fix")),
    # A name that the rules give to one of the two.
    "report": (VARIES, ("id", "message", "fix")),
    "Finding": ("", ("id", "severity", "subject", "message", "fix")),
}


@dataclass(frozen=True, order=True)
class Row:
    id: str
    severity: str
    message: str
    fix: str


def doctor() -> list[Row]:
    """Return the rules of the doctor. Its rule for GPUs passes on the findings of gpu_info."""
    return [Row(one.id, one.severity, _braces(one.message), _braces(one.fix)) for one in RULES if one.id != "gpu"]


def made_in(folder: Path) -> list[Row]:
    """Return the findings that the files of a folder make with a literal id."""
    found = (row for path in sorted(folder.rglob("*.py")) for row in made_by(path.read_text(encoding="utf-8")))
    return sorted(set(found))


def made_by(source: str) -> Iterator[Row]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS:
            severity, names = MAKERS[node.func.id]
            given = dict(zip(names, node.args)) | {word.arg or "": word.value for word in node.keywords}
            identifier = given.get("id")
            if isinstance(identifier, ast.Constant):
                known = [_severity(given.get("severity")), severity]
                yield Row(str(identifier.value), max(known), _text(given.get("message")), _text(given.get("fix")))
        elif isinstance(node, ast.Tuple) and ast.unparse(node).startswith("(re.compile(") and len(node.elts) == 4:
            # What nvidia-smi prints, as a pattern, with the finding for it.
            name, message, fix = map(_text, node.elts[1:])
            yield Row(name, VARIES if name == "permission" else ERROR, message, fix)


def _severity(node: ast.expr | None) -> str:
    if node is None:
        return ""
    return {"ERROR": ERROR, "WARNING": WARNING}.get(ast.unparse(node), VARIES)


def _text(node: ast.expr | None) -> str:
    """Return a text of the code; what it takes from elsewhere is in capitals, or an ellipsis where it has no name."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(value) for value in node.values)
    if isinstance(node, ast.FormattedValue):
        return _name(node.value)
    if isinstance(node, ast.IfExp):
        return f"{_text(node.body)} / {_text(node.orelse)}"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    return "..."


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr.upper()
    if isinstance(node, ast.Name):
        return node.id.upper()
    if isinstance(node, ast.IfExp):
        return f"{_text(node.body)}/{_text(node.orelse)}"
    if isinstance(node, ast.Call) and len(node.args) == 1:
        return _name(node.args[0])
    return "..."


def _braces(text: str) -> str:
    shown = re.sub(r"(?<!\{)\{(\w+)[^{}]*\}(?!\})", lambda match: match[1].upper(), text)
    return shown.replace("{{", "{").replace("}}", "}")


def table(rows: list[Row]) -> str:
    lines = ["| id | severity | message | fix |", "|---|---|---|---|"]
    for row in rows:
        message, fix = (re.sub(r"([|<])", r"\\\1", " ".join(text.split())) for text in (row.message, row.fix))
        lines.append(f"| `{row.id}` | {row.severity} | {message} | {fix} |")
    return "\n".join(lines)


def tables() -> dict[str, str]:
    """Return the tables of the page by their marks."""
    return {
        "doctor": table(doctor()),
        "gpu": table(made_in(UTILS / "gpu")),
        "preflight": table(made_in(UTILS / "preflight")),
    }


def written(text: str) -> str:
    """Return the page with its tables; one without a mark is an error."""
    for name, rows in tables().items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, found, rest = text.partition(begin)
        _between, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"{PAGE.name} needs the lines {begin} and {end}")
        text = f"{before}{begin}\n{rows}\n{end}{after}"
    return text
