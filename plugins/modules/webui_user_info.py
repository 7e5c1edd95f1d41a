#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_user_info
short_description: Read accounts of Open WebUI
version_added: 0.1.0
description:
  - Returns one account, or all of them.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes.info_module
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
  - selfhosted.llm.query
options:
  email:
    description:
      - The e-mail address of the account to read. If it does not exist, the list is empty.
      - If you leave it out, all accounts are read, 30 with each call.
    type: str
seealso:
  - module: selfhosted.llm.webui_user
"""

EXAMPLES = r"""
- name: Look at all accounts
  selfhosted.llm.webui_user_info:
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
  register: accounts

- name: Name those who wait for approval
  ansible.builtin.debug:
    msg: "{{ accounts.users | selectattr('role', 'eq', 'pending') | map(attribute='email') }}"

- name: Look at one account
  selfhosted.llm.webui_user_info:
    token: "{{ vault_webui_key }}"
    email: anna@example.org

- name: Get only the e-mail addresses of the pending accounts
  selfhosted.llm.webui_user_info:
    token: "{{ vault_webui_key }}"
    query: users[?role=='pending'].email
  register: pending

- name: Show them
  ansible.builtin.debug:
    var: pending.query_result
"""

RETURN = r"""
users:
  description: The accounts, sorted by e-mail address.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 2f1c8a4e-7c1f-4a0b-9a52-0d7d3d0f6a55
      email: anna@example.org
      name: Anna Weber
      role: user
      groups:
        - teachers
      profile_image_url: /user.png
      created_at: 1795421857
      last_active_at: 1795422144
  contains:
    id:
      description: The account's id on the server.
      type: str
      returned: success
    email:
      description: The e-mail address, in lower case.
      type: str
      returned: success
    name:
      description: The displayed name.
      type: str
      returned: success
    role:
      description: V(pending), V(user) or V(admin).
      type: str
      returned: success
    groups:
      description: The names of the user's groups, sorted.
      type: list
      elements: str
      returned: success
    profile_image_url:
      description: The picture's address. A picture within the address is shown by its type, size and digest.
      type: str
      returned: success
    created_at:
      description: When the account was created, in seconds since 1970.
      type: int
      returned: success
    last_active_at:
      description: When the account was last active, in seconds since 1970.
      type: int
      returned: success
query_result:
  description: The answer to O(query), null where the expression finds nothing.
  returned: success and O(query) is set
  type: raw
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import QUERY, run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.compare import user_states
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES, Client


def body(module: AnsibleModule) -> dict[str, Any]:
    client = Client(module.params, read_only=True)
    return {"changed": False, "users": user_states(client, module.params["email"])}


def main() -> None:
    run({**WEBUI_OPTIONS, **QUERY, "email": {"type": "str"}}, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
