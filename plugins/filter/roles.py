# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several roles and playbooks need: image references, addresses, environments, and the roles' defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.selfhosted.llm.plugins.plugin_utils.addresses import local_url, published_port
from ansible_collections.selfhosted.llm.plugins.plugin_utils.environment import has_secret, words
from ansible_collections.selfhosted.llm.plugins.plugin_utils.images import reference
from ansible_collections.selfhosted.llm.plugins.plugin_utils.role_defaults import role_default


class FilterModule:
    """Filters for roles and playbooks."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "environment_words": words,
            "has_secret": has_secret,
            "image_reference": reference,
            "local_url": local_url,
            "published_port": published_port,
            "role_default": role_default,
        }
