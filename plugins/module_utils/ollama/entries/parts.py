# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that name models and files, as a module and a Modelfile both give them."""

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
