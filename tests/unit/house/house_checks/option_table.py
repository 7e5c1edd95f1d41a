# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a role's options in its README, made from its argument specs.

`make docs` writes it between two marks; a test asks whether it was written.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import finding_table, layout, role_options

BEGIN, END = "<!-- options -->", "<!-- /options -->"
MARKUP = (
    (re.compile(r"\b[CVOE]\(((?:[^()]|\([^()]*\))*)\)"), r"`\1`"),
    (re.compile(r"\b[MP]\(([^()]*)\)"), r"`\1`"),
    (re.compile(r"\bB\(([^()]*)\)"), r"**\1**"),
    (re.compile(r"\bI\(([^()]*)\)"), r"*\1*"),
    (re.compile(r"\bL\(([^,()]*),\s*([^()]*)\)"), r"[\1](\2)"),
    (re.compile(r"\bU\(([^()]*)\)"), r"<\1>"),
)


def cell(text: str) -> str:
    """Return text with Ansible's markup as Markdown, fit for one cell of a table."""
    for pattern, instead in MARKUP:
        text = pattern.sub(instead, text)
    return " ".join(text.split()).replace("|", "\\|")


def sentences(option: Mapping[str, Any]) -> str:
    described = option.get("description", "")
    return cell(" ".join(described) if isinstance(described, list) else str(described))


def kind(option: Mapping[str, Any]) -> str:
    if option.get("choices"):
        return cell(", ".join(f"`{choice}`" for choice in option["choices"]))
    elements = option.get("elements")
    return f"{option.get('type', 'str')} of {elements}" if elements else str(option.get("type", "str"))


def default(option: Mapping[str, Any]) -> str:
    if option.get("required"):
        return "**required**"
    if "default" not in option:
        return ""
    value = option["default"]
    return cell(f"`{value if isinstance(value, str) and value else json.dumps(value)}`")


def rows(options: Mapping[str, Mapping[str, Any]], above: str = "") -> Iterator[str]:
    for name, option in options.items():
        yield f"| `{above}{name}` | {kind(option)} | {default(option)} | {sentences(option)} |"
        yield from rows(option.get("options") or {}, f"{above}{name}.")


def table(role: str) -> str:
    lines = ["| variable | type | default | meaning |", "|---|---|---|---|", *rows(role_options.options(role))]
    return "\n".join(lines)


def replaced(text: str, written: str) -> str:
    """Return a README with the table between its marks; one without marks is an error."""
    before, begin, rest = text.partition(BEGIN)
    _between, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the README needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{written}\n{END}{after}"


def readme(role: str) -> Path:
    return layout.ROOT / "roles" / role / "README.md"


def main() -> int:
    for role in layout.roles():
        path = readme(role)
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        try:
            new = replaced(old, table(role))
        except ValueError as error:
            print(f"{path.relative_to(layout.ROOT)}: {error}", file=sys.stderr)
            return 1
        if new != old:
            path.write_text(new, encoding="utf-8")
            print(f"wrote {path.relative_to(layout.ROOT)}")
    page = finding_table.PAGE.read_text(encoding="utf-8")
    if (new := finding_table.written(page)) != page:
        finding_table.PAGE.write_text(new, encoding="utf-8")
        print(f"wrote {finding_table.PAGE.relative_to(layout.ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
