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
  - selfhosted.llm.ollama.pull
  - selfhosted.llm.ollama.task
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
      - With V(absent) it is not there. Files that no other model uses go with it. The form of the name is not checked,
        so that whatever the server lists can be removed.
    type: str
    choices:
      - present
      - latest
      - absent
    default: present
  digest:
    description:
      - Pin the model to this digest, the 12 characters that C(ollama list) shows or all 64.
      - It is compared with what is there, with the registry's manifest before a pull, and with what came after it.
        Where it is another, the task fails and the model that was there stays.
      - Not for models that are made or copied. Their digests differ from server to server.
    type: str
  base:
    description:
      - Make the model from this one. A base that is not there is pulled first.
      - A base whose weights have changed, such as by a pull, is noticed, and the model is made anew from it.
      - Where the model is there and its base no longer is, only what the options say is compared, and the base is
        pulled again only if there is a difference.
    type: str
  files:
    description:
      - Make the model from GGUF files on the managed host. A path, a list of paths, or a mapping from names to paths.
      - The path of one shard (C(name-00001-of-00003.gguf)) stands for all of them, which reach the server as one file.
      - A file is hashed when it is new or has changed, about a second for each gigabyte, and uploaded only where
        the server does not hold it yet.
      - Ollama 0.30.0 and newer write uploaded files anew. What a model was made from is noted on the managed host
        (in C(/var/lib/selfhosted-llm), or below the home of a user who is not root), and a changed file is noticed as
        long as the note is there.
    type: raw
  adapters:
    description:
      - The path of a LoRA adapter (GGUF) on the managed host, or its name and path as a mapping. Servers take one.
      - For a model from O(base) or O(files), as all options down to O(quantize).
    type: raw
  system:
    description:
      - The system prompt. Without it a base's own is kept, and an empty one takes it away.
      - Line ends at its end are dropped.
    type: str
  template:
    description:
      - The prompt template, in Go's syntax. Without it a base's own is kept, and an empty one takes it away.
      - Ansible takes C({{ }}) for its own (Jinja), so write V(!unsafe) before the text, put it between
        C({% raw %}) and C({% endraw %}), or read it with C(lookup('ansible.builtin.file', ...)). See the examples.
      - Line ends at its end are dropped.
      - Where a file has a chat template (and always from Ollama 0.30), a dropped O(template) or C(stop) is not noticed.
    type: str
  parameters:
    description:
      - The parameters, laid over those of the base. One that is no longer listed is dropped, and V(null) takes away
        one that the base has.
      - Whole numbers are C(num_ctx), C(num_predict), C(num_keep), C(num_batch), C(num_gpu), C(num_thread),
        C(main_gpu), C(seed), C(top_k), C(repeat_last_n) and C(draft_num_predict).
      - Numbers are C(temperature), C(top_p), C(min_p), C(typical_p), C(repeat_penalty), C(presence_penalty) and
        C(frequency_penalty).
      - C(use_mmap) is a boolean, and C(stop) a text or a list of texts.
      - Other names and types are refused, because the server stores anything and fails later.
    type: dict
  messages:
    description:
      - A conversation that each chat begins with. Without it a base's own is kept, and V([]) takes it away.
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
          - What is said. Line ends at its end are dropped.
        type: str
        required: true
  license:
    description:
      - The text of a license, or a list of texts. The server adds them to those of the base. V([]) takes those away.
    type: raw
  quantize:
    description:
      - Quantize the weights to V(F16), V(F32), V(Q4_K_M), V(Q4_K_S) or V(Q8_0), in any case of letters.
      - They must be F16 or F32 (from Ollama 0.30 also BF16).
      - What it was made from is noted on the managed host, as for O(files). Without the note a changed base or file is
        not noticed.
    type: str
  modelfile:
    description:
      - Make the model by a Modelfile, in place of O(base), O(files) and all options that say what it is made of.
      - Its text, or the path of one on the managed host. Relative paths in it begin at its folder; a text has none.
      - C(FROM), C(PARAMETER), C(TEMPLATE), C(SYSTEM), C(ADAPTER), C(LICENSE), C(MESSAGE), C(REQUIRES), C(RENDERER) and
        C(PARSER) are read as the command line of Ollama reads them.
      - Ansible takes the C({{ }}) of a C(TEMPLATE) for its own (Jinja), so write V(!unsafe) before the text, put it
        between C({% raw %}) and C({% endraw %}), or read it with C(lookup('ansible.builtin.file', ...)).
      - A parameter that Ollama has dropped (such as C(mirostat)) is left out with a warning. So is an empty C(stop),
        which takes away those of the base.
      - Weights must be GGUF files. What C(ollama show --modelfile) prints has the path of a server's own file in
        C(FROM); put the name of the model there, which stands in its comment.
    type: str
  source:
    description:
      - Make the model a copy of this one on the server, which takes no room. A source that changes is copied again.
      - Where the source is gone, the copy stays as it is. So a model that is listed as V(absent) and is the source of
        another is renamed.
    type: str
  loaded:
    description:
      - Whether the model is in memory after the run. Left out, nothing is loaded or unloaded.
      - The server loads weights, not names, so a model whose weights are in memory by another name counts as loaded.
        It cannot be unloaded alone, and the task says so.
    type: bool
  keep_alive:
    description:
      - How long a model that is to be loaded (O(loaded=true)) stays in memory unused. Seconds, a duration such as
        V(30m) or V(1h30m), or V(forever). The server's own default is used for a model that is loaded anew without it.
      - The server tells only when a model expires, and each use sets that back. So a time that is too long, or without
        end, is noticed, and one that is too short is not.
    type: str
seealso:
  - module: selfhosted.llm.ollama_models
  - module: selfhosted.llm.ollama_model_info
  - module: selfhosted.llm.ollama_fit
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

