# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role open_webui hands to its modules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def all_connections(connections: Sequence[Mapping[str, Any]], ollama_urls: Iterable[str]) -> list[Mapping[str, Any]]:
    """Return the connections, after those to the Ollama servers that they do not name themselves."""
    listed = [one.get("base_url") for one in connections if one.get("kind") == "ollama"]
    urls = dict.fromkeys(url for url in ollama_urls if url not in listed)
    return [*({"kind": "ollama", "base_url": url} for url in urls), *connections]
