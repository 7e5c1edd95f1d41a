# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that are written and never shown."""

from __future__ import annotations

from typing import Any, Mapping

HIDDEN = "********"


class Secret:
    """A value that is written and never shown, whoever prints what holds it."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself, for the request that writes it."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN


def shown(value: Any) -> Any:
    """Return a copy fit for a result or a diff: secrets are masked."""
    if isinstance(value, Secret):
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(shown(item) for item in value)
    return value
