#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_first_admin
short_description: Replace the one-time password of Open WebUI's first admin
version_added: 0.1.0
description:
  - Open WebUI creates its first administrator from C(WEBUI_ADMIN_EMAIL) and C(WEBUI_ADMIN_PASSWORD) of its environment,
    which everybody who may inspect the container can always read.
  - Start it with a one-time password there, and let this module replace that at once.
  - Signs in with O(admin_password). If that works, nothing is changed. Otherwise it signs in with O(initial_password),
    changes the password, and signs in again to verify it.
  - If the server has no account at all, it signs up with O(admin_password), because the first account becomes the
    administrator. Before Open WebUI 0.7, which does not read those variables, there is no other way; such a server
    needs C(ENABLE_INITIAL_ADMIN_SIGNUP) to be V(true) where C(ENABLE_SIGNUP) is V(false).
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
options:
  admin_email:
    description:
      - The e-mail address of the first admin.
    type: str
    required: true
  admin_password:
    description:
      - The desired password. 1 to 72 bytes in UTF-8.
    type: str
    required: true
  initial_password:
    description:
      - The one-time password of the container's environment. It must differ from O(admin_password).
    type: str
    required: true
  token:
    description:
      - Not used. It exists so that all modules of the group can share their defaults.
    type: str
notes:
  - A run costs one sign-in, the first run three, of the 15 in 3 minutes that Open WebUI accepts per e-mail address.
    The tasks that follow share it.
seealso:
  - module: selfhosted.llm.webui_user
"""

EXAMPLES = r"""
- name: The password from the environment no longer works
  selfhosted.llm.webui_first_admin:
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
    initial_password: "{{ one_time_password }}"

- name: The same, at another address
  selfhosted.llm.webui_first_admin:
    url: https://chat.example.org
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
    initial_password: "{{ one_time_password }}"
"""

RETURN = r"""
first_admin:
  description: The account after the run, or as expected in check mode.
  returned: success
  type: dict
  sample:
    email: admin@example.org
    signs_in_with: admin_password
  contains:
    email:
      description: The e-mail address of the first admin.
      type: str
      returned: success
    signs_in_with:
      description: The option that holds the password in force. Always V(admin_password) after a run.
      type: str
      returned: success
done:
  description: The accounts that had been written when the run failed.
  returned: when a write fails
  type: list
  elements: str
failed_steps:
  description: The write that failed, by C(action), C(name) and C(fields), with the server's message under C(msg).
  returned: when a write fails
  type: list
  elements: dict
not_begun:
  description: The accounts that the run had not begun.
  returned: when a write fails
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.first_admin import (
    FirstAdmin,
    desired_first_admin,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import SERVER_OPTIONS

OPTIONS = {
    **SERVER_OPTIONS,
    "admin_email": {"type": "str", "required": True},
    "admin_password": {"type": "str", "required": True, "no_log": True},
    "initial_password": {"type": "str", "required": True, "no_log": True},
    "token": {"type": "str", "no_log": True},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    desired = desired_first_admin(module.params)
    admin = FirstAdmin(module.params, module.check_mode)
    return converge(admin, [desired], check_mode=module.check_mode).single()


def main() -> None:
    run(OPTIONS, body)


if __name__ == "__main__":
    main()
