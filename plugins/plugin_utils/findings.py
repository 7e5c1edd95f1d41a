# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The findings of gpu_info and preflight_info, as sentences for messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def finding_texts(findings: Iterable[Mapping[str, str]], severity: str = "") -> list[str]:
    """Return the message and the fix of each finding, each text once; only those of a severity, if one is given."""
    chosen = [one for one in findings if severity in ("", one["severity"])]
    return list(dict.fromkeys(f"{one['message']} {one['fix']}" for one in chosen))
