#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_info
short_description: Read facts about a server of Open WebUI
version_added: 0.1.0
description:
  - Returns the server's version, its features, its models and groups, and the number of accounts.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes.info_module
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
  - selfhosted.llm.query
seealso:
  - module: selfhosted.llm.webui_user_info
"""

EXAMPLES = r"""
- name: The server is known
  selfhosted.llm.webui_info:
    token: "{{ vault_webui_key }}"
  register: webui

- name: Nobody can sign up, and every model is there
  ansible.builtin.assert:
    that:
      - not webui.features.enable_signup
      - "'llama3.2:3b' in webui.models"
"""

RETURN = r"""
version:
  description: The server's version.
  returned: success
  type: str
  sample: 0.12.4
name:
  description: The name on the web pages.
  returned: success
  type: str
  sample: Open WebUI
features:
  description: The features that are switched on, as the server reports them. The keys differ between versions.
  returned: success
  type: dict
  sample:
    auth: true
    enable_api_keys: true
    enable_signup: false
models:
  description: The ids of the models that the account can see, including presets, sorted.
  returned: success
  type: list
  elements: str
  sample:
    - llama3.2:3b
    - tutor
users_total:
  description: The number of accounts.
  returned: success
  type: int
  sample: 301
groups:
  description: The names of the groups, sorted.
  returned: success
  type: list
  elements: str
  sample:
    - pupils
    - teachers
query_result:
  description: The answer to O(query), null where the expression finds nothing.
  returned: success and O(query) is set
  type: raw
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import QUERY, run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES, Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.facts import server_facts


def body(module: AnsibleModule) -> dict[str, Any]:
    return {"changed": False, **server_facts(Client(module.params, read_only=True))}


def main() -> None:
    run({**WEBUI_OPTIONS, **QUERY}, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
