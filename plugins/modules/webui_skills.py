#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_skills
short_description: Manage many skills of Open WebUI
version_added: 0.1.0
description:
  - Creates, changes and deletes skills from a list.
  - All skills are read at once, compared, and only those that differ are written, some at a time.
  - Every entry is checked before the first write, and one error names all that are wrong.
  - A run that breaks off tells which skills were done, which failed and which were not begun. The next run finishes.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
  - selfhosted.llm.webui_code.skills
options:
  purge:
    description:
      - Remove every skill that O(skills) does not list, whoever made it.
      - Refused where O(skills) lists nothing with state present.
    type: bool
    default: false
  workers:
    description:
      - How many skills are written at once.
    type: int
    default: 4
seealso:
  - module: selfhosted.llm.webui_skill
  - module: selfhosted.llm.webui_models
"""

EXAMPLES = r"""
- name: These skills are there, and others are left alone
  selfhosted.llm.webui_skills:
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
    skills:
      - id: letters
        src: skills/letters.md
        access: {public: true}
      - id: marks
        src: skills/marks.md
        access: {read: {groups: [teachers]}}

- name: One skill is there, and no other
  selfhosted.llm.webui_skills:
    token: "{{ vault_webui_key }}"
    purge: true
    skills:
      - id: letters

- name: A skill is gone
  selfhosted.llm.webui_skills:
    token: "{{ vault_webui_key }}"
    skills:
      - id: marks
        state: absent

- name: Import all skills that were exported on Open WebUI's page
  selfhosted.llm.webui_skills:
    token: "{{ vault_webui_key }}"
    src: exports/skills-export-1745623456.json
"""

RETURN = r"""
skills:
  description:
    - The listed skills that are there after the run, in the order of O(skills), as the server shows them, each as
      M(selfhosted.llm.webui_skill) returns it.
    - In check mode what is foreseen.
  returned: success
  type: list
  elements: dict
  sample:
    - id: one
      name: One
plan:
  description: What was changed, or would be in check mode.
  returned: success
  type: list
  elements: dict
  sample:
    - action: update
      name: one
      fields: [content]
  contains:
    action:
      description: V(create), V(update) or V(delete).
      type: str
      returned: success
    name:
      description: The id of the skill.
      type: str
      returned: success
    fields:
      description: The fields that differ.
      type: list
      elements: str
      returned: success
kept:
  description: The skills that O(purge) left alone. No path of the API can hold their ids (a slash, V(.), V(..)).
  returned: success
  type: list
  elements: str
  sample: []
problems:
  description: What is wrong with the entries of O(skills), a sentence for each.
  returned: when an entry is invalid
  type: list
  elements: str
done:
  description: The skills that had been written when the run broke off.
  returned: when a write fails
  type: list
  elements: str
failed_steps:
  description: The writes that failed, as in RV(plan), each with the server's message under C(msg).
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
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.entries import refuse_to_purge_all
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.entries.src_files import (
    SRC_OPTIONS,
    all_entries,
    list_rules,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace.code_spec import (
    SKILL,
    SKILL_OPTIONS,
    desired_code,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace.skills import Skills

OPTIONS = {
    **WEBUI_OPTIONS,
    "skills": {"type": "list", "elements": "dict", "options": SKILL_OPTIONS},
    **SRC_OPTIONS,
    "purge": {"type": "bool", "default": False},
    "workers": {"type": "int", "default": 4},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    purge, workers = module.params["purge"], module.params["workers"]
    entries = all_entries("skill", module.params["skills"], module.params["src"], SKILL_OPTIONS)
    all_desired = desired_code(SKILL, entries)
    if purge:
        refuse_to_purge_all(all_desired, "skills")
    resource = Skills(Client(module.params, module.check_mode))
    return converge(resource, all_desired, check_mode=module.check_mode, purge=purge, workers=workers).many("skills")


def main() -> None:
    run(OPTIONS, body, **list_rules("skills"))


if __name__ == "__main__":
    main()
