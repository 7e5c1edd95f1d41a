# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of a server's environment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Optional


def has_secret(environments: Iterable[Optional[Mapping[str, Any]]], names: str) -> bool:
    """Tell whether an environment holds a secret, by a name that this pattern finds or an address with a password."""
    pattern = re.compile(names, re.IGNORECASE)
    return any(
        pattern.search(str(name)) or re.search("://[^/]*@", str(value))
        for environment in environments
        for name, value in (environment or {}).items()
    )


def words(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return the values as words; booleans as true and false, since Open WebUI takes "1", "yes" and "on" for false."""
    return {str(name): _word(value) for name, value in environment.items()}


def _word(value: Any) -> str:
    word = str(value)
    return word.lower() if word in ("True", "False") else word
