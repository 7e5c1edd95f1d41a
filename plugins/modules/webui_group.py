#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_group
short_description: Manage a group of Open WebUI
version_added: 0.1.0
description:
  - Creates, updates and deletes a group, with its permissions, its members and its parent group.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
  - selfhosted.llm.webui_group
seealso:
  - module: selfhosted.llm.webui_groups
  - module: selfhosted.llm.webui_group_info
  - module: selfhosted.llm.webui_default_permissions
"""

EXAMPLES = r"""
- name: Teachers may make presets
  selfhosted.llm.webui_group:
    token: "{{ vault_webui_key }}"
    name: teachers
    description: All who teach
    permissions:
      workspace:
        models: true
    share: members
    default_models:
      - tutor

- name: Exactly these two are in the class, whose parent is pupils
  selfhosted.llm.webui_group:
    token: "{{ vault_webui_key }}"
    name: class 7a
    parent: pupils
    members:
      - ben@example.org
      - clara@example.org
    purge_members: true

- name: The group is gone
  selfhosted.llm.webui_group:
    token: "{{ vault_webui_key }}"
    name: class 10b
    state: absent
"""

RETURN = r"""
group:
  description: The group after the run, or the expected one in check mode. Empty if it is absent.
  returned: success
  type: dict
  sample:
    id: 3f0c1a52-6c0e-4f0e-9a43-5d1b0a7c9e11
    name: teachers
    description: All who teach
    permissions:
      workspace:
        models: true
    parent: ""
    share: members
    default_models: [tutor]
    members:
      - anna@example.org
  contains:
    id:
      description: The group's id on the server.
      type: str
      returned: success
    name:
      description: The name.
      type: str
      returned: success
    description:
      description: What it is for.
      type: str
      returned: success
    permissions:
      description: The permissions of the group. A missing key grants nothing.
      type: dict
      returned: success
    parent:
      description: The name of the parent group, or empty.
      type: str
      returned: from Open WebUI 0.12 on
    share:
      description: Who may share with it, V(anyone), V(members) or V(no_one).
      type: str
      returned: success
    default_models:
      description: The ids of the models that new chats of its members start with.
      type: list
      elements: str
      returned: from Open WebUI 0.12 on
    members:
      description: The e-mail addresses of its own members, sorted.
      type: list
      elements: str
      returned: when O(members) is given
problems:
  description: The problems of the options, a sentence for each.
  returned: when the group is invalid
  type: list
  elements: str
done:
  description: The groups that had been written when the run failed.
  returned: when a write fails
  type: list
  elements: str
failed_steps:
  description: The writes that failed, by C(action), C(name) and C(fields), with the server's message under C(msg).
  returned: when a write fails
  type: list
  elements: dict
not_begun:
  description: The groups that the run had not begun.
  returned: when a write fails
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES, Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.groups.resource import ManagedGroups
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.groups.spec import GROUP_OPTIONS, desired_groups


def body(module: AnsibleModule) -> dict[str, Any]:
    all_desired = desired_groups([module.params], listed=False)
    groups = ManagedGroups(Client(module.params, module.check_mode))
    return converge(groups, all_desired, check_mode=module.check_mode).single()


def main() -> None:
    run({**WEBUI_OPTIONS, **GROUP_OPTIONS}, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
