#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_user
short_description: Manage one account of Open WebUI
version_added: 0.1.0
description:
  - Creates, updates and deletes an account, with its role and its groups.
  - Only the options that you set are compared and changed.
  - For more than a few accounts use M(selfhosted.llm.webui_users), which reads them all at once.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
  - selfhosted.llm.webui.user
attributes:
  idempotent:
    support: partial
    details:
      - With O(update_password=always) each run writes the password, because the server does not show passwords.
        With V(verify) it signs in to find out whether the password is already set.
options:
  email:
    description:
      - The e-mail address, which identifies the account. The server compares it in lower case.
      - An existing account may have any, such as V(jdoe) or V(alice@github) from a single sign-on. A new one needs
        C(name@domain.tld) or C(name@localhost), because the server accepts no other.
    type: str
    required: true
  role:
    description:
      - V(user) may use the server, V(pending) may do nothing, and V(admin) may do anything with the server and its
        container.
      - A new account without a role becomes a V(user), whatever default the server has for people who sign up.
    type: str
    choices:
      - pending
      - user
      - admin
seealso:
  - module: selfhosted.llm.webui_users
  - module: selfhosted.llm.webui_user_info
"""

EXAMPLES = r"""
- name: Anna has an account
  selfhosted.llm.webui_user:
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
    email: anna@example.org
    password: "{{ vault_anna_password }}"

- name: Anna is in the group of teachers, and in no other
  selfhosted.llm.webui_user:
    token: "{{ vault_webui_key }}"
    email: anna@example.org
    name: Anna Weber
    password: "{{ vault_anna_password }}"
    groups:
      - teachers

- name: Ben must wait outside, but keeps his chats
  selfhosted.llm.webui_user:
    token: "{{ vault_webui_key }}"
    email: ben@example.org
    role: pending
    password: "{{ vault_ben_password }}"

- name: Ben's account is gone
  selfhosted.llm.webui_user:
    token: "{{ vault_webui_key }}"
    email: ben@example.org
    state: absent

- name: Clara has forgotten her password and gets this one, which also ends her sessions
  selfhosted.llm.webui_user:
    url: https://chat.example.org
    ca_path: /etc/ssl/certs/our-ca.pem
    token: "{{ vault_webui_key }}"
    email: clara@example.org
    password: "{{ vault_clara_password }}"
    update_password: always

- name: The service account has this password, and is signed out only where it had another
  selfhosted.llm.webui_user:
    token: "{{ vault_webui_key }}"
    email: automation@example.org
    password: "{{ vault_automation_password }}"
    update_password: verify
"""

RETURN = r"""
user:
  description:
    - The account after the run, as the server shows it; empty if it is absent.
    - In check mode the expected state; a new account has no C(id) then.
  returned: success
  type: dict
  sample:
    id: 2f1c8a4e-7c1f-4a0b-9a52-0d7d3d0f6a55
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
      returned: when the account is there
    email:
      description: The e-mail address, in lower case.
      type: str
      returned: when the account is there
    name:
      description: The displayed name.
      type: str
      returned: when the account is there
    role:
      description: V(pending), V(user) or V(admin).
      type: str
      returned: when the account is there
    groups:
      description: The names of the user's groups, sorted.
      type: list
      elements: str
      returned: when the account is there
    profile_image_url:
      description: The picture's address. A picture within the address is shown by its type, size and digest.
      type: str
      returned: when the account is there
    created_at:
      description: When the account was created, in seconds since 1970.
      type: int
      returned: when the account is there
    last_active_at:
      description: When the account was last active, in seconds since 1970.
      type: int
      returned: when the account is there
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
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.compare import without_password
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.resource import Users
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.spec import USER_OPTIONS, desired_user
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES, Client


def body(module: AnsibleModule) -> dict[str, Any]:
    desired = desired_user(module.params)
    users = Users(Client(module.params, module.check_mode), module.params)
    return without_password(converge(users, [desired], check_mode=module.check_mode).single())


def main() -> None:
    run({**WEBUI_OPTIONS, **USER_OPTIONS}, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
