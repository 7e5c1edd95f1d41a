#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_default_permissions
short_description: Say what everybody may do on Open WebUI
version_added: 0.1.0
description:
  - Sets the permissions that every account has. Groups can only add to them, see M(selfhosted.llm.webui_group).
  - Administrators may do nearly everything, whatever stands here.
  - Open WebUI keeps these permissions as settings. Where it would forget a change at its next start
    (E(ENABLE_PERSISTENT_CONFIG) is V(false)) the task is refused.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
options:
  permissions:
    description:
      - A mapping of sections (C(workspace), C(sharing), C(access_grants), C(chat), C(features), C(settings)) to keys
        with V(true) or V(false). The result shows all that there are.
      - Only the keys that are given are compared and set, others keep their value. One that this server does not have
        is an error.
    type: dict
    required: true
seealso:
  - module: selfhosted.llm.webui_groups
"""

EXAMPLES = r"""
- name: Nobody shares chats or searches the web, unless a group allows it
  selfhosted.llm.webui_default_permissions:
    token: "{{ vault_webui_key }}"
    permissions:
      chat:
        share: false
      features:
        web_search: false

- name: All permissions are known
  selfhosted.llm.webui_default_permissions:
    token: "{{ vault_webui_key }}"
    permissions: {}
  register: everybody
"""

RETURN = r"""
default_permissions:
  description: What everybody may do after the run, or as foreseen in check mode.
  returned: success
  type: dict
  sample:
    permissions:
      chat:
        share: false
  contains:
    permissions:
      description: All sections with all their keys.
      type: dict
      returned: success
problems:
  description: What is wrong with O(permissions), a sentence for each.
  returned: when they are invalid
  type: list
  elements: str
done:
  description: What had been written when a run broke off.
  returned: when a write fails
  type: list
  elements: str
failed_steps:
  description: The writes that failed, by C(action), C(name) and C(fields), with the server's words under C(msg).
  returned: when a write fails
  type: list
  elements: dict
not_begun:
  description: What the run did not come to.
  returned: when a write fails
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES, Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.groups.default_permissions import (
    DefaultPermissions,
    desired_permissions,
)


def body(module: AnsibleModule) -> dict[str, Any]:
    desired = desired_permissions(module.params["permissions"])
    everybody = DefaultPermissions(Client(module.params, module.check_mode))
    return converge(everybody, [desired], check_mode=module.check_mode).single()


def main() -> None:
    run({**WEBUI_OPTIONS, "permissions": {"type": "dict", "required": True}}, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
