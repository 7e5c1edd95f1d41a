# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that name models, files and registries, for all that read them."""

from __future__ import annotations

import os
from typing import Optional

from ...engine.errors import Failure
from ..api.names import ModelName


def origin_of(model: str, option: str, given: Optional[str]) -> Optional[ModelName]:
    """Return the model that an option names."""
    if given is None:
        return None
    try:
        return ModelName.parse(given)
    except Failure as error:
        raise Failure(f"The {option} of the model {model} is wrong: {error.message}") from error


def by_file_name(model: str, what: str, paths: list[str]) -> dict[str, str]:
    """Return paths by the names of their files."""
    named = {os.path.basename(path): path for path in paths}
    if len(named) != len(paths):
        raise Failure(f"Two files in {what} of the model {model} have the same name; give them different names.")
    return named


def mirror_of(model: str, given: Optional[str]) -> tuple[Optional[str], bool]:
    """Return a mirror's host, and whether it is to be asked by plain HTTP."""
    if given is None:
        return None, False
    scheme, found, host = given.rpartition("://")
    host = host.rstrip("/")
    try:
        good = (not found or scheme.lower() in ("http", "https")) and ModelName.parse(f"{host}/a/b").host == host
    except Failure:
        good = False
    if not good:
        raise Failure(
            f"The mirror of the model {model} is {given!r}; give a registry as host:port, or http://host:port for one "
            f"without TLS."
        )
    return host, scheme.lower() == "http"
