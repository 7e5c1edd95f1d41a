#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ollama_fit
short_description: Tell whether models fit a host before they are pulled, and choose one that does
version_added: 0.1.0
description:
  - Tells for each model what memory it needs, and whether and where it fits the managed host, with the numbers.
  - Chooses, where an entry names alternatives, the largest that fits. The entry is then one for
    M(selfhosted.llm.ollama_models).
  - Of a model that the server does not have, only the manifest and the start of its weights are read from the registry,
    by the managed host. No model is pulled.
  - Goes by what GPUs and memory the host has, and not by what is free now. So what is loaded does not change a choice.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes.info_module
  - selfhosted.llm.attributes.actiongroup_ollama
  - selfhosted.llm.ollama
options:
  models:
    description:
      - The models, as M(selfhosted.llm.ollama_models) takes them. Keys that are not named here pass through.
      - C(name), C(state), C(base), C(source), C(mirror), C(insecure) and C(num_ctx) of C(parameters) are read.
      - C(choose) is a list of tags of C(name). One with C(:) or C(/) in it is a complete name.
      - C(fits) overrides O(fits) for its entry. An entry that says C(fits) or C(choose) must fit, or the task fails.
        Any other that does not fit brings a warning.
      - A model from a C(base) is judged by the weights of its base. One from files is not judged.
    type: list
    elements: dict
    required: true
  fits:
    description:
      - V(memory) wants room on GPUs and in memory together. What GPUs do not hold goes into memory, where it is slow.
      - V(gpu) wants room for all of it on GPUs.
    type: str
    choices:
      - gpu
      - memory
    default: memory
  context_length:
    description:
      - The context in tokens of a model that stores none, which is E(OLLAMA_CONTEXT_LENGTH) of the server.
      - Without it, the default of the server's version. From Ollama 0.15.5 on that grows with the memory of the GPUs.
    type: int
  num_parallel:
    description:
      - For how many requests at once a model makes room, which is E(OLLAMA_NUM_PARALLEL) of the server.
      - Without it, the default of the server's version. Before Ollama 0.10.0 that is 2 where there is room.
    type: int
  kv_cache_type:
    description:
      - The type of the KV cache, which is E(OLLAMA_KV_CACHE_TYPE) of the server.
      - Other types than V(f16) need flash attention, and count as V(f16) where there is none.
    type: str
    choices:
      - f16
      - q8_0
      - q4_0
    default: f16
  flash_attention:
    description:
      - Whether the server has flash attention on, which is E(OLLAMA_FLASH_ATTENTION).
      - Without it, as the server's version has it. Before Ollama 0.12.4 it is off.
    type: bool
  gpu_overhead:
    description:
      - How many bytes stay free on each GPU, which is E(OLLAMA_GPU_OVERHEAD) of the server.
    type: int
    default: 0
  gpus:
    description:
      - The memory of each GPU in bytes, in place of what the host has. V([]) is a host without GPUs.
      - Give it where the server's container has fewer GPUs than the host.
    type: list
    elements: int
  memory:
    description:
      - The memory in bytes that models may take, in place of all that the host has but 512 MiB.
    type: int
  models_path:
    description:
      - Where the server keeps its models on the managed host. Without it or O(disk), the disk is not judged.
    type: path
  disk:
    description:
      - How many bytes are free for models, in place of what is free at O(models_path).
    type: int
seealso:
  - module: selfhosted.llm.ollama_models
  - module: selfhosted.llm.ollama_info
"""

EXAMPLES = r"""
- name: The largest that fits is chosen
  selfhosted.llm.ollama_fit:
    models:
      - name: llama3
        choose: [70b, 8b]
  register: fit

- name: It is there
  selfhosted.llm.ollama_models:
    models: "{{ fit.models }}"

- name: The inventory's models are judged, disk and all
  selfhosted.llm.ollama_fit:
    models: "{{ ollama_models }}"
    models_path: /var/lib/docker/volumes/ollama/_data/models
  register: fit

- name: The verdicts are shown
  ansible.builtin.debug:
    msg: "{{ fit.verdicts | map(attribute='words') }}"

- name: All of a model must fit on GPUs, with a long context for four people at once
  selfhosted.llm.ollama_fit:
    models:
      - name: qwen3
        choose: [32b, 14b, 8b]
        fits: gpu
      - name: assistant
        base: llama3.1:8b
        parameters:
          num_ctx: 16384
    context_length: 32768
    num_parallel: 4
    kv_cache_type: q8_0

- name: What would fit on two cards that are still to be bought
  selfhosted.llm.ollama_fit:
    models:
      - name: llama3.3
        choose: [70b-instruct-q8_0, 70b-instruct-q4_K_M]
        fits: gpu
    gpus: [25757220864, 25757220864]
"""

RETURN = r"""
models:
  description:
    - The entries of O(models) in their order, without C(choose) and C(fits), and each by the name that was chosen.
  returned: success
  type: list
  elements: dict
  sample:
    - name: llama3:8b
