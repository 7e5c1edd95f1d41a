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
  - Creates, updates and deletes accounts, with their roles and groups, from a list, a CSV file, or both.
  - All accounts are read and compared at once, and only those that differ are written, several at a time.
  - Every entry is checked before the first write, and one error names all invalid entries.
  - After a failure the result lists the accounts that were done, failed and not begun. The next run finishes.
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
      - With O(update_password=always) each run writes the passwords, because the server does not show
        passwords. With V(verify) it signs in with each to find out whether it is already set.
options:
  csv:
    description:
      - A CSV file on the controller, in C(files) of the role or beside the playbook, as for other actions. It may be
        encrypted with ansible-vault. No output repeats its contents.
      - The first line has the columns C(Name), C(Email), C(Password), C(Role) and, if wanted, C(Groups), as in the
        import of Open WebUI itself, in any order and case. Only C(Email) is required.
      - The headers that Google Workspace, Microsoft 365, Moodle and other systems export are accepted, too, in several
        languages, such as C(First Name [Required]), C(userPrincipalName) or C(Vorname). A first and a last name are
        joined. A warning names the columns that are not used.
      - The cells are separated by commas, semicolons, tabs or C(|), or by the separator of a first line like C(sep=;).
      - UTF-8, UTF-16, or, with a warning, Windows-1252 as older spreadsheets write it.
      - A row is like an entry of O(users), and an empty cell sets nothing. C(Groups) has the names of groups, separated
        by semicolons; a single semicolon means none.
      - You can combine it with O(users). An account in both is an error.
    type: str
  csv_content:
    description:
      - The text of such a file, instead of O(csv).
    type: str
  users:
    description:
      - The accounts. Of each, only the options that you set are compared and changed.
      - One of O(users), O(csv) and O(csv_content) is required.
    type: list
    elements: dict
    suboptions:
      email:
        description:
          - The e-mail address, which identifies the account. The server compares it in lower case.
          - An existing account may have any, such as V(jdoe) or V(alice@github) from a single sign-on. A new one
            needs C(name@domain.tld) or C(name@localhost), because the server accepts no other.
        type: str
        required: true
      name:
        description:
          - The displayed name.
          - A new account without a name gets the part of O(users[].email) before the @.
        type: str
      password:
        description:
          - The password. Required for a new account.
          - 1 to 72 bytes in UTF-8.
          - The server does not show the current password. See O(update_password).
        type: str
      update_password:
        description:
          - When the password is written. The default is O(update_password) of the task.
        type: str
        choices:
          - on_create
          - always
          - verify
      role:
        description:
          - V(user), V(admin) or V(pending), as for M(selfhosted.llm.webui_user).
          - A new account without a role becomes a V(user).
        type: str
      groups:
        description:
          - The names of exactly the groups of the user.
          - If you leave it out, nothing is changed.
        type: list
        elements: str
      profile_image_url:
        description:
          - The picture. An C(http) or C(https) address, V(/user.png), or C(data:image/...;base64,...) of a PNG, JPEG,
            GIF or WebP. An empty one is V(/user.png).
        type: str
      state:
        description:
          - Whether the account exists. See M(selfhosted.llm.webui_user).
        type: str
        choices:
          - present
          - absent
        default: present
  update_password:
    description:
      - When passwords are written, for accounts in O(csv) and for those in O(users) without this option.
      - With V(on_create) the password is set when the account is created, and never again.
      - With V(always) every run writes it, which is a change each time. From Open WebUI 0.12 on that ends
        all sessions of the account.
      - With V(verify) a run signs in once with each password, in check mode too, and writes those that
        differ. Each takes a third of a second on the server.
    type: str
    choices:
      - on_create
      - always
      - verify
    default: on_create
  purge:
    description:
      - Delete every account that is not listed, with its chats.
      - Administrators are kept, unless O(purge_admins) is V(true). So are accounts that come from OAuth or SCIM, unless
        O(purge_external) is V(true). RV(kept) names them.
      - The primary admin (the oldest account) and the account that the task signs in with are always kept.
      - Refused if the task lists no account with state V(present).
    type: bool
    default: false
  purge_admins:
    description:
      - Whether O(purge) also deletes administrators that are not listed.
      - Accounts for automation are also administrators. List them, or their API keys become invalid.
      - Refused if the server does not tell whose API key O(token) is, since the account of the task must stay. From
        Open WebUI 0.12 on that is so while the setting C(users.enable_status) is V(false).
    type: bool
    default: false
  purge_external:
    description:
      - Whether O(purge) also deletes accounts of OAuth, SCIM or LDAP.
      - The server marks accounts of OAuth and SCIM, but not those of LDAP or a trusted header. If people sign in by one
        of these, a purge that would delete an account is refused unless this is V(true).
    type: bool
    default: false
  workers:
    description:
      - The number of accounts that are written, or passwords that are verified, at the same time.
      - The server hashes each password, which takes a third of a second of one of its cores. More workers than it has
        cores gain little.
    type: int
    default: 8
