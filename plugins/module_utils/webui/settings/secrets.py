# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which settings are secrets: they are compared like others, and shown as stars."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ...engine.secrets import holds_only_secrets, is_secret_name
from ..entries.masking import mask

# The last part of a setting's name, such as jupyter.auth, that is a mode.
MODES = ("auth",)


def masked(name: str, value: Any, all_of_it: bool = False) -> Any:
    """Return a setting with its secrets masked, found by their names and by the form of an address."""
    every = all_of_it or is_secret(name) or holds_only_secrets(name)
    if isinstance(value, Mapping):
        # A mapping is not a secret by its own name: `auth.api_key` has the addresses that a key may call.
        below = all_of_it or holds_only_secrets(name)
        return {key: masked(str(key), item, below) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(name, item, every) for item in value]
    return mask(value, every)


def masked_part(key: str, path: Sequence[str], value: Any) -> Any:
    """Return the part of a setting at a path, with its secrets masked."""
    below = any(map(holds_only_secrets, (key, *path[:-1]) if path else ()))
    return masked(path[-1] if path else key, value, below)


def is_secret(name: str) -> bool:
    """Tell whether a setting is a secret by the last part of its name: `auth.api_key.allowed_endpoints` is not."""
    last = name.rpartition(".")[2]
    return last.lower() not in MODES and is_secret_name(last)
