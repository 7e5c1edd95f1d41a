# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much the fuzz tests try, and with which seed.

SELFHOSTED_LLM_FUZZ is the percentage of their states and kills that run: 100 by default, as at night
(`make test-all`); `make test` sets a smaller one. SELFHOSTED_LLM_SEED changes what they draw; a failure
names the seed, and the same seed draws the same again.
"""

from __future__ import annotations

import os

PERCENT = int(os.environ.get("SELFHOSTED_LLM_FUZZ", "100"))
SEED = int(os.environ.get("SELFHOSTED_LLM_SEED", "4"))


def scaled(count: int, least: int = 1) -> int:
    """Return how many of ``count`` states or kills this run tries, at least ``least``."""
    return max(least, count * PERCENT // 100)