notes:
  - While a second factor is on, Open WebUI accepts 100 new accounts in 15 minutes. A run with more waits, and so does
    one that verifies more passwords. A check run warns how long that takes.
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

- name: Everybody in the school's list has an account
  selfhosted.llm.webui_users:
    token: "{{ vault_webui_key }}"
    csv: people.csv

- name: The list is right, passwords too, and nobody who left it can sign in
  selfhosted.llm.webui_users:
    token: "{{ vault_webui_key }}"
    csv: people.csv
    update_password: verify
    purge: true

- name: Exactly these people have accounts, and the administrators
  selfhosted.llm.webui_users:
    token: "{{ vault_webui_key }}"
    users: "{{ people }}"
    purge: true

- name: Exactly these people have accounts, and nobody else
  selfhosted.llm.webui_users:
    token: "{{ vault_webui_key }}"
    users: "{{ people }}"
    purge: true
    purge_admins: true
    purge_external: true

- name: A big machine takes a big list
  selfhosted.llm.webui_users:
    token: "{{ vault_webui_key }}"
    users: "{{ people }}"
    workers: 32

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
    - The listed accounts that the run created or changed, as the server shows them. Those of O(users) come first, then
      those of O(csv), each in their order.
    - Unchanged accounts are not repeated; M(selfhosted.llm.webui_user_info) returns all.
    - In check mode the expected state; new accounts have no C(id) then.
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
      returned: when an entry gives groups
    profile_image_url:
      description: The picture's address. A picture within the address is shown by its type, size and digest.
      type: str
      returned: when an entry gives one
plan:
  description: The changes, or the expected ones in check mode.
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
      description: The e-mail address of the account.
      type: str
      returned: success
    fields:
      description: The fields that differ.
      type: list
      elements: str
      returned: success
kept:
  description: The accounts that O(purge) kept although the task does not list them.
  returned: success
  type: list
  elements: str
  sample: [admin@example.org]
problems:
  description: The problems of the entries of O(users) and the lines of O(csv), a sentence for each.
  returned: when an entry is invalid
  type: list
  elements: str
done:
  description: The accounts that had been written when the run failed.
  returned: when a write fails
  type: list
  elements: str
failed_steps:
  description: The writes that failed, as in RV(plan), each with the server's message under C(msg).
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

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import HIDDEN, Desired, converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.entries import refuse_to_purge_all
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.compare import without_password
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.resource import Users
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.sources import read_accounts
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.accounts.spec import (
    LISTED_OPTIONS,
    USER_OPTIONS,
    UserSpec,
    desired_users,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES, Client

OPTIONS = {
    **WEBUI_OPTIONS,
    "csv": {"type": "str"},
    "csv_content": {"type": "str", "no_log": True},
    "users": {"type": "list", "elements": "dict", "options": LISTED_OPTIONS},
    "update_password": USER_OPTIONS["update_password"],
    "purge": {"type": "bool", "default": False},
    "purge_admins": {"type": "bool", "default": False},
    "purge_external": {"type": "bool", "default": False},
    "workers": {"type": "int", "default": 8},
}
RULES = {**WEBUI_RULES, "required_one_of": [*WEBUI_RULES["required_one_of"], ["users", "csv", "csv_content"]]}


def desired_of(module: AnsibleModule) -> list[Desired[UserSpec]]:
    params = module.params
    users = params["users"] or ()
    forget_passwords(module)
    entries = read_accounts(
        users, params["csv"], params["csv_content"], module.warn, option="csv", module="webui_users"
    )
    return desired_users(entries, params["update_password"])


def forget_passwords(module: AnsibleModule) -> None:
    # Ansible would look for each of a thousand passwords in each word of the result, which takes longer than the run.
    # Only the options that the result repeats have them.
    params = module.params
    users = params["users"] or ()
    passwords = {user["password"] for user in users if user["password"] is not None}
    module.no_log_values -= passwords - {params["token"], params["admin_password"], params["csv_content"]}
    params["users"] = [
        {name: HIDDEN if name == "password" else value for name, value in user.items() if value is not None}
        for user in users
    ]


def body(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    all_desired = desired_of(module)
    if params["purge"]:
        refuse_to_purge_all(all_desired, "users" if params["users"] is not None else "csv")
    users = Users(
        Client(params, module.check_mode),
        params,
        listed=True,
        purge_external=params["purge_external"],
        purge_admins=params["purge_admins"],
    )
    outcome = converge(
        users, all_desired, check_mode=module.check_mode, purge=params["purge"], workers=params["workers"]
    )
    result = without_password(outcome.many("users"))
    # Ansible takes longer to return a thousand unchanged accounts than to compare them.
    touched = {step.key for step in outcome.steps}
    return {**result, "users": [user for user in result["users"] if user["email"] in touched]}


def main() -> None:
    run(OPTIONS, body, **RULES)


if __name__ == "__main__":
    main()