- name: A model is exactly the one that was tested
  selfhosted.llm.ollama_model:
    name: llama3.2:3b
    digest: a80c4f17acd5

- name: A model by a Modelfile that lies beside the playbook
  selfhosted.llm.ollama_model:
    name: mario
    modelfile: "{{ lookup('ansible.builtin.file', 'mario.Modelfile') }}"

- name: A prompt template in the playbook, which Ansible must not fill in
  selfhosted.llm.ollama_model:
    name: plain-assistant
    base: llama3.2:3b
    template: !unsafe "{{ if .System }}{{ .System }}\n{{ end }}{{ .Prompt }}"

- name: The same in a Modelfile, with a value of the play in it
  selfhosted.llm.ollama_model:
    name: plain-assistant
    modelfile: |
      FROM llama3.2:3b
      SYSTEM You work for {{ organization | default('us') }}.
      {% raw %}
      TEMPLATE {{ if .System }}{{ .System }} {{ end }}{{ .Prompt }}
      {% endraw %}

- name: A fine-tune as an adapter, quantized, with an example conversation
  selfhosted.llm.ollama_model:
    name: support:v4
    files: /srv/models/base-f16.gguf
    adapters: /srv/models/support-v4-lora.gguf
    quantize: Q4_K_M
    messages:
      - role: user
        content: My order did not arrive.
      - role: assistant
        content: I am sorry to hear that. What is its number?

- name: The model of the exam is in memory before the exam
  selfhosted.llm.ollama_model:
    name: assistant
    base: llama3.2:3b
    loaded: true
    keep_alive: 4h

- name: A stable name for what is used today
  selfhosted.llm.ollama_model: {name: house-default, source: llama3.2:3b}

- name: A model comes by the cache in the house, and keeps its name
  selfhosted.llm.ollama_model:
    name: llama3.1:70b
    mirror: http://cache.example.org:5000

- name: A model is gone
  selfhosted.llm.ollama_model:
    name: llama2
    state: absent

- name: A model from a registry in the house, over a slow line
  selfhosted.llm.ollama_model: {name: "registry.example.org:5000/library/big:70b", insecure: true, stall_timeout: 300}
"""

RETURN = r"""
model:
  description: The model after the run, as the server shows it, or in check mode as foreseen. Empty if it is not there.
  returned: success
  type: dict
  sample:
    name: assistant:latest
    digest: 5e1b7a8df3c5a0ff3a4c1bb2bcf3a9b9df8a80a2ac0d6a44b3e1f3a7a1c60cb2
    size: 2019393792
    parameters: {num_ctx: 16384, temperature: 0.3}
  contains:
    name:
      description: The complete name, in the case that the server keeps it in.
      type: str
      returned: success
    digest:
      description: The digest that C(ollama list) shows the start of.
      type: str
      returned: when the model is there, and with O(state=latest), O(digest) or O(source)
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
      returned: with O(base), O(files) or O(modelfile)
    base_pulled:
      description: Whether the base is pulled first.
      type: bool
      returned: in check mode, where it would be
    weights:
      description: The digests of the files with its weights.
      type: list
      elements: str
      returned: with O(base), O(files) or O(modelfile)
    made_from:
      description: The digests of what it was made from, where this was noted.
      type: list
      elements: str
      returned: with O(base), O(files) or O(modelfile)
    adapters:
      description: The digests of its adapters.
      type: list
      elements: str
      returned: with O(base), O(files) or O(modelfile)
    system:
      description: The system prompt.
      type: str
      returned: with O(base), O(files) or O(modelfile)
    template:
      description: The prompt template.
      type: str
      returned: with O(base), O(files) or O(modelfile)
    parameters:
      description: All parameters that are stored in it, those of the base too.
      type: dict
      returned: with O(base), O(files) or O(modelfile)
    messages:
      description: The conversation that each chat begins with.
      type: list
      elements: dict
      returned: with O(base), O(files) or O(modelfile)
    license:
      description: The texts of its licenses, one after the other.
      type: str
      returned: with O(base), O(files) or O(modelfile)
    quantization:
      description: The quantization of its weights.
      type: str
      returned: with O(base), O(files) or O(modelfile)
    loaded:
      description: Whether it is in memory.
      type: bool
      returned: with O(loaded)
    keep_alive:
      description: How long it stays there unused, as far as it can be told.
      type: str
      returned: with O(keep_alive)
    capabilities:
      description: What it can do, such as V(completion), V(tools), V(embedding).
      type: list
      elements: str
      returned: with O(base), O(files) or O(modelfile), from Ollama 0.6.4 on
disk:
  description: The disk space that this needs and what is free, as M(selfhosted.llm.ollama_models) returns it.
  returned: where the model is pulled or made
  type: dict
unproven:
  description: The model, where only a run can tell whether it is made from the wanted files.
  returned: in check mode, where it applies
  type: list
  elements: str
failed_steps:
  description: What failed, as C(action), C(name), C(fields) and C(msg).
  returned: failure while writing
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.client import CONNECTION, connect
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.entries.options import EXCLUSIVE, MODEL, TASK
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.entries.parse import read_desired
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.models.resource import converge_models
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.progress.job import Job, run


def body(module: AnsibleModule) -> dict[str, Any]:
    desired = read_desired(module.params)
    job = Job()
    outcome = converge_models(
        connect(module),
        [desired],
        check_mode=module.check_mode,
        timeout=module.params["timeout"],
        models_path=module.params["models_path"],
        on_start=job.begin,
        watch=job.watch,
    )
    return outcome.single()


def main() -> None:
    run({**CONNECTION, **MODEL, **TASK}, body, mutually_exclusive=EXCLUSIVE)


if __name__ == "__main__":
    main()
