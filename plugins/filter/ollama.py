# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role ollama computes: its servers, and the GPUs of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.selfhosted.llm.plugins.plugin_utils.ollama.gpu_plan import gpu_plan
from ansible_collections.selfhosted.llm.plugins.plugin_utils.ollama.gpu_proof import gpu_proof
from ansible_collections.selfhosted.llm.plugins.plugin_utils.ollama.host import host_problems, notes, pulls
from ansible_collections.selfhosted.llm.plugins.plugin_utils.ollama.instances import (
    choosing,
    ollama_instances,
    volume_questions,
)
from ansible_collections.selfhosted.llm.plugins.plugin_utils.ollama.options import option_problems


class FilterModule:
    """Filters for the role ollama."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "ollama_choosing": choosing,
            "ollama_gpu_plan": gpu_plan,
            "ollama_gpu_proof": gpu_proof,
            "ollama_host_problems": host_problems,
            "ollama_instances": ollama_instances,
            "ollama_notes": notes,
            "ollama_option_problems": option_problems,
            "ollama_pulls": pulls,
            "ollama_volume_questions": volume_questions,
        }
