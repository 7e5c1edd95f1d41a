# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets within values: masked for results, revealed to compare and to write."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

from ...engine.secrets import Masked, holds_only_secrets, holds_secret, is_secret_name


def masked(value: Any, name: str = "", everything: bool = False) -> Any:
    """Return a free-form value with its secrets masked, found by their names or by the form of a text."""
    everything = everything or holds_only_secrets(name)
    if isinstance(value, Mapping):
        return {key: masked(item, str(key), everything) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, name, everything) for item in value]
    return mask(value, everything or is_secret_name(name))


def mask(value: Any, is_secret: bool) -> Any:
    """Return one value, masked if it is a secret or a text with a secret in it."""
    if value is None or isinstance(value, (bool, Masked)):
        return value
    return Masked(value) if is_secret or (isinstance(value, str) and holds_secret(value)) else value


def revealed(value: Any) -> Any:
    """Return a value with its masked secrets revealed, to compare or write it."""
    if isinstance(value, Mapping):
        return {key: revealed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [revealed(item) for item in value]
    return value.reveal() if isinstance(value, Masked) else value


def secrets_in(value: Any) -> Iterator[str]:
    """Yield the secrets within a masked value."""
    if isinstance(value, Masked):
        yield str(value.reveal())
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from secrets_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from secrets_in(item)
