# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server is told by variables and would misread, ignore or not know."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .variables import VARIABLES, before

Server = Mapping[str, Any]
# From this version on the server has flash attention wherever the GPU and the model can do it, before when told to.
FLASH_ATTENTION_SINCE = "0.12.4"


def said_twice(its: Server) -> list[str]:
    """Return the variables that are given both as an option and in ollama_environment."""
    return [name for name in its["tuned"] if name in its["environment"]]


def misread(its: Server) -> list[str]:
    """Return in sentences which values the server would misread."""
    return [
        f"{name.lower() if name in its['tuned'] else f'ollama_environment: {name}'} is '{value}', "
        f"which {VARIABLES[name].kind.rule}."
        for name, value in its["told"].items()
        if name in VARIABLES and not VARIABLES[name].kind.fits.match(value)
    ]


def ignored_cache(its: Server) -> str:
    """Return the type of a cache that the server ignores: a quantised one needs flash attention."""
    cache = its["told"].get("OLLAMA_KV_CACHE_TYPE", "f16")
    by_default = "0" if before(its["number"], FLASH_ATTENTION_SINCE) else "1"
    attention = its["told"].get("OLLAMA_FLASH_ATTENTION", by_default)
    off = re.match("^(0|f|F|false|False|FALSE)$", attention)
    return cache if cache in ("q8_0", "q4_0") and off else ""


def idle(servers: Iterable[Server]) -> list[str]:
    """Return in sentences which variables do nothing in the versions of the servers."""
    return [
        f"{name} does nothing in Ollama {its['number']} ({its['name']}), which reads it {_versions(name)} only."
        for its in servers
        for name in [*its["tuned"], *its["environment"]]
        if name in VARIABLES and _is_unknown(name, its["number"])
    ]


def _is_unknown(name: str, number: str) -> bool:
    known = VARIABLES[name]
    is_new = known.since != "" and before(number, known.since)
    return is_new or (known.until != "" and not before(number, known.until))


def _versions(name: str) -> str:
    known = VARIABLES[name]
    parts = [f"from {known.since}" if known.since else "", f"before {known.until}" if known.until else ""]
    return " and ".join(part for part in parts if part)
