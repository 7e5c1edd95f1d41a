#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_default_permissions
short_description: Manage the default permissions of Open WebUI
version_added: 0.1.0
description:
  - Sets the permissions of all accounts. Groups can only add to them, see M(selfhosted.llm.webui_group).
  - Administrators may do nearly everything, regardless of these permissions.
  - Open WebUI stores these permissions as settings. If it would forget a change at its next start
    (E(ENABLE_PERSISTENT_CONFIG) is V(false)), the task fails.
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
        with V(true) or V(false). The result shows all of them.
      - Only the keys that you set are compared and changed, others keep their value. A key that this server does not
        have is an error.
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
  description: The default permissions after the run, or as expected in check mode.
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
  description: The problems of O(permissions), a sentence for each.
  returned: when they are invalid
  type: list
  elements: str
done:
  description: The steps that were written when the run failed.
  returned: when a write fails
  type: list
  elements: str
failed_steps:
  description: The writes that failed, by C(action), C(name) and C(fields), with the server's message under C(msg).
  returned: when a write fails
  type: list
  elements: dict
not_begun:
  description: The steps that the run had not begun.
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
