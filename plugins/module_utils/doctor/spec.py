# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of doctor_info, shared by its documentation's module and the action that does the work."""

from __future__ import annotations

DOCTOR = {
    "hosts": {"type": "list", "elements": "str", "required": True},
    "results": {"type": "list", "elements": "str", "required": True},
    "ignore": {"type": "dict", "default": {}},
    "fail_on": {"type": "str", "choices": ["error", "warning", "never"], "default": "error"},
    "json": {"type": "path"},
    "html": {"type": "path"},
}
