# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a model, for the module of one and the module of many."""

from __future__ import annotations

from typing import Any

MODEL: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "latest", "absent"], "default": "present"},
    "digest": {"type": "str"},
    "base": {"type": "str"},
    "files": {"type": "raw"},
    "adapters": {"type": "raw"},
    "system": {"type": "str"},
    "template": {"type": "str"},
    "parameters": {"type": "dict"},
    "messages": {
        "type": "list",
        "elements": "dict",
        "options": {
            "role": {"type": "str", "choices": ["system", "user", "assistant"], "required": True},
            "content": {"type": "str", "required": True},
        },
    },
    "license": {"type": "raw"},
    "quantize": {"type": "str"},
    "modelfile": {"type": "str"},
    "source": {"type": "str"},
    "mirror": {"type": "str"},
    "insecure": {"type": "bool", "default": False},
    "loaded": {"type": "bool"},
    "keep_alive": {"type": "str"},
    "stall_timeout": {"type": "float", "default": 90.0},
    "retries": {"type": "int", "default": 3},
}

_MADE_OF = ("adapters", "system", "template", "parameters", "messages", "license", "quantize")

EXCLUSIVE = [
    ("base", "files", "modelfile", "source"),
    *(("modelfile", option) for option in _MADE_OF),
]

# Of the task, not of one model.
TASK: dict[str, dict[str, Any]] = {
    "egress_lease": {"type": "path"},
    "models_path": {"type": "path"},
    "progress": {"type": "bool", "default": True},
}
