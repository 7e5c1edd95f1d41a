#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_prompts
short_description: Manage many prompts of Open WebUI
version_added: 0.1.0
description:
  - Creates, changes and deletes prompts that people call by commands, from a list.
  - All prompts are read at once, compared, and only those that differ are written, some at a time.
  - Every entry is checked before the first write, and one error names all that are wrong.
  - A run that breaks off tells which prompts were done, which failed and which were not begun. The next run finishes.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
  - selfhosted.llm.webui_prompt.listed
options:
  purge:
    description:
      - Remove every prompt that O(prompts) does not list, those that users made for themselves as well.
      - Refused where O(prompts) lists nothing with state present.
    type: bool
    default: false
  workers:
    description:
      - How many prompts are written at once.
    type: int
    default: 4
seealso:
  - module: selfhosted.llm.webui_prompt
  - module: selfhosted.llm.webui_models
"""

EXAMPLES = r"""
- name: Everybody has these prompts
  selfhosted.llm.webui_prompts:
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
    prompts:
      - command: summary
        content: "Sum up in five sentences what follows:"
        access: {public: true}
      - command: grammar
        content: "Correct the grammar of what follows, and say why:"
        access: {public: true}

- name: Each file of a folder is a prompt, and there are no others
  selfhosted.llm.webui_prompts:
    token: "{{ vault_webui_key }}"
    purge: true
    prompts: >-
      {{ dict(names | zip(texts)) | dict2items(key_name='command', value_name='content')
      | map('combine', {'access': {'public': true}}) }}
  vars:
    files: "{{ query('ansible.builtin.fileglob', 'prompts/*.md') }}"
    names: "{{ files | map('basename') | map('splitext') | map('first') }}"
    texts: "{{ query('ansible.builtin.file', *files) }}"

- name: Two prompts are gone
  selfhosted.llm.webui_prompts:
    token: "{{ vault_webui_key }}"
    prompts:
      - command: letter
        state: absent
      - command: lesson
        state: absent

- name: Import all prompts that were exported on Open WebUI's page
  selfhosted.llm.webui_prompts:
    token: "{{ vault_webui_key }}"
    src: exports/prompts-export-1745623456.json
    prompts:
      - command: summary
        access: {public: true}
"""

RETURN = r"""
prompts:
  description:
    - The listed prompts that are there after the run, in the order of O(prompts), as the server shows them, each as
      M(selfhosted.llm.webui_prompt) returns it.
    - In check mode what is foreseen; new prompts have no C(id) then.
  returned: success
  type: list
  elements: dict
  sample:
    - command: summary
      name: summary
plan:
  description: What was changed, or would be in check mode.
  returned: success
  type: list
  elements: dict
  sample:
    - action: update
      name: summary
      fields: [content]
  contains:
    action:
      description: V(create), V(update) or V(delete).
      type: str
      returned: success
    name:
      description: The command of the prompt.
      type: str
      returned: success
    fields:
      description: The fields that differ.
      type: list
      elements: str
      returned: success
kept:
  description: The prompts that O(purge) left alone. Before Open WebUI 0.8 no path of the API can hold their commands.
  returned: success
  type: list
  elements: str
  sample: []
problems:
  description: What is wrong with the entries of O(prompts), a sentence for each.
  returned: when an entry is invalid
  type: list
  elements: str
done:
  description: The prompts that had been written when a run broke off.
  returned: when a write fails
  type: list
  elements: str
failed_steps:
  description: The writes that failed, as in RV(plan), each with the server's message under C(msg).
  returned: when a write fails
  type: list
  elements: dict
not_begun:
  description: The prompts that the run did not come to.
  returned: when a write fails
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.entries import refuse_to_purge_all
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.entries.src_files import (
    SRC_OPTIONS,
    all_entries,
    list_rules,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace.prompt_spec import (
    PROMPT_OPTIONS,
    desired_prompts,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace.prompts import Prompts

OPTIONS = {
    **WEBUI_OPTIONS,
    "prompts": {"type": "list", "elements": "dict", "options": PROMPT_OPTIONS},
    **SRC_OPTIONS,
    "purge": {"type": "bool", "default": False},
    "workers": {"type": "int", "default": 4},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    purge, workers = module.params["purge"], module.params["workers"]
    entries = all_entries("prompt", module.params["prompts"], module.params["src"], PROMPT_OPTIONS)
    all_desired = desired_prompts(entries)
    if purge:
        refuse_to_purge_all(all_desired, "prompts")
    prompts = Prompts(Client(module.params, module.check_mode), whole=purge)
    return converge(prompts, all_desired, check_mode=module.check_mode, purge=purge, workers=workers).many("prompts")


def main() -> None:
    run(OPTIONS, body, **list_rules("prompts"))


if __name__ == "__main__":
    main()
