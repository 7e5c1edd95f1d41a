# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find defaults of roles that a playbook or a task repeats instead of reading them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

# As in `ollama_port | default(11434)`.
FALLBACK = re.compile(
    r"\b(\w+)\s*\|\s*(?:ansible\.builtin\.)?default\(\s*('[^']*'|\"[^\"]*\"|\[[^\]]*\]|\{[^}]*\}|[\w.]+)"
)


def problems(text: str, defaults: Mapping[str, Any]) -> list[str]:
    """Return each default that a text repeats: as the fallback of its option, or by a value that nothing else has."""
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [*fallbacks(code, defaults), *_values(code, defaults)]


def fallbacks(code: str, defaults: Mapping[str, Any]) -> Iterator[str]:
    """Yield the options whose default stands behind them. An empty one says no more than that there is none."""
    for name, literal in FALLBACK.findall(code):
        if defaults.get(name) and yaml.safe_load(literal) == defaults[name]:
            yield f"{name} | default({literal}) repeats the default of {name}"


def _values(code: str, defaults: Mapping[str, Any]) -> Iterator[str]:
    for name, default in defaults.items():
        for value in default if isinstance(default, list) else [default]:
            word = str(value)
            if _tells(value) and re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w.-])", code):
                yield f"{word} is the default of {name}"


def _tells(value: Any) -> bool:
    """Tell whether a value is a version, a port, an address or a path, which no other thing is by chance."""
    if isinstance(value, str):
        return re.search("[./:]", value) is not None
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1024
