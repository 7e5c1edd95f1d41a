# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of variables as Ansible's own filters read them."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean


def flag(value: Any) -> bool:
    """Return a value as the filter bool does: no word that it does not know is true."""
    return value is not None and boolean(value, strict=False)


def number(value: Any) -> int:
    """Return a value as the filter int does: 0 where it is no number."""
    try:
        return int(value)
    except (TypeError, ValueError):
        pass
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return 0


def is_list(value: Any) -> bool:
    """Tell whether a value is a list and no text."""
    return isinstance(value, (list, tuple))
