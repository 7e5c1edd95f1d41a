# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role open_webui computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.selfhosted.llm.plugins.plugin_utils.open_webui.egress import egress_addresses
from ansible_collections.selfhosted.llm.plugins.plugin_utils.open_webui.entries import all_connections


class FilterModule:
    """Filters for the role open_webui."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "all_connections": all_connections,
            "egress_addresses": egress_addresses,
        }
