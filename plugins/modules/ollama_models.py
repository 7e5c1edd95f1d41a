#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ollama_models
short_description: Manage all models of an Ollama server by a list
version_added: 0.1.0
description:
  - Brings the models of a server to a list in one task, which takes one request where all is as wanted.
  - Pulls and makes several at once. A model that is made from another waits for it.
  - What M(selfhosted.llm.ollama_model) says of one model holds for each entry.
  - A run that breaks off tells which models were done, which failed and which were not begun. The next run finishes.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_ollama
  - selfhosted.llm.ollama
  - selfhosted.llm.ollama.task
options:
  models:
    description:
      - The models. No two may have the same name to the server, to which V(llama3) is V(llama3:latest).
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - The model's name, as C(ollama pull) takes it.
        type: str
        required: true
      state:
        description:
          - Whether the model is there, is what the registry serves now, or is not there.
        type: str
        choices:
          - present
          - latest
          - absent
        default: present
      digest:
        description:
          - Pin the model to this digest, the 12 characters that C(ollama list) shows or all 64.
        type: str
      base:
        description:
          - Make the model from this one. It is pulled first if it is neither there nor listed.
          - Where the base is listed and changes in this run, the model is made anew from it.
        type: str
      files:
        description:
          - Make the model from GGUF files on the managed host. A path, a list of paths, or a mapping from names to
            paths.
        type: raw
      adapters:
        description:
          - The path of a LoRA adapter (GGUF) on the managed host, or its name and path as a mapping.
        type: raw
      system:
        description:
          - The system prompt of a model from O(models[].base) or O(models[].files). An empty one takes that of the base
            away.
        type: str
      template:
        description:
          - The prompt template of a model from O(models[].base) or O(models[].files). An empty one takes that of the
            base away.
          - Ansible takes C({{ }}) for its own (Jinja), so write V(!unsafe) before the text, or see
            M(selfhosted.llm.ollama_model).
        type: str
      parameters:
        description:
          - The parameters of a model from O(models[].base) or O(models[].files), laid over those of the base. V(null)
            takes one of the base away.
        type: dict
      messages:
        description:
          - A conversation that each chat begins with. V([]) takes that of the base away.
        type: list
        elements: dict
        suboptions:
          role:
            description:
              - Who says it.
            type: str
            choices:
              - system
              - user
              - assistant
            required: true
          content:
            description:
              - What is said.
            type: str
            required: true
      license:
        description:
          - The text of a license, or a list of texts, added to those of the base. V([]) takes those away.
        type: raw
      quantize:
        description:
          - Quantize the weights to V(F16), V(F32), V(Q4_K_M), V(Q4_K_S) or V(Q8_0), in any case of letters.
        type: str
      modelfile:
        description:
          - Make the model by a Modelfile, its text or its path on the managed host.
          - Ansible takes the C({{ }}) of a C(TEMPLATE) for its own (Jinja), so write V(!unsafe) before the text, or see
            M(selfhosted.llm.ollama_model).
        type: str
      source:
        description:
          - Make the model a copy of this one, which is on the server or listed.
          - A model whose source is gone stays as it is, so that a list can rename one.
        type: str
      mirror:
        description:
          - Pull by this registry or pull-through cache, and keep the short name.
        type: str
      insecure:
        description:
          - Pull by plain HTTP.
        type: bool
        default: false
      loaded:
        description:
          - Whether the model is in memory after the run. Left out, nothing is loaded or unloaded.
        type: bool
      keep_alive:
        description:
          - How long a loaded model stays in memory unused. Seconds, a duration such as V(30m), or V(forever).
        type: str
      stall_timeout:
        description:
          - How many seconds a pull may stand still before it is broken off and tried again.
        type: float
        default: 90
      retries:
        description:
          - How many times a pull is tried again after a fault that may pass.
        type: int
        default: 3
  purge:
    description:
      - Remove every model that O(models) does not list.
      - A model that a listed one is made from, or is a copy of, is kept, and so is one that another run has set aside
        within a day. RV(kept) names it.
    type: bool
    default: false
  purge_all:
    description:
      - Say that O(purge) may remove every model, when O(models) lists nothing with state present.
    type: bool
    default: false
  workers:
    description:
      - How many models are written at once, and read at once where more than their list must be read.
    type: int
    default: 4
seealso:
  - module: selfhosted.llm.ollama_model
  - module: selfhosted.llm.ollama_model_info
"""

EXAMPLES = r"""
- name: These models are there
  selfhosted.llm.ollama_models:
    models:
      - name: llama3.2:3b
      - name: nomic-embed-text
      - name: assistant
        base: llama3.2:3b
        system: You answer in the language of the question.
        parameters:
          num_ctx: 16384

- name: Exactly the models of the inventory are there
  selfhosted.llm.ollama_models:
    models: "{{ ollama_models }}"
    purge: true

