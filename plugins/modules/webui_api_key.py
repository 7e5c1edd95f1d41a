#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_api_key
short_description: Manage an API key of Open WebUI for automation
version_added: 0.1.0
description:
  - Creates an account for automation and its API key, once, and keeps the key in a file on the controller.
  - A key needs no sign-in, so no limit on sign-ins applies, and it keeps working with a second factor switched on.
  - An account has one key. A valid key is never replaced, except with O(state=rotated). If only the file was lost, the
    current key is fetched again.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
attributes:
  idempotent:
    support: partial
    details:
      - With O(state=rotated) each run creates another key.
options:
  email:
    description:
      - The e-mail address of the account of the key. The account is created if it does not exist.
      - If you leave it out, it is the key of the account that the task signs in with.
    type: str
  name:
    description:
      - The name of a new account.
      - An account with this name and O(role) counts as created by this module. It gets a new random password if its key
        has to be fetched again. Any other account is left alone unless you set O(password).
    type: str
    default: Service account (selfhosted.llm)
  role:
    description:
      - The role of a new account. Only an administrator can manage the server.
      - Other accounts also need the permission C(features.api_keys).
    type: str
    choices:
      - user
      - admin
    default: admin
  password:
    description:
      - The password of O(email), if the account belongs to a person, or must be able to sign in.
      - Without it a new account gets a random one.
    type: str
  dest:
    description:
      - The file on the controller that keeps the key, with mode 0600, and nothing else in it. Its directory must exist.
        Use one file for each server.
      - If it exists, its key is tried first, like O(key). It may be encrypted by Ansible Vault; a new key
        is then encrypted as well.
      - Read it with P(ansible.builtin.file#lookup).
    type: path
  key:
    description:
      - The known key, for example from a vault, instead of O(dest).
    type: str
  enable_api_keys:
    description:
      - Switch on API keys on the server (the setting C(auth.enable_api_keys)) before a key is created or fetched.
      - A known key is left as it is. If somebody has switched off API keys since, the task warns.
    type: bool
    default: false
  state:
    description:
      - With V(present) there is a key, and the task knows it.
      - With V(rotated) a new key replaces the old one, which becomes invalid at once.
      - With V(absent) there is no key. The file O(dest) is deleted, the account is not.
    type: str
    choices:
      - present
      - rotated
      - absent
    default: present
notes:
  - API keys must be switched on (the setting C(auth.enable_api_keys)), or O(enable_api_keys) be V(true).
  - If the server no longer accepts O(token) or the key in O(dest), for example because it was set up again, also set
    O(admin_email) and O(admin_password). The task then signs in by password and creates the key again.
  - Create the key before you switch on a second factor. With one, Open WebUI opens no session for a new account.
seealso:
  - module: selfhosted.llm.webui_user
"""

EXAMPLES = r"""
- name: Automation has a key, which the controller keeps
  selfhosted.llm.webui_api_key:
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
    email: automation@example.org
    dest: "secrets/{{ inventory_hostname }}.key"
    enable_api_keys: true

- name: All that follows uses it, or the password where the key is not valid
  selfhosted.llm.webui_users:
    token: "{{ lookup('ansible.builtin.file', 'secrets/' ~ inventory_hostname ~ '.key') }}"
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
    users: "{{ people }}"

- name: The key is another from now on
  selfhosted.llm.webui_api_key:
    token: "{{ lookup('ansible.builtin.file', 'secrets/' ~ inventory_hostname ~ '.key') }}"
    email: automation@example.org
    dest: "secrets/{{ inventory_hostname }}.key"
    state: rotated

- name: The key as a variable, to be stored where you like
  selfhosted.llm.webui_api_key:
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
    email: automation@example.org
    key: "{{ vault_webui_key | default(omit) }}"
  register: automation
  no_log: true
"""

RETURN = r"""
api_key:
  description: The account of the key after the run. Empty if there is no key.
  returned: success
  type: dict
  sample:
    email: automation@example.org
  contains:
    email:
      description: The account's e-mail address; null for the account that the task signs in with.
      type: str
      returned: when there is a key
key:
  description:
    - The key. Register it with C(no_log=true).
  returned: when O(dest) is not given, and the key is another than O(key), and not in check mode
  type: str
dest:
  description: The file on the controller that keeps the key.
  returned: when O(dest) is given
  type: str
done:
  description: The steps that were written when the run failed.
  returned: when a write fails
  type: list
  elements: str
failed_steps:
  description: The write that failed, by C(action), C(name) and C(fields), with the server's message under C(msg).
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
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.api_key import ApiKey, desired_api_key
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES, Client

OPTIONS = {
    **WEBUI_OPTIONS,
    "email": {"type": "str"},
    "name": {"type": "str", "default": "Service account (selfhosted.llm)"},
    "role": {"type": "str", "choices": ["user", "admin"], "default": "admin"},
    "password": {"type": "str", "no_log": True},
    "dest": {"type": "path"},
    "key": {"type": "str", "no_log": True},
    "enable_api_keys": {"type": "bool", "default": False, "no_log": False},
    "state": {"type": "str", "choices": ["present", "rotated", "absent"], "default": "present"},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    api_key = ApiKey(Client(module.params, module.check_mode), module.params, module.check_mode)
    result = converge(api_key, [desired_api_key(module.params)], check_mode=module.check_mode).single()
    result["api_key"].pop("key", None)
    if api_key.key_in_force not in (None, (module.params["key"] or "").strip()):
        result["key"] = api_key.key_in_force
    return result


def main() -> None:
    run(OPTIONS, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
