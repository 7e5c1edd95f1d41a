# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container said that should have shown the GPU, and what that means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any


def proof_words(result: Mapping[str, Any]) -> str:
    """Return what the module docker_container and the container said, in printable letters."""
    output = (result.get("container") or {}).get("Output", "")
    return re.sub("[^ -~]+", " ", f"{result.get('msg', '')} {output}").strip()


def proof_cause(words: str, causes: Iterable[Mapping[str, str]], problems: Iterable[str], otherwise: str) -> str:
    """Return the cause whose words were said, else the problems that the host shows, else what is left to say."""
    cause = next((one["cause"] for one in causes if one["words"] in words), "")
    return cause or "; ".join(re.sub("[.]$", "", problem) for problem in problems) or otherwise
