# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a model, for the module of one and the module of many."""

from __future__ import annotations

from typing import Any

MODEL: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "latest", "absent"], "default": "present"},
    "base": {"type": "str"},
    "files": {"type": "raw"},
    "system": {"type": "str"},
    "template": {"type": "str"},
    "parameters": {"type": "dict"},
    "insecure": {"type": "bool", "default": False},
    "stall_timeout": {"type": "float", "default": 90.0},
    "retries": {"type": "int", "default": 3},
}

EXCLUSIVE = [("base", "files")]
