#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_connections
short_description: Manage the connections of Open WebUI to its back ends
version_added: 0.1.0
description:
  - Creates, updates, orders and deletes connections to Ollamas and to servers with OpenAI's API, from a list.
  - The connections of a kind are read with one call and written with one, however many change. Right before that they
    are read again, so that concurrent changes are kept, and afterwards once more.
  - Every entry is checked before the first write, and one error names all invalid entries.
  - Open WebUI stores connections as settings. If it would forget a change at its next start
    (E(ENABLE_PERSISTENT_CONFIG) is V(false)), the task fails.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
options:
  connections:
    description:
      - The connections. Of each, only the options that you set are compared and changed.
    type: list
    elements: dict
    required: true
    suboptions:
      kind:
        description:
          - V(ollama) for an Ollama, V(openai) for any server with OpenAI's API (vLLM, llama.cpp, LiteLLM, a cloud).
        type: str
        required: true
      base_url:
        description:
          - The back end's address as Open WebUI's container reaches it. For V(openai) it often ends in C(/v1).
          - With O(connections[].kind) it identifies a connection. Case of the host, a default port and a slash
            at the end make no difference, and the current spelling stays.
          - A user name or password in it is refused. Use O(connections[].key) or O(connections[].headers).
        type: str
        required: true
      key:
        description:
          - The key that Open WebUI sends as a bearer token. An empty one removes it.
          - It is compared with the current one, and neither is shown. The result shows only whether there is a key.
        type: str
      enabled:
        description:
          - Whether the server uses this back end. A new connection is enabled by default.
        type: bool
      prefix_id:
        description:
          - The prefix of the ids of this back end's models, with a dot between, as in V(cloud) for
            C(cloud.gpt-4o). An empty one removes it.
          - Where one list has the same O(connections[].base_url) several times, or the server has it, it identifies
            the connection.
        type: str
      tags:
        description:
          - Exactly these tags for all models of this back end. Their order does not matter.
        type: list
        elements: str
      model_ids:
        description:
          - The models to use from this back end, by their names there (without the prefix). V([]) means all.
          - For V(openai) the server offers them without checking whether the back end has them.
        type: list
        elements: str
      headers:
        description:
          - Exactly these headers are sent to this back end. The server replaces placeholders such as C({{USER_EMAIL}}).
          - Their values are compared like O(connections[].key), and masked in all output.
          - For an Ollama from Open WebUI 0.12 on.
        type: dict
      connection_type:
        description:
          - How users see the models marked. By default an Ollama is V(local) and others are
            V(external).
        type: str
      auth_type:
        description:
          - How Open WebUI authenticates. V(bearer), the server's default, sends O(connections[].key).
            V(none) sends nothing, V(session) the caller's own token, V(system_oauth) the token of the caller's
            OAuth sign-in, and V(microsoft_entra_id) (formerly V(azure_ad)) one of Microsoft Entra ID.
          - For an Ollama from Open WebUI 0.12 on.
        type: str
      provider:
        description:
          - The product behind an V(openai) connection, if the server treats it specially, as in V(azure),
            V(llama.cpp) or V(lmstudio). An empty text means none of them.
        type: str
      api_type:
        description:
          - V(responses) for OpenAI's Responses API instead of chat completions. For V(openai).
        type: str
      api_version:
        description:
          - The version of the API that Azure requires. For V(openai).
        type: str
      config:
        description:
          - Other values of a connection without an option here, such as C(extra_params).
          - Only the keys that you set are compared and written, also in nested mappings. A null removes a
            key.
          - Values with names of secrets (key, token, password and the like) are masked in all output.
        type: dict
      state:
        description:
          - Whether the connection exists. With V(absent) all options but O(connections[].kind),
            O(connections[].base_url) and O(connections[].prefix_id) are ignored.
        type: str
        choices:
          - present
          - absent
        default: present
  enable_ollama:
    description:
      - Whether Open WebUI uses Ollamas at all. If you leave it out, nothing is changed.
    type: bool
  enable_openai:
    description:
      - Whether Open WebUI uses servers with OpenAI's API at all. If you leave it out, nothing is changed.
    type: bool
  purge:
    description:
      - Delete every connection that O(connections) does not list, of the kinds of which it lists one with state
        V(present). A kind that the list does not have is left alone; switch it off with O(enable_ollama=false) or
        O(enable_openai=false), or list its connections as V(absent).
      - Refused if O(connections) lists no connection with state V(present).
    type: bool
    default: false
  order:
    description:
      - With V(listed) the connections of a kind have the order of the list, and those that are not listed follow.
        If two back ends have a model of the same name, users get that of the first.
      - With V(any) current connections keep their positions, and new ones come last.
      - The default is V(listed) with O(purge=true), otherwise V(any).
    type: str
    choices:
      - any
      - listed
  verify:
    description:
      - Whether the server must reach the back ends before anything is written, with the keys and the headers as they
        will be. One error names all that do not answer, in check mode too.
      - Done only for connections that will be written, and not for disabled ones.
    type: bool
    default: false
