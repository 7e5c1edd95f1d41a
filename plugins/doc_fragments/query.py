# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # For info modules whose name meta/runtime.yml routes to the action ollama_info.
    DOCUMENTATION = r"""
options:
  query:
    description:
      - A JMESPath expression (U(https://jmespath.org)). It selects from what the module returns, and RV(query_result)
        is its answer.
      - An invalid expression fails before the host is asked. It does not work with C(async).
    type: str
requirements:
  - jmespath on the controller, if O(query) is used
"""
