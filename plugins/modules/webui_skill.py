#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_skill
short_description: Manage one skill of Open WebUI
version_added: 0.1.0
description:
  - Creates, changes and deletes a skill, which is a text that models read when they need it.
  - Open WebUI has skills since 0.8.
  - Compares and changes only the options that you set.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
  - selfhosted.llm.webui.access
  - selfhosted.llm.webui_code.skill
seealso:
  - module: selfhosted.llm.webui_skills
  - module: selfhosted.llm.webui_tool
"""

EXAMPLES = r"""
- name: Everybody's models may read how letters are written here
  selfhosted.llm.webui_skill:
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
    id: letters
    name: Letters
    description: How letters of the school are written
    src: skills/letters.md
    access:
      public: true

- name: A skill is switched off and kept
  selfhosted.llm.webui_skill:
    token: "{{ vault_webui_key }}"
    id: letters
    active: false

- name: Import a skill that was exported on Open WebUI's page
  selfhosted.llm.webui_skill:
    token: "{{ vault_webui_key }}"
    id: letters
    src: exports/skill-letters-export-1745623456.json

- name: A skill is gone
  selfhosted.llm.webui_skill:
    token: "{{ vault_webui_key }}"
    id: letters
    state: absent
"""

RETURN = r"""
skill:
  description:
    - The skill after the run, as the server shows it, or empty where it is absent.
    - In check mode what is foreseen.
  returned: success
  type: dict
  sample:
    id: letters
    name: Letters
    description: How letters of the school are written
    content: "# Letters"
    active: true
  contains:
    id:
      description: The id, in lower case.
      type: str
      returned: when the skill is there
    name:
      description: The display name.
      type: str
      returned: when the skill is there
    description:
      description: What it is for.
      type: str
      returned: when the skill is there
    content:
      description: The instructions.
      type: str
      returned: when the skill is there
    active:
      description: Whether it is offered.
      type: bool
      returned: when the skill is there
    access:
      description: Who may see and change it, by names. What O(access) cannot say is under C(other).
      type: dict
      returned: when O(access) is set
problems:
  description: What is wrong with the options, a sentence for each.
  returned: when the skill is invalid
  type: list
  elements: str
done:
  description: The skills that had been written when the run broke off.
  returned: when a write fails
  type: list
  elements: str
failed_steps:
  description: The write that failed, by C(action), C(name) and C(fields), with the server's message under C(msg).
  returned: when a write fails
  type: list
  elements: dict
not_begun:
  description: The skills that the run did not come to.
  returned: when a write fails
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES, Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace.code_spec import (
    SKILL,
    SKILL_OPTIONS,
    desired_code,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace.skills import Skills


def body(module: AnsibleModule) -> dict[str, Any]:
    all_desired = desired_code(SKILL, [{name: module.params[name] for name in SKILL_OPTIONS}], listed=False)
    resource = Skills(Client(module.params, module.check_mode))
    return converge(resource, all_desired, check_mode=module.check_mode).single()


def main() -> None:
    run({**WEBUI_OPTIONS, **SKILL_OPTIONS}, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
