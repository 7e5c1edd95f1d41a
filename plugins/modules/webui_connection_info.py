#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_connection_info
short_description: Read the connections of Open WebUI to its back ends
version_added: 0.1.0
description:
  - Returns the connections to Ollamas and to servers with OpenAI's API, in their order.
  - Keys and the values of headers are masked. The result shows whether there is a key.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes.info_module
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
  - selfhosted.llm.query
options:
  kind:
    description:
      - Only connections of this kind. If you leave it out, all are read.
    type: str
    choices:
      - ollama
      - openai
seealso:
  - module: selfhosted.llm.webui_connection
  - module: selfhosted.llm.webui_connections
"""

EXAMPLES = r"""
- name: Look at all connections
  selfhosted.llm.webui_connection_info:
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
  register: back_ends

- name: Name those that have no key
  ansible.builtin.debug:
    msg: "{{ back_ends.connections | selectattr('key', 'eq', '') | map(attribute='base_url') }}"

- name: Look at the Ollamas
  selfhosted.llm.webui_connection_info:
    token: "{{ vault_webui_key }}"
    kind: ollama
"""

RETURN = r"""
connections:
  description: The connections in their order, those of V(ollama) first.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: openai
      base_url: https://llm.example.org/v1
      key: "********"
      enabled: true
      prefix_id: cloud
      tags: []
      model_ids: [gpt-4o]
      headers: {}
      connection_type: external
      auth_type: bearer
      provider: ""
      api_type: ""
      api_version: ""
      config: {}
  contains:
    kind:
      description: V(ollama) or V(openai).
      type: str
      returned: success
    base_url:
      description: The address as the server stores it. A password within it is masked.
      type: str
      returned: success
    key:
      description: Stars if there is a key, empty if there is none.
      type: str
      returned: success
    enabled:
      description: Whether the server uses this back end.
      type: bool
      returned: success
    prefix_id:
      description: The prefix of the ids of its models.
      type: str
      returned: success
    tags:
      description: The tags of all its models.
      type: list
      elements: str
      returned: success
    model_ids:
      description: The models that are used; empty for all.
      type: list
      elements: str
      returned: success
    headers:
      description: The headers that are sent, by name. The values are masked.
      type: dict
      returned: success
    connection_type:
      description: V(local) or V(external).
      type: str
      returned: success
    auth_type:
      description: How Open WebUI authenticates.
      type: str
      returned: success
    provider:
      description: The product behind it.
      type: str
      returned: for kind openai
    api_type:
      description: V(responses), or empty for chat completions.
      type: str
      returned: for kind openai
    api_version:
      description: The version of the API.
      type: str
      returned: for kind openai
    config:
      description: Its other values. Secrets are masked.
      type: dict
      returned: success
enabled:
  description: Whether the server uses V(ollama) and V(openai) at all.
  returned: success
  type: dict
  sample:
    ollama: true
    openai: false
query_result:
  description: The answer to O(query), null where the expression finds nothing.
  returned: success and O(query) is set
  type: raw
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import QUERY, run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES, Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.connections.fields import KINDS
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.connections.resource import connection_states


def body(module: AnsibleModule) -> dict[str, Any]:
    kind = module.params["kind"]
    client = Client(module.params, read_only=True)
    return {"changed": False, **connection_states(client, [kind] if kind else KINDS)}


def main() -> None:
    run({**WEBUI_OPTIONS, **QUERY, "kind": {"type": "str", "choices": list(KINDS)}}, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
