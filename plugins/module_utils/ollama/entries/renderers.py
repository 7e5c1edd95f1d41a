# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The renderers and parsers that each version of Ollama has.

A server takes any name at create. It fails at each use of a renderer that it does not have (`unknown renderer "x"`),
and ignores such a parser. Read in model/renderers/renderer.go and model/parsers/parsers.go of all releases.
"""

from __future__ import annotations

import difflib
from typing import Dict, Mapping, Optional, Tuple

from ...engine.errors import Failure
from ..api.features import is_at_least
from .spec import ModelSpec

# From here on there may be more than these.
COMPLETE_BELOW = "0.33.0"

_BOTH = {
    "0.12.0": ("qwen3-coder",),
    "0.12.6": ("qwen3-vl-instruct",),
    "0.12.7": ("qwen3-vl-thinking",),
    "0.13.3": ("olmo3", "olmo3-think"),
    "0.13.4": ("nemotron-3-nano",),
    "0.13.5": ("functiongemma",),
    "0.14.3": ("glm-4.7", "lfm2", "lfm2-thinking"),
    "0.15.5": ("glm-ocr",),
    "0.17.1": ("qwen3.5",),
    "0.20.0": ("gemma4",),
    "0.22.0": ("laguna",),
    "0.30.10": ("cohere",),
    "0.30.11": ("ornith",),
    "0.32.2": ("laguna-v8",),
    "0.32.3": ("poolside-v1",),
    "0.32.7": ("glimmer",),
    "0.32.9": ("nemotron-3.5-nano",),
}
_RENDERERS = {
    "0.13.0": ("cogito",),
    "0.13.4": ("deepseek-v3.1", "olmo3-32b-think", "olmo3.1"),
    "0.13.5": ("deepseek3.1",),
    "0.21.0": ("gemma4-large", "gemma4-small"),
    "0.32.12": ("qwen3.8",),
}
_PARSERS = {
    "0.12.0": ("passthrough",),
    "0.12.1": ("harmony",),
    "0.13.1": ("cogito", "ministral"),
    "0.13.5": ("deepseek3",),
    "0.16.3": ("qwen3", "qwen3-thinking"),
    "0.20.0": ("gemma4-no-thinking",),
}
# What another name took the place of.
_GONE = {"deepseek-v3.1": ("0.13.5", "deepseek3.1"), "laguna-v8": ("0.32.3", "poolside-v1")}


def _since(*tables: Mapping[str, Tuple[str, ...]]) -> Dict[str, str]:
    return {name: version for table in tables for version, names in table.items() for name in names}


SINCE = {"renderer": _since(_BOTH, _RENDERERS), "parser": _since(_BOTH, _PARSERS)}


def refuse_unknown(spec: ModelSpec, server: str) -> None:
    """Refuse a renderer or a parser that the server's version does not have; newer servers may have any."""
    for kind, name in (("renderer", spec.renderer), ("parser", spec.parser)):
        reason = _reason(kind, name, server) if name else None
        if reason:
            raise Failure(f"The model {spec.name.display} names the {kind} {name!r}, {reason}.")


def _reason(kind: str, name: str, server: str) -> Optional[str]:
    known = SINCE[kind]
    gone, successor = _GONE.get(name, ("", ""))
    if gone and is_at_least(server, gone):
        return f"which Ollama calls {successor} from {gone} on, and the server is {server}; name that"
    if name in known:
        if is_at_least(server, known[name]):
            return None
        return f"which Ollama knows from {known[name]} on, and the server is {server}; upgrade it first"
    if is_at_least(server, COMPLETE_BELOW):
        return None
    there = sorted(one for one, since in known.items() if is_at_least(server, since) and one not in _GONE)
    near = difflib.get_close_matches(name.lower(), there, n=2, cutoff=0.6)
    advice = f"did you mean {' or '.join(near)}" if near else f"it knows {', '.join(there)}"
    return f"which Ollama {server} does not know; {advice}"
