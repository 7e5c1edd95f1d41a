#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_users
short_description: Manage many accounts of Open WebUI
version_added: 0.1.0
description:
  - Makes, changes and removes accounts, with their roles and groups, from a list.
  - All accounts are read at once, compared, and only those that differ are written, some at a time.
  - Every entry is checked before the first write, and one error names all that are wrong.
  - A run that breaks off tells which accounts were done, which failed and which were not begun. The next run finishes.
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
      - With O(users[].update_password=always) each run writes the password, since nobody can read the one in force.
options:
  users:
    description:
      - The accounts. Of each only what is given is compared and changed.
    type: list
    elements: dict
    required: true
    suboptions:
      email:
        description:
          - The e-mail, by which the account is known. The server keeps it in lower case, and so it is compared.
          - C(name@domain.tld) or C(name@localhost).
        type: str
        required: true
      name:
        description:
          - The name that is shown.
          - A new account without one gets the part of O(users[].email) before the @.
        type: str
      password:
        description:
          - The password. Required for an account that is not there yet.
          - 1 to 72 bytes in UTF-8.
          - One that is already set cannot be compared. See O(users[].update_password).
        type: str
      update_password:
        description:
          - With V(on_create) the password is set when the account is made, and never again.
          - With V(always) it is written by every run, which is a change each time. From Open WebUI 0.12 on that ends
            all sessions of the account.
        type: str
        choices:
          - on_create
          - always
        default: on_create
      role:
        description:
          - V(user), V(admin) or V(pending), as for M(selfhosted.llm.webui_user).
          - A new account without one is made a V(user).
        type: str
      groups:
        description:
          - The names of the groups that the user is in, no more and no fewer.
          - Where it is left out, nothing is changed.
        type: list
        elements: str
      profile_image_url:
        description:
          - The picture. An C(http) or C(https) address, V(/user.png), or C(data:image/...;base64,...) of a PNG, JPEG,
            GIF or WebP. An empty one is V(/user.png).
        type: str
      state:
        description:
          - Whether the account is there. See M(selfhosted.llm.webui_user).
        type: str
        choices:
          - present
          - absent
        default: present
  purge:
    description:
      - Remove every account that O(users) does not list, with its chats.
      - The primary admin (the oldest account) and the account that the task signs in with are kept.
        RV(kept) names them.
      - Refused where O(users) lists nobody who is to be there.
    type: bool
    default: false
  workers:
    description:
      - How many accounts are written at once.
      - The server hashes each password, which takes a third of a second of one of its cores. More workers than it has
        cores gain little.
    type: int
    default: 4
seealso:
  - module: selfhosted.llm.webui_user
  - module: selfhosted.llm.webui_user_info
"""

EXAMPLES = r"""
- name: The team has accounts
  selfhosted.llm.webui_users:
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
    users:
      - email: anna@example.org
        name: Anna Weber
        password: "{{ vault_passwords.anna }}"
        groups:
          - teachers
      - email: ben@example.org
        password: "{{ vault_passwords.ben }}"

- name: Exactly these people have accounts, and the admins
  selfhosted.llm.webui_users:
    token: "{{ vault_webui_key }}"
    users: "{{ people }}"
    purge: true

- name: A big machine takes a big list
  selfhosted.llm.webui_users:
    token: "{{ vault_webui_key }}"
    users: "{{ people }}"
    workers: 16

- name: Two people have left
  selfhosted.llm.webui_users:
    token: "{{ vault_webui_key }}"
    users:
      - email: clara@example.org
        state: absent
      - email: dora@example.org
        state: absent
"""

RETURN = r"""
users:
  description:
    - The listed accounts that are there after the run, in the order of O(users), as the server shows them.
    - In check mode what is foreseen; new accounts have no C(id) then.
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
  contains:
    id:
      description: The account's id on the server.
      type: str
      returned: success
    email:
      description: The e-mail, in lower case.
      type: str
      returned: success
    name:
      description: The name that is shown.
      type: str
      returned: success
    role:
      description: V(pending), V(user) or V(admin).
      type: str
      returned: success
    groups:
      description: The names of the groups that the user is in, sorted.
      type: list
      elements: str
      returned: when an entry of O(users) gives groups
    profile_image_url:
      description: The picture's address. A picture within the address is shown by its kind, size and digest.
      type: str
      returned: when an entry of O(users) gives one
plan:
  description: What was changed, or would be in check mode.
  returned: success
  type: list
  elements: dict
  sample:
    - action: create
      name: anna@example.org
      fields: [email, name, role, password]
  contains:
    action:
      description: V(create), V(update) or V(delete).
      type: str
      returned: success
    name:
      description: The e-mail of the account.
      type: str
      returned: success
    fields:
      description: The fields that differ.
      type: list
      elements: str
      returned: success
kept:
  description: The accounts that O(purge) kept because they cannot be removed.
  returned: success
  type: list
  elements: str
  sample: [admin@example.org]
problems:
  description: What is wrong with the entries of O(users), a sentence for each.
  returned: when an entry cannot be as wanted
  type: list
  elements: str
done:
  description: The accounts that had been written when a run broke off.
  returned: when a write fails
  type: list
  elements: str
failed_steps:
  description: The writes that failed, as in RV(plan), each with the server's words under C(msg).
  returned: when a write fails
  type: list
  elements: dict
not_begun:
  description: The accounts that the run did not come to.
  returned: when a write fails
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.converge import converge
from ansible_collections.selfhosted.llm.plugins.module_utils.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.client import WEBUI_OPTIONS, WEBUI_RULES, Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.user_spec import LISTED_OPTIONS, user_wishes
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.users import Users, without_password

OPTIONS = {
    **WEBUI_OPTIONS,
    "users": {"type": "list", "elements": "dict", "required": True, "options": LISTED_OPTIONS},
    "purge": {"type": "bool", "default": False},
    "workers": {"type": "int", "default": 4},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    purge = module.params["purge"]
    wishes = user_wishes(module.params["users"])
    if purge and not any(wish.present for wish in wishes):
        raise Failure(
            "Refusing to purge, because users lists nobody who is to be there, which would remove all; "
            "list those to keep."
        )
    users = Users(Client(module.params, module.check_mode), listed=True)
    if purge:
        users.require_caller()
    workers = module.params["workers"]
    outcome = converge(users, wishes, check_mode=module.check_mode, purge=purge, workers=workers)
    return without_password(outcome.many("users"))


def main() -> None:
    run(OPTIONS, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
