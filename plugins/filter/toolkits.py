# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles of the container toolkits compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.selfhosted.llm.plugins.plugin_utils.toolkits.packages import (
    are_installed,
    install_failure,
    is_newer_than_docker,
    package_files,
    package_names,
)
from ansible_collections.selfhosted.llm.plugins.plugin_utils.toolkits.proof import proof_cause, proof_words


class FilterModule:
    """Filters for the roles of the container toolkits."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "install_failure": install_failure,
            "package_files": package_files,
            "package_names": package_names,
            "packages_installed": are_installed,
            "proof_cause": proof_cause,
            "proof_words": proof_words,
            "toolkit_is_newer_than_docker": is_newer_than_docker,
        }
