# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an attempt to pull a model failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Trouble:
    """Why an attempt failed. ``words`` are the server's; ``cause`` is empty where nobody knows it."""

    words: str
    cause: str = ""
    fix: str = ""
    passing: bool = False
    mismatch: bool = False

    @property
    def meaning(self) -> Optional[str]:
        """Cause and fix, without a full stop; None where nobody knows them."""
        return "; ".join(part for part in (self.cause, self.fix) if part) or None
