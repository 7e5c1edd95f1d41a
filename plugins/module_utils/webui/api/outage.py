# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures that are not about the desired state: the server does not answer, or refuses the caller."""

from __future__ import annotations

from ...engine.errors import Failure
from .messages import NOT_READY
from .rate_limit import http_failure


def raise_outage(failure: Failure) -> None:
    """Raise a Failure again if the server did not answer, or refused the caller."""
    answer = http_failure(failure)
    if answer is not None and answer.status in (None, 401, 403, 429, *NOT_READY):
        raise failure
