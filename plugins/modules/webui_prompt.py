#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_prompt
short_description: Manage one prompt of Open WebUI
version_added: 0.1.0
description:
  - Creates, changes and deletes a prompt that people call by a command.
  - Compares and changes only the options that you set.
  - For more than a few prompts use M(selfhosted.llm.webui_prompts), which reads them all at once.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
  - selfhosted.llm.webui.access
  - selfhosted.llm.webui_prompt
seealso:
  - module: selfhosted.llm.webui_prompts
  - module: selfhosted.llm.webui_model
"""

EXAMPLES = r"""
- name: Everybody may type /summary
  selfhosted.llm.webui_prompt:
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
    command: summary
    name: Summary
    content: "Sum up in five sentences what follows:"
    access:
      public: true

- name: Create a prompt from a file, which teachers may change
  selfhosted.llm.webui_prompt:
    token: "{{ vault_webui_key }}"
    command: lesson
    name: Plan a lesson
    content: "{{ lookup('ansible.builtin.file', 'prompts/lesson.md') }}"
    tags: [school]
    access:
      write:
        groups: [teachers]

- name: A prompt asks for what it needs
  selfhosted.llm.webui_prompt:
    token: "{{ vault_webui_key }}"
    command: letter
    content: "{% raw %}Write a letter to {{ name }}. Today is {{CURRENT_DATE}}.{% endraw %}"

- name: A prompt is switched off and kept
  selfhosted.llm.webui_prompt:
    token: "{{ vault_webui_key }}"
    command: lesson
    active: false

- name: Import a prompt that was exported on Open WebUI's page
  selfhosted.llm.webui_prompt:
    token: "{{ vault_webui_key }}"
    command: summary
    src: exports/prompt-export-1745623456.json

- name: A prompt is gone
  selfhosted.llm.webui_prompt:
    token: "{{ vault_webui_key }}"
    command: /letter
    state: absent
"""

RETURN = r"""
prompt:
  description:
    - The prompt after the run, as the server shows it, or empty where it is absent.
    - In check mode what is foreseen; a new prompt has no C(id) then.
  returned: success
  type: dict
  sample:
    id: 7a3f0c55-2f1c-4a0b-9a52-0d7d3d0f6a55
    command: summary
    name: Summary
    content: "Sum up in five sentences what follows:"
    tags: []
    active: true
    access:
      public: true
      read: {groups: [], users: []}
      write: {groups: [], users: []}
  contains:
    id:
      description: The prompt's id on the server.
      type: str
      returned: when the prompt is there, from Open WebUI 0.8 on
    command:
      description: The command, without a slash.
      type: str
      returned: when the prompt is there
    name:
      description: The display name.
      type: str
      returned: when the prompt is there
    content:
      description: The text of the prompt.
      type: str
      returned: when the prompt is there
    tags:
      description: The tags, sorted.
      type: list
      elements: str
      returned: when the prompt is there, from Open WebUI 0.8 on
    active:
      description: Whether the prompt is offered.
      type: bool
      returned: when the prompt is there, from Open WebUI 0.8 on
    access:
      description: Who may see and change it, by names. What O(access) cannot say is under C(other).
      type: dict
      returned: when O(access) is set
problems:
  description: What is wrong with the options, a sentence for each.
  returned: when the prompt is invalid
  type: list
  elements: str
done:
  description: The prompts that had been written when the run broke off.
  returned: when a write fails
  type: list
  elements: str
failed_steps:
  description: The write that failed, by C(action), C(name) and C(fields), with the server's message under C(msg).
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
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES, Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace.prompt_spec import (
    PROMPT_OPTIONS,
    desired_prompts,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace.prompts import Prompts


def body(module: AnsibleModule) -> dict[str, Any]:
    all_desired = desired_prompts([{name: module.params[name] for name in PROMPT_OPTIONS}], listed=False)
    prompts = Prompts(Client(module.params, module.check_mode))
    return converge(prompts, all_desired, check_mode=module.check_mode).single()


def main() -> None:
    run({**WEBUI_OPTIONS, **PROMPT_OPTIONS}, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