verdicts:
  description:
    - What was found of each model that was looked at, in the order of O(models).
    - On a failure, those of the entry that does not fit.
  returned: always, where a model was looked at
  type: list
  elements: dict
  sample:
    - name: llama3:8b
      weights_of: llama3:8b
      present: false
      weights: 4661211424
      kv_cache: 1073741824
      overhead: 1406377984
      margin: 0
      needed: 7141331232
      on_gpus: 7141331232
      in_memory: 0
      download: 4661224676
      context_length: 4096
      num_parallel: 2
      kv_cache_type: f16
      fits:
        gpu: true
        memory: true
        disk: null
      where: gpu
      exact: false
      words: >-
        llama3:8b needs 7.1 GB (4.7 GB weights, 1.1 GB KV cache for 4096 tokens x 2, 1.4 GB besides) and fits on
        NVIDIA GeForce RTX 3090 (25.8 GB).
  contains:
    name:
      description: The model. Of an entry with C(choose), the alternative.
      type: str
      returned: success
    weights_of:
      description: The model that the weights are from, which is another one for a model from a C(base).
      type: str
      returned: success
    present:
      description: Whether the server has these weights.
      type: bool
      returned: success
    weights:
      description: The bytes of the weights that are loaded.
      type: int
      returned: success
    kv_cache:
      description: The bytes of the KV cache.
      type: int
      returned: success
    overhead:
      description: The bytes that are needed besides, for computing and for each GPU that is used.
      type: int
      returned: success
    margin:
      description:
        - The part of C(overhead) that is added for what the sum does not know.
        - 1 % from Ollama 0.30.0 on, else 0.
      type: int
      returned: success
    needed:
      description: All bytes that are needed.
      type: int
      returned: success
    on_gpus:
      description: The part of them on GPUs.
      type: int
      returned: success
    in_memory:
      description: The part of them in memory.
      type: int
      returned: success
    download:
      description: The bytes that a pull would bring. With a judged disk, without the files that the server holds.
      type: int
      returned: success
    context_length:
      description: The context of one request in tokens.
      type: int
      returned: success
    num_parallel:
      description: For how many requests at once there is room.
      type: int
      returned: success
    kv_cache_type:
      description: The type of the KV cache.
      type: str
      returned: success
    fits:
      description: Whether all of it fits on GPUs (C(gpu)), on GPUs and in memory (C(memory)), and on the disk (C(disk),
        null where the disk is not judged).
      type: dict
      returned: success
    where:
      description: V(gpu), V(gpu+memory), V(memory) or V(nowhere).
      type: str
      returned: success
    exact:
      description:
        - Whether this is the sum that the server itself does, which needs the table of its tensors and a server
          before 0.30.0.
      type: bool
      returned: success
    words:
      description: All this in one line.
      type: str
      returned: success
host:
  description: What the host has.
  returned: always, where a model was looked at
  type: dict
  sample:
    gpus:
      - name: NVIDIA GeForce RTX 3090
        uuid: GPU-5f3c1de2-9a4b-4bd2-8a30-0f9e6a4bb8a1
        total: 25769803776
        unified: false
    memory: 67338842112
    memory_usable: 66801971200
    disk_free: null
    notes: []
  contains:
    gpus:
      description: The GPUs. With C(unified) the memory is the host's own.
      type: list
      elements: dict
      returned: success
    memory:
      description: The host's memory in bytes, or the limit of the container that the module runs in.
      type: int
      returned: success
    memory_usable:
      description: The part of it that models may take.
      type: int
      returned: success
    disk_free:
      description: The bytes that are free for models, null where the disk is not judged.
      type: int
      returned: success
    notes:
      description: What could not be looked at, and why.
      type: list
      elements: str
      returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.client import CONNECTION, connect
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.features import parse_version
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.demand import Settings
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.hardware import detect
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.messages import host_facts
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.fit.verdict import checked, judge

OPTIONS = {
    **CONNECTION,
    "models": {"type": "list", "elements": "dict", "required": True},
    "fits": {"type": "str", "choices": ["gpu", "memory"], "default": "memory"},
    "context_length": {"type": "int"},
    "num_parallel": {"type": "int"},
    "kv_cache_type": {"type": "str", "choices": ["f16", "q8_0", "q4_0"], "default": "f16"},
    "flash_attention": {"type": "bool"},
    "gpu_overhead": {"type": "int", "default": 0},
    "gpus": {"type": "list", "elements": "int"},
    "memory": {"type": "int"},
    "models_path": {"type": "path"},
    "disk": {"type": "int"},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    given = checked(module.params)
    client = connect(module)
    host = detect(given["gpus"], given["memory"], given["disk"], given["models_path"])
    settings = Settings(
        version=parse_version(client.version),
        context_length=given["context_length"],
        num_parallel=given["num_parallel"],
        kv_cache_type=given["kv_cache_type"],
        flash_attention=given["flash_attention"],
        gpu_overhead=given["gpu_overhead"],
    )
    found = judge(client, given["models"], host, settings, fits=given["fits"], timeout=given["timeout"])
    for words in (*host.notes, *found.warnings):
        module.warn(words)
    return {
        "changed": False,
        "models": list(found.models),
        "verdicts": list(found.verdicts),
        "host": host_facts(host),
    }


def main() -> None:
    run(OPTIONS, body)


if __name__ == "__main__":
    main()
