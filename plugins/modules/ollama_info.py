#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ollama_info
short_description: Tell about an Ollama server
version_added: 0.1.0
description:
  - Tells the server's version, which models it has, and which are in memory, with their share of GPU memory.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes.info_module
  - selfhosted.llm.attributes.actiongroup_ollama
  - selfhosted.llm.ollama
  - selfhosted.llm.query
seealso:
  - module: selfhosted.llm.ollama_model_info
"""

EXAMPLES = r"""
- name: The server is known
  selfhosted.llm.ollama_info:
  register: ollama

- name: What is in memory is on the GPU
  ansible.builtin.assert:
    that: ollama.loaded | selectattr('gpu_percent', 'lt', 100) | length == 0

- name: Ollama answers, whatever starts at the same time
  selfhosted.llm.ollama_info:
  register: answer
  until: answer is success
  retries: 30
  delay: 2

- name: Get the models that do not fit into GPU memory
  selfhosted.llm.ollama_info:
    query: "loaded[?gpu_percent < `100`].name"
  register: slow
"""

RETURN = r"""
version:
  description: The server's version.
  returned: success
  type: str
  sample: 0.32.15
models:
  description: The names of all models, sorted.
  returned: success
  type: list
  elements: str
  sample:
    - assistant:latest
    - llama3.2:3b
loaded:
  description:
    - The models that are in memory.
    - Names that share their weights are loaded once, and the one that was used first stands for all.
  returned: success
  type: list
  elements: dict
  sample:
    - name: llama3.2:3b
      size: 3338801152
      size_vram: 3338801152
      gpu_percent: 100
      expires_at: "2026-11-23T08:20:00.123456789Z"
  contains:
    name:
      description: The model's name.
      type: str
      returned: success
    size:
      description: The memory that it takes in bytes, as the server estimates it.
      type: int
      returned: success
    size_vram:
      description: How much of it is GPU memory.
      type: int
      returned: success
    gpu_percent:
      description: The share of GPU memory in percent. 100 is all of it, and 0 is the CPU alone.
      type: int
      returned: success
    expires_at:
      description: When it is unloaded if nobody uses it. A year far ahead means never.
      type: str
      returned: success
query_result:
  description: The answer to O(query), null where the expression finds nothing.
  returned: success and O(query) is set
  type: raw
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import QUERY, run
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.client import CONNECTION, connect
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.current.facts import server_facts


def body(module: AnsibleModule) -> dict[str, Any]:
    return {"changed": False, **server_facts(connect(module))}


def main() -> None:
    run({**CONNECTION, **QUERY}, body)


if __name__ == "__main__":
    main()
