# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of the documentation: their headings, their links, and which pages a reader reaches."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

FENCE = re.compile(r"^\s*(```|~~~)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
MENTION = re.compile(r"(?<![\w/.-])docs/[\w/-]+\.md\b")

# A path of the repository in the text, without placeholders in capitals and patterns.
PATH = re.compile(
    r"`((?:changelogs|demo|docs|inventories|meta|molecule|playbooks|plugins|roles|tests)/[a-z0-9_./-]*)[` ]"
)


def prose(text: str) -> Iterator[str]:
    """Yield the lines outside fenced code blocks."""
    fenced = False
    for line in text.splitlines():
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield line


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings, by GitHub's rule."""
    found: set[str] = set()
    for line in prose(text):
        heading = HEADING.match(line)
        if heading:
            slug = _slug(heading[1])
            number = 0
            while (name := f"{slug}-{number}" if number else slug) in found:
                number += 1
            found.add(name)
    return found


def links(text: str) -> list[str]:
    """Return the targets of all links and images that do not lead to another host."""
    lines = [re.sub(r"`[^`]*`", "`", line) for line in prose(text)]
    found = [*LINK.findall("\n".join(lines)), *IMAGE.findall("\n".join(lines))]
    return [target for target in found if not ELSEWHERE.match(target)]


def paths(text: str) -> list[str]:
    """Return the paths of the repository that the text names."""
    return PATH.findall("\n".join(prose(text)))


def broken(page: Path, root: Path) -> list[str]:
    """Return the links of a page whose file or anchor is missing, or lies outside the repository."""
    text = page.read_text(encoding="utf-8")
    found = []
    for target in links(text):
        path, _sign, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.is_relative_to(root) or not file.exists():
            found.append(f"{target}: no such file")
        elif anchor and (file.suffix != ".md" or anchor not in anchors(file.read_text(encoding="utf-8"))):
            found.append(f"{target}: no such heading")
    return found


def unreached(start: Path, pages: Iterable[Path]) -> list[Path]:
    """Return the pages to which no chain of links leads from the first one."""
    wanted = set(pages)
    seen: set[Path] = set()
    waiting = [start]
    while waiting:
        page = waiting.pop()
        if page in seen or page not in wanted:
            continue
        seen.add(page)
        text = page.read_text(encoding="utf-8")
        waiting += [(page.parent / target.partition("#")[0]).resolve() for target in links(text)]
    return sorted(wanted - seen)


def _slug(heading: str) -> str:
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-")