seealso:
  - module: selfhosted.llm.webui_connection
  - module: selfhosted.llm.webui_connection_info
"""

EXAMPLES = r"""
- name: Two Ollamas and a cloud, and nothing else
  selfhosted.llm.webui_connections:
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
    connections:
      - kind: ollama
        base_url: http://ollama:11434
      - kind: ollama
        base_url: http://gpu2.example.org:11434
      - kind: openai
        base_url: https://api.openai.com/v1
        key: "{{ vault_openai_key }}"
        prefix_id: cloud
        model_ids: [gpt-4o, gpt-4o-mini]
    purge: true

- name: Only Ollama is used, and the server calls nobody else
  selfhosted.llm.webui_connections:
    token: "{{ vault_webui_key }}"
    connections:
      - kind: ollama
        base_url: http://ollama:11434
    enable_ollama: true
    enable_openai: false

- name: One server under two keys, told apart by the prefix
  selfhosted.llm.webui_connections:
    token: "{{ vault_webui_key }}"
    connections:
      - kind: openai
        base_url: https://llm.example.org/v1
        prefix_id: teachers
        key: "{{ vault_teachers_key }}"
      - kind: openai
        base_url: https://llm.example.org/v1
        prefix_id: pupils
        key: "{{ vault_pupils_key }}"
        model_ids: [small]

- name: The fast one first, and each must answer before anything is written
  selfhosted.llm.webui_connections:
    token: "{{ vault_webui_key }}"
    connections:
      - kind: openai
        base_url: http://vllm.example.org:8000/v1
      - kind: openai
        base_url: http://spare.example.org:8000/v1
    order: listed
    verify: true

- name: One has moved
  selfhosted.llm.webui_connections:
    token: "{{ vault_webui_key }}"
    connections:
      - kind: ollama
        base_url: http://old.example.org:11434
        state: absent
      - kind: ollama
        base_url: http://new.example.org:11434
"""

RETURN = r"""
connections:
  description:
    - The listed connections that are there after the run, in the order of O(connections), as the server shows them,
      each with all that M(selfhosted.llm.webui_connection) returns.
    - In check mode the expected state.
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
  description: Whether the server uses V(ollama) and V(openai), for the kinds whose switch or order this task sets.
  returned: success
  type: dict
  sample:
    openai: false
plan:
  description: The changes, or the expected ones in check mode.
  returned: success
  type: list
  elements: dict
  sample:
    - action: update
      name: openai https://llm.example.org/v1 (prefix cloud)
      fields: [key]
  contains:
    action:
      description: V(create), V(update) or V(delete).
      type: str
      returned: success
    name:
      description:
        - The kind, the address and the prefix of the connection.
        - V(Ollama API) and V(OpenAI API) are the switches of the kinds, and the order of their connections.
      type: str
      returned: success
    fields:
      description: The fields that differ.
      type: list
      elements: str
      returned: success
kept:
  description: Always empty, because O(purge) can remove every connection.
  returned: success
  type: list
  elements: str
problems:
  description: The problems of the entries of O(connections), a sentence for each.
  returned: when an entry is invalid
  type: list
  elements: str
done:
  description: The connections that had been written when the run failed.
  returned: when a write fails
  type: list
  elements: str
failed_steps:
  description: The write that failed, by C(action), C(name) and C(fields), with the server's message under C(msg).
  returned: when a write fails
  type: list
  elements: dict
not_begun:
  description: The connections that were not written.
  returned: when a write fails
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.entries import refuse_to_purge_all
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES, Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.connections.resource import Connections, result_of
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.connections.spec import (
    LISTED_OPTIONS,
    desired_apis,
    desired_connections,
)

OPTIONS = {
    **WEBUI_OPTIONS,
    "connections": {"type": "list", "elements": "dict", "required": True, "options": LISTED_OPTIONS},
    "enable_ollama": {"type": "bool"},
    "enable_openai": {"type": "bool"},
    "purge": {"type": "bool", "default": False},
    "order": {"type": "str", "choices": ["any", "listed"]},
    "verify": {"type": "bool", "default": False},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    params, purge = module.params, module.params["purge"]
    all_desired = desired_connections(params["connections"])
    if purge:
        refuse_to_purge_all(all_desired, "connections")
    switches = {"ollama": params["enable_ollama"], "openai": params["enable_openai"]}
    all_desired += desired_apis(
        all_desired, switches, ordered=(params["order"] or ("listed" if purge else "any")) == "listed"
    )
    connections = Connections(Client(params, module.check_mode), params["verify"], purge)
    # The first step writes all of a kind.
    return result_of(converge(connections, all_desired, check_mode=module.check_mode, purge=purge, workers=1))


def main() -> None:
    run(OPTIONS, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
