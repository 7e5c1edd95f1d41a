#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ollama_model
short_description: Manage a model of Ollama
version_added: 0.1.0
description:
  - Pulls a model, makes one from another model or from GGUF files, keeps it the latest, or removes it.
  - What is there is compared with what is wanted, and only a difference is written. No download is made to compare.
  - A pull has no time limit in total, only one on standing still. It resumes, and what cannot be finished leaves
    nothing half-made in the list.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_ollama
  - selfhosted.llm.ollama
options:
  name:
    description:
      - The model's name, as C(ollama pull) takes it. V(llama3.2) is V(llama3.2:latest), and the case does not matter.
      - For a registry of your own V(host:port/namespace/model:tag).
    type: str
    required: true
  state:
    description:
      - With V(present) a model of that name is there, whatever its age.
      - With V(latest) it also is what the registry serves now. The managed host asks the registry for the manifest,
        so it must reach it, and nothing is downloaded to find out.
      - With V(absent) it is not there. Files that no other model uses go with it.
    type: str
    choices:
      - present
      - latest
      - absent
    default: present
  base:
    description:
      - Make the model from this one. A base that is not there is pulled first.
      - A base whose weights have changed, such as by a pull, is noticed, and the model is made anew from it.
      - Where the model is there and its base no longer is, only what the options say is compared, and the base is
        pulled again only if there is a difference.
    type: str
  files:
    description:
      - Make the model from GGUF files on the managed host. A path, or a mapping from names to paths.
      - A file is read through on each run to compare it, about a second for each gigabyte, and uploaded only where
        the server does not hold it yet.
      - Ollama 0.30.0 and newer write uploaded files anew, and do not tell what they were made from. There a changed
        file is not noticed. Give the model another name (such as a version in the tag), or remove it first.
    type: raw
  system:
    description:
      - The system prompt of a model from O(base) or O(files). Without it a base's own is kept.
      - Line ends at its end are dropped.
    type: str
  template:
    description:
      - The prompt template of a model from O(base) or O(files), in Go's syntax. Without it a base's own is kept.
      - Line ends at its end are dropped.
      - Where a file has a chat template (and always from Ollama 0.30), a dropped O(template) or C(stop) is not noticed.
    type: str
  parameters:
    description:
      - The parameters of a model from O(base) or O(files), laid over those of the base. One that is no longer
        listed is dropped.
      - Where a file has a chat template (and always from Ollama 0.30), a dropped C(stop) is not noticed.
      - Whole numbers are C(num_ctx), C(num_predict), C(num_keep), C(num_batch), C(num_gpu), C(num_thread),
        C(main_gpu), C(seed), C(top_k), C(repeat_last_n) and C(draft_num_predict).
      - Numbers are C(temperature), C(top_p), C(min_p), C(typical_p), C(repeat_penalty), C(presence_penalty) and
        C(frequency_penalty).
      - C(use_mmap) is a boolean, and C(stop) a text or a list of texts.
      - Other names and types are refused, because the server stores anything and fails later.
    type: dict
  insecure:
    description:
      - Pull by plain HTTP. It does not mean TLS without checking certificates.
    type: bool
    default: false
  stall_timeout:
    description:
      - How many seconds a pull may stand still before it is broken off and tried again.
    type: float
    default: 90
  retries:
    description:
      - How many times a pull is tried again after a fault that may pass, with pauses that grow. Attempts that moved
        it on do not count.
      - What does not get better (no such model, no space, no access) is not tried again.
    type: int
    default: 3
seealso:
  - module: selfhosted.llm.ollama_models
  - module: selfhosted.llm.ollama_model_info
"""

EXAMPLES = r"""
- name: A model is there
  selfhosted.llm.ollama_model:
    name: llama3.2:3b

- name: A model is what the registry has today
  selfhosted.llm.ollama_model:
    name: qwen3:8b
    state: latest

- name: The house's assistant, made from a model
  selfhosted.llm.ollama_model:
    name: assistant
    base: llama3.2:3b
    system: |
      You answer in the language of the question, in at most five sentences.
    parameters:
      num_ctx: 16384
      temperature: 0.3
      stop:
        - "<|eot_id|>"

- name: A model from a file that was brought to the host
  selfhosted.llm.ollama_model:
    name: our-finetune:v2
    files: /srv/models/our-finetune-v2.gguf
    parameters:
      temperature: 0.2

- name: A model is gone
  selfhosted.llm.ollama_model:
    name: llama2
    state: absent

- name: A model from a registry in the house, over a slow line
  selfhosted.llm.ollama_model:
    name: registry.example.org:5000/library/big-model:70b
    insecure: true
    stall_timeout: 300
    retries: 10
"""

RETURN = r"""
model:
  description:
    - The model after the run, as the server shows it. Empty where it is not there.
    - In check mode what is foreseen of it.
  returned: success
  type: dict
  sample:
    name: assistant:latest
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
    system: You answer in the language of the question, in at most five sentences.
    template: "{{ .Prompt }}"
    parameters:
      num_ctx: 16384
      temperature: 0.3
    capabilities:
      - completion
  contains:
    name:
      description: The complete name, in the case that the server keeps it in.
      type: str
      returned: success
    digest:
      description: The digest that C(ollama list) shows the start of.
      type: str
      returned: when the model is there, and with O(state=latest)
    size:
      description: The size of all its files in bytes. Files may be shared with other models.
      type: int
      returned: when the model is there
    modified_at:
      description: When the model was last written on the server.
      type: str
      returned: when the model is there
    details:
      description: What the server tells of the weights, such as C(family), C(parameter_size), C(quantization_level).
      type: dict
      returned: when the model is there
    base:
      description: The model or file that it was made from.
      type: str
      returned: with O(base) or O(files)
    base_pulled:
      description: Whether the base is pulled first.
      type: bool
      returned: in check mode, where it would be
    weights:
      description: The digests of the files with its weights.
      type: list
      elements: str
      returned: with O(base) or O(files)
    system:
      description: The system prompt.
      type: str
      returned: with O(base) or O(files)
    template:
      description: The prompt template.
      type: str
      returned: with O(base) or O(files)
    parameters:
      description: All parameters that are stored in it, those of the base too.
      type: dict
      returned: with O(base) or O(files)
    capabilities:
      description: What it can do, such as V(completion), V(tools), V(embedding).
      type: list
      elements: str
      returned: with O(base) or O(files), from Ollama 0.6.4 on
done:
  description: Always empty for one model.
  returned: failure while writing
  type: list
  elements: str
failed_steps:
  description: What failed, as C(action), C(name), C(fields) and C(msg).
  returned: failure while writing
  type: list
  elements: dict
not_begun:
  description: Always empty for one model.
  returned: failure while writing
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.client import CONNECTION, connect
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.options import EXCLUSIVE, MODEL
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.resources import bring
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.spec import read_wish


def body(module: AnsibleModule) -> dict[str, Any]:
    wish = read_wish(module.params)
    outcome = bring(connect(module), [wish], check_mode=module.check_mode, timeout=module.params["timeout"])
    return outcome.single()


def main() -> None:
    run({**CONNECTION, **MODEL}, body, mutually_exclusive=EXCLUSIVE)


if __name__ == "__main__":
    main()