- name: A lab's list, pinned, by the cache in the house, with one model in memory before Monday
  selfhosted.llm.ollama_models:
    models:
      - name: llama3.1:8b
        digest: 46e0c10c039e
        mirror: http://cache.example.org:5000
      - name: tutor
        base: llama3.1:8b
        system: You help students to find the answer themselves.
        loaded: true
        keep_alive: forever
      - name: default
        source: tutor
    workers: 2
    models_path: /var/lib/docker/volumes/ollama/_data/models

- name: A prompt template in the list, which Ansible must not fill in
  selfhosted.llm.ollama_models:
    models:
      - name: plain-assistant
        base: llama3.2:3b
        template: !unsafe "{{ if .System }}{{ .System }}\n{{ end }}{{ .Prompt }}"

- name: One model takes another's place
  selfhosted.llm.ollama_models:
    models:
      - name: qwen3:8b
      - name: qwen2.5:7b
        state: absent

- name: No model is left
  selfhosted.llm.ollama_models:
    models: []
    purge: true
    purge_all: true
"""

RETURN = r"""
models:
  description:
    - The listed models that are there after the run, in the order of O(models), as the server shows them.
    - In check mode what is foreseen of them.
    - Each holds what M(selfhosted.llm.ollama_model) returns as C(model).
  returned: success
  type: list
  elements: dict
  sample:
    - name: llama3.2:3b
      digest: a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72
      size: 2019393792
      modified_at: "2026-11-23T08:15:00.123456789Z"
      details:
        family: llama
        parameter_size: 3.2B
        quantization_level: Q4_K_M
  contains:
    name:
      description: The complete name, in the case that the server keeps it in.
      type: str
      returned: success
    digest:
      description: The digest that C(ollama list) shows the start of.
      type: str
      returned: when the model is there
    size:
      description: The size of all its files in bytes. Files may be shared with other models.
      type: int
      returned: when the model is there
    base_pulled:
      description: Whether the base is pulled first.
      type: bool
      returned: in check mode, where it would be
    loaded:
      description: Whether it is in memory.
      type: bool
      returned: with O(models[].loaded)
plan:
  description: What was changed, or would be in check mode.
  returned: success
  type: list
  elements: dict
  sample:
    - action: create
      name: assistant:latest
      fields: [name, base, weights, system, template, parameters]
  contains:
    action:
      description: V(create), V(update) or V(delete).
      type: str
      returned: success
    name:
      description: The model's name.
      type: str
      returned: success
    fields:
      description: What differs.
      type: list
      elements: str
      returned: success
kept:
  description: Models that O(purge) would have removed and that others need, or another run.
  returned: success
  type: list
  elements: str
  sample:
    - llama3.2:3b
disk:
  description: The disk space that is needed for what is pulled or made, in bytes.
  returned: where a model is pulled or made
  type: dict
  sample:
    path: /data/models
    downloads: 0
    uploads: 98000000
    copies: 98000000
    temporary: 98000000
    needed: 294000000
    free: 1000000000
unproven:
  description:
    - Models of which only a run can tell whether they are made from the wanted files. Nothing is noted of them, and all
      that the server shows fits.
    - A run makes them again, and reports a change only if their digest changed.
  returned: in check mode, where it applies
  type: list
  elements: str
done:
  description: The models that were changed before another one failed.
  returned: failure while writing
  type: list
  elements: str
failed_steps:
  description: What failed.
  returned: failure while writing
  type: list
  elements: dict
  contains:
    action:
      description: V(create), V(update) or V(delete).
      type: str
      returned: success
    name:
      description: The model's name.
      type: str
      returned: success
    fields:
      description: What differs.
      type: list
      elements: str
      returned: success
    msg:
      description: Why it failed.
      type: str
      returned: success
not_begun:
  description: The models that were not touched, because another one failed.
  returned: failure while writing
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.entries import refuse_to_purge_all
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.client import CONNECTION, connect
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.entries.options import EXCLUSIVE, MODEL, TASK
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.entries.parse import read_desired
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.models.resource import converge_models
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.progress.job import Job, run

OPTIONS = {
    **CONNECTION,
    "models": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": MODEL,
        "mutually_exclusive": EXCLUSIVE,
    },
    "purge": {"type": "bool", "default": False},
    "purge_all": {"type": "bool", "default": False},
    "workers": {"type": "int", "default": 4},
    **TASK,
}


def body(module: AnsibleModule) -> dict[str, Any]:
    given = module.params
    all_desired = [read_desired(entry) for entry in given["models"]]
    if given["purge"] and not given["purge_all"]:
        refuse_to_purge_all(all_desired, "models", "say purge_all to remove all")
    job = Job()
    outcome = converge_models(
        connect(module),
        all_desired,
        check_mode=module.check_mode,
        timeout=given["timeout"],
        purge=given["purge"],
        workers=given["workers"],
        models_path=given["models_path"],
        on_start=job.begin,
        watch=job.watch,
    )
    return outcome.many("models")


def main() -> None:
    run(OPTIONS, body)


if __name__ == "__main__":
    main()
