#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_instance
short_description: Manage all that one Open WebUI has
version_added: 0.1.0
description:
  - Converges settings, permissions, groups, accounts, connections, knowledge bases, channels, tools, functions,
    skills, prompts and models in one task, in the order in which one needs the other.
  - Every part is checked before the first write of any. A mistake in one part is reported before another part is
    changed.
  - Takes what M(selfhosted.llm.webui_export) returns. An export of a server changes nothing on that server.
  - Each list is the option of the module of its name, with the same entries (M(selfhosted.llm.webui_groups),
    M(selfhosted.llm.webui_users) and so on). Parts that are left out are not touched.
  - One sign-in, and no request where nothing is asked for. Where nothing is to be changed, each part is read once.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
  - selfhosted.llm.webui_settings.lists
options:
  settings:
    description:
      - Settings by name, as O(selfhosted.llm.webui_settings#module:settings).
    type: dict
  default_permissions:
    description:
      - What everybody may do, as O(selfhosted.llm.webui_default_permissions#module:permissions).
    type: dict
  groups:
    description:
      - The groups, with entries as of O(selfhosted.llm.webui_groups#module:groups).
      - Members may be accounts that O(users) creates. They are added once the accounts exist.
    type: list
    elements: dict
  groups_purge:
    description:
      - Remove every group that O(groups) does not list.
    type: bool
    default: false
  groups_purge_external:
    description:
      - Whether O(groups_purge) removes groups of OAuth, SCIM and LDAP as well.
    type: bool
    default: false
  users:
    description:
      - The accounts, with entries as of O(selfhosted.llm.webui_users#module:users).
    type: list
    elements: dict
  users_csv:
    description:
      - A CSV file with accounts on the controller, as O(selfhosted.llm.webui_users#module:csv).
    type: str
  users_csv_content:
    description:
      - The text of such a file, in place of O(users_csv).
    type: str
  users_purge:
    description:
      - Remove every account that is not listed, with its chats.
    type: bool
    default: false
  users_purge_admins:
    description:
      - Whether O(users_purge) removes administrators as well.
    type: bool
    default: false
  users_purge_external:
    description:
      - Whether O(users_purge) removes accounts of OAuth, SCIM, LDAP and trusted headers as well.
    type: bool
    default: false
  connections:
    description:
      - The connections, with entries as of O(selfhosted.llm.webui_connections#module:connections).
    type: list
    elements: dict
  connections_purge:
    description:
      - Remove every connection that O(connections) does not list, of those kinds that it names. Those of the list
        stand in its order then.
    type: bool
    default: false
  enable_ollama:
    description:
      - Whether Open WebUI uses Ollamas at all. Where it is left out, nothing is changed.
    type: bool
  enable_openai:
    description:
      - Whether Open WebUI uses servers that speak OpenAI's API at all. Where it is left out, nothing is changed.
    type: bool
  knowledge:
    description:
      - The knowledge bases, with the options of M(selfhosted.llm.webui_knowledge) as entries.
    type: list
    elements: dict
  channels:
    description:
      - The channels, with the options of M(selfhosted.llm.webui_channel) as entries.
      - They need the setting C(channels.enable), which O(settings) may switch on in the same task.
    type: list
    elements: dict
  tools:
    description:
      - The tools, with entries as of O(selfhosted.llm.webui_tools#module:tools).
    type: list
    elements: dict
  tools_purge:
    description:
      - Remove every tool that O(tools) does not list.
    type: bool
    default: false
  functions:
    description:
      - The functions, with entries as of O(selfhosted.llm.webui_functions#module:functions).
    type: list
    elements: dict
  functions_purge:
    description:
      - Remove every function that O(functions) does not list.
    type: bool
    default: false
  skills:
    description:
      - The skills, with entries as of O(selfhosted.llm.webui_skills#module:skills).
    type: list
    elements: dict
  skills_purge:
    description:
      - Remove every skill that O(skills) does not list.
    type: bool
    default: false
  prompts:
    description:
      - The prompts, with entries as of O(selfhosted.llm.webui_prompts#module:prompts).
    type: list
    elements: dict
  prompts_purge:
    description:
      - Remove every prompt that O(prompts) does not list.
    type: bool
    default: false
  models:
    description:
      - The models, with entries as of O(selfhosted.llm.webui_models#module:models).
    type: list
    elements: dict
  models_purge:
    description:
      - Remove every model that O(models) does not list.
    type: bool
    default: false
  hide_embedding_models:
    description:
      - As O(selfhosted.llm.webui_models#module:hide_embedding_models).
    type: bool
  workers:
    description:
      - How many objects of a part are written at once. Of accounts, at least 8.
    type: int
    default: 4
seealso:
  - module: selfhosted.llm.webui_export
  - module: selfhosted.llm.webui_settings
"""

EXAMPLES = r"""
- name: A school has these groups, accounts and models
  selfhosted.llm.webui_instance:
    token: "{{ vault_webui_key }}"
    settings:
      ui.enable_signup: false
    groups:
      - name: teachers
      - name: pupils
    users_csv: people.csv
    models:
      - id: tutor
        name: Tutor
        base_model: llama3:8b
        access:
          read:
            groups: [pupils, teachers]

- name: What another server has
  selfhosted.llm.webui_export:
    url: http://old.example.org:3000
    token: "{{ vault_old_key }}"
    sections: [groups, users, prompts]
  register: exported

- name: This one has, too
  selfhosted.llm.webui_instance:
    token: "{{ vault_webui_key }}"
    groups: "{{ exported.variables.open_webui_groups }}"
    prompts: "{{ exported.variables.open_webui_prompts }}"
"""

RETURN = r"""
plan:
  description: What was changed, or would be in check mode.
  returned: success, or when a write fails
  type: list
  elements: dict
  sample:
    - part: groups
      action: create
      name: teachers
      fields: [name]
  contains:
    part:
      description: The option that the object stands in, or V(members) for the members of groups.
      type: str
      returned: success
    action:
      description: V(create), V(update) or V(delete).
      type: str
      returned: success
    name:
      description: What the object is known by.
      type: str
      returned: success
    fields:
      description: The fields that differ.
      type: list
      elements: str
      returned: success
kept:
  description: By part, the objects that a purge kept although they are not listed.
  returned: success
  type: dict
  sample:
    users: [root@example.org]
problems:
  description: All that is wrong with the entries of any part, a sentence for each.
  returned: when an entry is invalid
  type: list
  elements: str
part:
  description: The part that failed.
  returned: when a write fails
  type: str
parts_done:
  description: The parts that had been written when a run broke off.
  returned: when a write fails
  type: list
  elements: str
parts_not_begun:
  description: The parts that the run did not come to.
  returned: when a write fails
  type: list
  elements: str
done:
  description: The objects of the failed part that had been written.
  returned: when a write fails
  type: list
  elements: str
failed_steps:
  description: The writes that failed, by C(action), C(name) and C(fields), with the server's message under C(msg).
  returned: when a write fails
  type: list
  elements: dict
not_begun:
  description: The objects of the failed part that the run did not come to.
  returned: when a write fails
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.instance.parts import INSTANCE_OPTIONS, Hooks
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.instance.run import converge_instance

OPTIONS = {**WEBUI_OPTIONS, **INSTANCE_OPTIONS}


def body(module: AnsibleModule) -> dict[str, Any]:
    return converge_instance(module.params, module.check_mode, Hooks(module.warn, module.no_log_values.update))


def main() -> None:
    run(OPTIONS, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
