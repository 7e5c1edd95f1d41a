# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory asks for, over all roles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.selfhosted.llm.plugins.plugin_utils.findings import finding_texts
from ansible_collections.selfhosted.llm.plugins.plugin_utils.site.declared import declared_containers
from ansible_collections.selfhosted.llm.plugins.plugin_utils.site.instances import instance_options
from ansible_collections.selfhosted.llm.plugins.plugin_utils.site.preflight import (
    embedding_model,
    preflight_servers,
    repository_urls,
    server_images,
    server_ports,
)
from ansible_collections.selfhosted.llm.plugins.plugin_utils.site.servers import ollama_servers


class FilterModule:
    """Filters for the playbooks and for several roles."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "declared_containers": declared_containers,
            "embedding_model": embedding_model,
            "finding_texts": finding_texts,
            "instance_options": instance_options,
            "ollama_servers": ollama_servers,
            "preflight_servers": preflight_servers,
            "repository_urls": repository_urls,
            "server_images": server_images,
            "server_ports": server_ports,
        }
