#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_models
short_description: Manage many models of Open WebUI
version_added: 0.1.0
description:
  - Creates, changes and deletes presets, and what is set for the models that connections offer, from a list.
  - All models are read at once, compared, and only those that differ are written, some at a time.
  - Every entry is checked before the first write, and one error names all that are wrong.
  - A run that breaks off tells which models were done, which failed and which were not begun. The next run finishes.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
  - selfhosted.llm.webui_model.listed
options:
  purge:
    description:
      - Remove every model that O(models) does not list, those that users made for themselves as well.
      - What a connection offers stays, but what was set for it goes, and only administrators see it then.
      - The base models of listed presets are kept. RV(kept) names them.
      - Refused if O(models) lists nothing with state present.
    type: bool
    default: false
  hide_embedding_models:
    description:
      - Whether models of the Ollama connections that only embed are switched off, so that nobody is offered them for a
        chat. Documents are embedded with them as before. Ollama's own C(capabilities) decide.
      - A model that O(models) or a person has configured stays as it is.
      - With V(false), models that an earlier run switched off are switched on again.
      - Without this option, the module neither looks for such models nor changes any.
      - An Ollama that does not list the capabilities of its models (0.9.3) is asked for each model at each run.
    type: bool
  workers:
    description:
      - How many models are written at once.
    type: int
    default: 4
seealso:
  - module: selfhosted.llm.webui_model
  - module: selfhosted.llm.webui_prompts
"""

EXAMPLES = r"""
- name: Pupils see a tutor, teachers see that and the model itself
  selfhosted.llm.webui_models:
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
    models:
      - id: tutor
        name: Maths tutor
        base_model: llama3.2:3b
        system: You help pupils of 14 to find the answer themselves. Never tell it.
        access:
          read:
            groups: [pupils, teachers]
        grant_base: true
      - id: llama3.1:8b
        access:
          read:
            groups: [teachers]

- name: These models and no others
  selfhosted.llm.webui_models:
    token: "{{ vault_webui_key }}"
    models: "{{ school_models }}"
    purge: true

- name: Hide models that only embed
  selfhosted.llm.webui_models:
    token: "{{ vault_webui_key }}"
    models: []
    hide_embedding_models: true

- name: Two presets are gone
  selfhosted.llm.webui_models:
    token: "{{ vault_webui_key }}"
    models:
      - id: tutor-2024
        state: absent
      - id: tutor-2025
        state: absent

- name: Import all models that were exported on Open WebUI's page
  selfhosted.llm.webui_models:
    token: "{{ vault_webui_key }}"
    src: exports/models-export-1745623456.json
    models:
      - id: tutor
        access: {read: {groups: [pupils]}}
"""

RETURN = r"""
models:
  description:
    - The listed models that are there after the run, in the order of O(models), as the server shows them, each as
      M(selfhosted.llm.webui_model) returns it.
    - In check mode what is foreseen.
  returned: success
  type: list
  elements: dict
  sample:
    - id: tutor
      name: Maths tutor
      base_model: llama3.2:3b
plan:
  description: What was changed, or would be in check mode.
  returned: success
  type: list
  elements: dict
  sample:
    - action: update
      name: tutor
      fields: [system, params]
  contains:
    action:
      description: V(create), V(update) or V(delete).
      type: str
      returned: success
    name:
      description: The id of the model.
      type: str
      returned: success
    fields:
      description: The fields that differ. C(grant_base) are the base models that are opened to more people.
      type: list
      elements: str
      returned: success
kept:
  description: The models that O(purge) kept because a listed one is based on them.
  returned: success
  type: list
  elements: str
  sample: ["llama3.2:3b"]
problems:
  description: What is wrong with the entries of O(models), a sentence for each.
  returned: when an entry is invalid
  type: list
  elements: str
done:
  description: The models that had been written when a run broke off.
  returned: when a write fails
  type: list
  elements: str
failed_steps:
  description: The writes that failed, as in RV(plan), each with the server's message under C(msg).
  returned: when a write fails
  type: list
  elements: dict
not_begun:
  description: The models that the run did not come to.
  returned: when a write fails
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.entries import refuse_to_purge_all
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.entries.src_files import (
    SRC_OPTIONS,
    all_entries,
    list_rules,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.models.embedders import converge_models
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.models.resource import without_plan
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.models.spec import MODEL_OPTIONS, desired_models

OPTIONS = {
    **WEBUI_OPTIONS,
    "models": {"type": "list", "elements": "dict", "options": MODEL_OPTIONS},
    **SRC_OPTIONS,
    "purge": {"type": "bool", "default": False},
    "workers": {"type": "int", "default": 4},
    "hide_embedding_models": {"type": "bool"},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    purge, workers = module.params["purge"], module.params["workers"]
    entries = all_entries("model", module.params["models"], module.params["src"], MODEL_OPTIONS)
    all_desired = desired_models(entries)
    if purge:
        refuse_to_purge_all(all_desired, "models")
    client, hide = Client(module.params, module.check_mode), module.params["hide_embedding_models"]
    outcome = converge_models(client, all_desired, hide, check_mode=module.check_mode, purge=purge, workers=workers)
    result = without_plan(outcome.many("models"))
    listed = {entry["id"] for entry in entries}
    return {**result, "models": [model for model in result["models"] if model["id"] in listed]}


def main() -> None:
    run(OPTIONS, body, **list_rules("models"))


if __name__ == "__main__":
    main()
