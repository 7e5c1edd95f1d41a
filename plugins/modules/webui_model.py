#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_model
short_description: Manage one model of Open WebUI
version_added: 0.1.0
description:
  - Creates, changes and deletes a preset (a model with a system prompt, parameters, tools and knowledge of its own,
    that another model answers for), or the settings of a model that a connection offers.
  - Compares and changes only the options that you set. Other keys and other models stay as they are.
  - For more than a few models use M(selfhosted.llm.webui_models), which reads them all at once.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
  - selfhosted.llm.webui.access
  - selfhosted.llm.webui_model
seealso:
  - module: selfhosted.llm.webui_models
  - module: selfhosted.llm.webui_prompt
"""

EXAMPLES = r"""
- name: Pupils have a tutor, and may use the model that answers for it
  selfhosted.llm.webui_model:
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
    id: tutor
    name: Maths tutor
    base_model: llama3.2:3b
    system: You help pupils of 14 to find the answer themselves. Never tell it.
    params:
      temperature: 0.3
    access:
      read:
        groups: [pupils]
    grant_base: true

- name: Everybody may use a model as the connection offers it
  selfhosted.llm.webui_model:
    token: "{{ vault_webui_key }}"
    id: llama3.2:3b
    name: Llama, the small one
    access:
      public: true

- name: A preset with all that it can have
  selfhosted.llm.webui_model:
    token: "{{ vault_webui_key }}"
    id: librarian
    name: Librarian
    base_model: llama3.2:3b
    description: Knows the rules of the house.
    system: Answer from the rules of the house only.
    params:
      function_calling: native
      stop: ["###"]
    capabilities:
      vision: false
      citations: true
    tags: [school, rules]
    knowledge: [House rules]
    tools: [calendar]
    filters: [no_names]
    suggestions:
      - When does the library open?
      - title: [Late books, what they cost]
        content: What does a book cost that comes back late?
    profile_image_url: https://example.org/librarian.png
    access:
      read:
        groups: [pupils]
        users: [anna@example.org]
      write:
        groups: [teachers]

- name: The temperature of a preset is the server's again, all else stays
  selfhosted.llm.webui_model:
    token: "{{ vault_webui_key }}"
    id: tutor
    params:
      temperature: null

- name: A model is off for everybody
  selfhosted.llm.webui_model:
    token: "{{ vault_webui_key }}"
    id: llama3.2:3b
    active: false

- name: Import a model that was exported on Open WebUI's page
  selfhosted.llm.webui_model:
    token: "{{ vault_webui_key }}"
    id: tutor
    src: exports/models-export-1745623456.json

- name: A preset is gone
  selfhosted.llm.webui_model:
    token: "{{ vault_webui_key }}"
    id: tutor
    state: absent
"""

RETURN = r"""
model:
  description:
    - The model after the run, as the server shows it, or empty where it is absent.
    - In check mode the expected model; it lacks the options of a new model that you do not set.
  returned: success
  type: dict
  sample:
    id: tutor
    name: Maths tutor
    base_model: llama3.2:3b
    description: ""
    system: You help pupils of 14 to find the answer themselves. Never tell it.
    params: {temperature: 0.3}
    capabilities: {}
    tags: []
    knowledge: []
    tools: []
    filters: []
    actions: []
    skills: []
    suggestions: null
    hidden: false
    active: true
    profile_image_url: ""
    meta: {}
    access:
      public: false
      read: {groups: [pupils], users: []}
      write: {groups: [], users: []}
  contains:
    id:
      description: The id.
      type: str
      returned: when the model is there
    name:
      description: The display name.
      type: str
      returned: when the model is there
    base_model:
      description: The id of the model that answers. Empty for an override.
      type: str
      returned: when the model is there
    description:
      description: The description of the model.
      type: str
      returned: when the model is there
    system:
      description: The system prompt.
      type: str
      returned: when the model is there
    params:
      description: The other parameters.
      type: dict
      returned: when the model is there
    capabilities:
      description: What the model can do.
      type: dict
      returned: when the model is there
    tags:
      description: The tags, sorted.
      type: list
      elements: str
      returned: when the model is there
    knowledge:
      description: The names of the knowledge bases, sorted; the id of one that is gone.
      type: list
      elements: str
      returned: when the model is there
    tools:
      description: The ids of the tools, sorted.
      type: list
      elements: str
      returned: when the model is there
    filters:
      description: The ids of the filter functions, sorted.
      type: list
      elements: str
      returned: when the model is there
    actions:
      description: The ids of the action functions, sorted.
      type: list
      elements: str
      returned: when the model is there
    skills:
      description: The ids of the skills, sorted.
      type: list
      elements: str
      returned: when the model is there
    suggestions:
      description: The suggested prompts; null where the server's own are suggested.
      type: list
      elements: raw
      returned: when the model is there
    hidden:
      description: Whether the list of models leaves it out.
      type: bool
      returned: when the model is there
    active:
      description: Whether the model is on.
      type: bool
      returned: when the model is there
    profile_image_url:
      description: The picture's address. A picture within the address is shown by its kind, size and digest.
      type: str
      returned: when the model is there
    meta:
      description: The other keys that the server keeps with the model.
      type: dict
      returned: when the model is there
    access:
      description: Who may see and change it, by names. What O(access) cannot say is under C(other).
      type: dict
      returned: when O(access) is set
problems:
  description: What is wrong with the options, a sentence for each.
  returned: when the model is invalid
  type: list
  elements: str
done:
  description: The models that had been written when the run broke off.
  returned: when a write fails
  type: list
  elements: str
failed_steps:
  description: The write that failed, by C(action), C(name) and C(fields), with the server's message under C(msg).
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

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES, Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.models.resource import Models, without_plan
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.models.spec import MODEL_OPTIONS, desired_models


def body(module: AnsibleModule) -> dict[str, Any]:
    all_desired = desired_models([{name: module.params[name] for name in MODEL_OPTIONS}], listed=False)
    models = Models(Client(module.params, module.check_mode))
    return without_plan(converge(models, all_desired, check_mode=module.check_mode).single())


def main() -> None:
    run({**WEBUI_OPTIONS, **MODEL_OPTIONS}, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
