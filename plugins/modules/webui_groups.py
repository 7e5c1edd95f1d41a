#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_groups
short_description: Manage many groups of Open WebUI
version_added: 0.1.0
description:
  - Creates, updates and deletes groups from a list, with their permissions, members and parent groups.
  - All groups are read and compared at once, and only those that differ are written, several at a time. A group is
    written after its parent.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
  - selfhosted.llm.webui_group.listed
options:
  purge:
    description:
      - Delete every group that O(groups) does not list. Refused if O(groups) lists no group with state V(present).
      - Groups that OAuth, SCIM or LDAP created are kept, unless O(purge_external) is V(true). RV(kept) names them.
    type: bool
    default: false
  purge_external:
    description:
      - Whether O(purge) also deletes groups of OAuth, SCIM or LDAP.
      - OAuth marks its groups by their description (C(Group '...' created automatically via OAuth.)), and LDAP creates
        them as an account that is not an administrator. SCIM marks nothing, so while SCIM is switched on,
        every group without a description counts as one of SCIM.
    type: bool
    default: false
  workers:
    description:
      - The number of groups that are written at the same time.
    type: int
    default: 4
seealso:
  - module: selfhosted.llm.webui_group
  - module: selfhosted.llm.webui_group_info
  - module: selfhosted.llm.webui_default_permissions
"""

EXAMPLES = r"""
- name: A school has these groups
  selfhosted.llm.webui_groups:
    token: "{{ vault_webui_key }}"
    groups:
      - name: teachers
        permissions:
          workspace:
            models: true
            knowledge: true
          chat:
            share: true
      - name: pupils
      - name: class 7a
        parent: pupils

- name: These groups and no others
  selfhosted.llm.webui_groups:
    token: "{{ vault_webui_key }}"
    groups: "{{ school_groups }}"
    purge: true
"""

RETURN = r"""
groups:
  description:
    - The listed groups that are there after the run, in the order of O(groups), as the server shows them.
    - In check mode the expected state; new groups have no C(id) then.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 3f0c1a52-6c0e-4f0e-9a43-5d1b0a7c9e11
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
      returned: when O(groups[].members) is given
plan:
  description: The changes, or the expected ones in check mode.
  returned: success
  type: list
  elements: dict
  sample:
    - action: update
      name: teachers
      fields: [permissions]
  contains:
    action:
      description: V(create), V(update) or V(delete).
      type: str
      returned: success
    name:
      description: The name of the group.
      type: str
      returned: success
    fields:
      description: The fields that differ.
      type: list
      elements: str
      returned: success
kept:
  description: The groups that O(purge) kept although O(groups) does not list them.
  returned: success
  type: list
  elements: str
  sample: [physics department]
problems:
  description: The problems of the entries of O(groups), a sentence for each.
  returned: when an entry is invalid
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
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.entries import refuse_to_purge_all
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES, Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.groups.resource import ManagedGroups
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.groups.spec import GROUP_OPTIONS, desired_groups

OPTIONS = {
    **WEBUI_OPTIONS,
    "groups": {"type": "list", "elements": "dict", "required": True, "options": GROUP_OPTIONS},
    "purge": {"type": "bool", "default": False},
    "purge_external": {"type": "bool", "default": False},
    "workers": {"type": "int", "default": 4},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    purge, workers = params["purge"], params["workers"]
    all_desired = desired_groups(params["groups"])
    if purge:
        refuse_to_purge_all(all_desired, "groups")
    groups = ManagedGroups(Client(params, module.check_mode), purge_external=params["purge_external"])
    return converge(groups, all_desired, check_mode=module.check_mode, purge=purge, workers=workers).many("groups")


def main() -> None:
    run(OPTIONS, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
