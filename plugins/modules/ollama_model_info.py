#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ollama_model_info
short_description: Tell about the models of an Ollama server
version_added: 0.1.0
description:
  - Lists all models with what the server's list tells, or tells all about one.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes.info_module
  - selfhosted.llm.attributes.actiongroup_ollama
  - selfhosted.llm.ollama
  - selfhosted.llm.query
options:
  name:
    description:
      - The model to tell about. V(llama3.2) is V(llama3.2:latest), and the case does not matter.
      - Without it all models are listed.
    type: str
  check_updates:
    description:
      - Whether to ask the registries what they serve under the models' names, many at once. Nothing is downloaded.
      - The managed host asks, so it must reach them. A registry that cannot be asked is a warning.
    type: bool
    default: false
  insecure:
    description:
      - Registries (C(host) or C(host:port), as in the models' names) that O(check_updates) asks by plain HTTP.
    type: list
    elements: str
    default: []
seealso:
  - module: selfhosted.llm.ollama_model
  - module: selfhosted.llm.ollama_info
"""

EXAMPLES = r"""
- name: All models are known
  selfhosted.llm.ollama_model_info:
  register: known

- name: The largest comes first
  ansible.builtin.debug:
    msg: "{{ known.models | sort(attribute='size', reverse=true) | map(attribute='name') }}"

- name: Models of which a newer one is served are known
  selfhosted.llm.ollama_model_info:
    check_updates: true
  register: known

- name: They are named
  ansible.builtin.debug:
    msg: "{{ known.models | selectattr('update_available', 'true') | map(attribute='name') }}"

- name: One model is known in full
  selfhosted.llm.ollama_model_info:
    name: assistant
  register: assistant

- name: It can call tools
  ansible.builtin.assert:
    that: "'tools' in assistant.models[0].capabilities"
"""

RETURN = r"""
models:
  description:
    - The models, sorted by name.
    - With O(name) one or none.
  returned: success
  type: list
  elements: dict
  sample:
    - name: assistant:latest
      digest: 5e1b7a8df3c5a0ff3a4c1bb2bcf3a9b9df8a80a2ac0d6a44b3e1f3a7a1c60cb2
      size: 2019393792
      modified_at: "2026-11-23T08:15:00.123456789Z"
      details:
        family: llama
        parameter_size: 3.2B
        quantization_level: Q4_K_M
      base: llama3.2:3b
      weights:
        - sha256:dde5aa3fc5ffc17176b5e8bdc82f587b24b2678c6c66101bf7da77af9f7ccdff
      system: You answer in the language of the question.
      template: "{{ .Prompt }}"
      parameters:
        num_ctx: 16384
      capabilities:
        - completion
        - tools
  contains:
    name:
      description: The complete name, in the case that the server keeps it in.
      type: str
      returned: success
    digest:
      description: The digest that C(ollama list) shows the start of.
      type: str
      returned: success
    size:
      description: The size of all its files in bytes. Files may be shared with other models.
      type: int
      returned: success
    modified_at:
      description: When the model was last written on the server.
      type: str
      returned: success
    details:
      description: What the server tells of the weights, such as C(family), C(parameter_size), C(quantization_level).
      type: dict
      returned: success
    update_available:
      description:
        - Whether the registry serves another model under this name.
        - V(null) where that cannot be told, as for a model that was made on the server.
      type: bool
      returned: with O(check_updates=true)
    base:
      description: The model or file that it was made from, empty for a pulled one.
      type: str
      returned: with O(name)
    weights:
      description: The digests of the files with its weights.
      type: list
      elements: str
      returned: with O(name)
    system:
      description: The system prompt.
      type: str
      returned: with O(name)
    template:
      description: The prompt template.
      type: str
      returned: with O(name)
    parameters:
      description: The parameters that are stored in it, in their own types.
      type: dict
      returned: with O(name)
    adapters:
      description: The digests of its adapters.
      type: list
      elements: str
      returned: with O(name)
    messages:
      description: The conversation that each chat begins with.
      type: list
      elements: dict
      returned: with O(name)
    license:
      description: The texts of its licenses, one after the other.
      type: str
      returned: with O(name)
    quantization:
      description: The quantization of its weights.
      type: str
      returned: with O(name)
    requires:
      description: The version of Ollama that it says it needs.
      type: str
      returned: with O(name)
    renderer:
      description: The built-in renderer of its prompts.
      type: str
      returned: with O(name)
    parser:
      description: The built-in parser of its answers.
      type: str
      returned: with O(name)
    capabilities:
      description: What it can do, such as V(completion), V(tools), V(embedding).
      type: list
      elements: str
      returned: with O(name), from Ollama 0.6.4 on
query_result:
  description: The answer to O(query), null where the expression finds nothing.
  returned: success and O(query) is set
  type: raw
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import QUERY, run
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.client import CONNECTION, connect
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.current.facts import add_updates, model_facts

OPTIONS = {
    **CONNECTION,
    **QUERY,
    "name": {"type": "str"},
    "check_updates": {"type": "bool", "default": False},
    "insecure": {"type": "list", "elements": "str", "default": []},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    given = module.params
    client = connect(module)
    models = model_facts(client, given["name"])
    warnings = add_updates(client, models, given["insecure"], given["timeout"]) if given["check_updates"] else []
    return {"changed": False, "models": models, "warnings": warnings}


def main() -> None:
    run(OPTIONS, body)


if __name__ == "__main__":
    main()
