#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_group_info
short_description: Read groups of Open WebUI
version_added: 0.1.0
description:
  - Returns one group or all, with their permissions, and optionally with their members.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes.info_module
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
  - selfhosted.llm.query
options:
  name:
    description:
      - The name of a group. If you leave it out, all are returned. Several groups may have the same name.
    type: str
  members:
    description:
      - Whether to return the members, too. That costs a request for each group that has members.
    type: bool
    default: false
seealso:
  - module: selfhosted.llm.webui_groups
"""

EXAMPLES = r"""
- name: Who is in class 7a is known
  selfhosted.llm.webui_group_info:
    token: "{{ vault_webui_key }}"
    name: class 7a
    members: true
  register: known     # known.groups[0].members
"""

RETURN = r"""
groups:
  description: The groups, sorted by name.
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
      returned: when O(members=true)
query_result:
  description: The answer to O(query), null where the expression finds nothing.
  returned: success and O(query) is set
  type: raw
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import QUERY, run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES, Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.groups.resource import group_states

OPTIONS = {**WEBUI_OPTIONS, **QUERY, "name": {"type": "str"}, "members": {"type": "bool", "default": False}}


def body(module: AnsibleModule) -> dict[str, Any]:
    client = Client(module.params, read_only=True)
    return {"changed": False, "groups": group_states(client, module.params["name"], module.params["members"])}


def main() -> None:
    run(OPTIONS, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
