#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_connection
short_description: Manage one connection of Open WebUI to a back end
version_added: 0.1.0
description:
  - Creates, updates and deletes a connection to an Ollama or to a server with OpenAI's API.
  - Only the options that you set are compared and changed. All other connections keep their keys and settings.
  - For several connections use M(selfhosted.llm.webui_connections), which reads and writes them all at once, keeps
    their order, and switches the APIs on and off.
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
  kind:
    description:
      - V(ollama) for an Ollama, V(openai) for any server with OpenAI's API (vLLM, llama.cpp, LiteLLM, a cloud).
    type: str
    required: true
    choices:
      - ollama
      - openai
  base_url:
    description:
      - The back end's address as Open WebUI's container reaches it. For V(openai) it often ends in C(/v1).
      - With O(kind) it identifies a connection. Case of the host, a default port and a slash at the end make
        no difference, and the current spelling stays.
      - A user name or password in it is refused. Use O(key) or O(headers).
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
      - The prefix of the ids of this back end's models, with a dot between, as in V(cloud) for C(cloud.gpt-4o).
        An empty one removes it.
      - Where one list has the same O(base_url) several times, or the server has it, it identifies the connection.
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
      - Their values are compared like O(key), and masked in all output.
      - For an Ollama from Open WebUI 0.12 on.
    type: dict
  connection_type:
    description:
      - How users see the models marked. By default an Ollama is V(local) and others are V(external).
    type: str
    choices:
      - local
      - external
  auth_type:
    description:
      - How Open WebUI authenticates. V(bearer), the server's default, sends O(key). V(none)
        sends nothing, V(session) the caller's own token, V(system_oauth) the token of the caller's OAuth sign-in, and
        V(microsoft_entra_id) (formerly V(azure_ad)) one of Microsoft Entra ID.
      - For an Ollama from Open WebUI 0.12 on.
    type: str
    choices:
      - bearer
      - none
      - session
      - system_oauth
      - microsoft_entra_id
      - azure_ad
  provider:
    description:
      - The product behind an V(openai) connection, if the server treats it specially, as in V(azure),
        V(llama.cpp) or V(lmstudio). An empty text means none of them.
    type: str
  api_type:
    description:
      - V(responses) for OpenAI's Responses API instead of chat completions. For V(openai).
    type: str
    choices:
      - ''
      - responses
  api_version:
    description:
      - The version of the API that Azure requires. For V(openai).
    type: str
  config:
    description:
      - Other values of a connection without an option here, such as C(extra_params).
      - Only the keys that you set are compared and written, also in nested mappings. A null removes a key.
      - Values with names of secrets (key, token, password and the like) are masked in all output.
    type: dict
  state:
    description:
      - Whether the connection exists. With V(absent) all options but O(kind), O(base_url) and O(prefix_id) are ignored.
    type: str
    choices:
      - present
      - absent
    default: present
  verify:
    description:
      - Whether the server must reach the back end before anything is written, with the key and the headers as they will
        be. If it does not answer, the task fails, also in check mode.
      - Done only if there is something to write, and not for a disabled connection.
    type: bool
    default: false
seealso:
  - module: selfhosted.llm.webui_connections
  - module: selfhosted.llm.webui_connection_info
"""

EXAMPLES = r"""
- name: Open WebUI uses the Ollama beside it
  selfhosted.llm.webui_connection:
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
    kind: ollama
    base_url: http://ollama:11434

- name: A cloud is there for two models, marked by a prefix, and its key works
  selfhosted.llm.webui_connection:
    token: "{{ vault_webui_key }}"
    kind: openai
    base_url: https://api.openai.com/v1
    key: "{{ vault_openai_key }}"
    prefix_id: cloud
    model_ids: [gpt-4o, gpt-4o-mini]
    tags: [cloud]
    verify: true

- name: A back end behind a proxy that wants a header
  selfhosted.llm.webui_connection:
    token: "{{ vault_webui_key }}"
    kind: openai
    base_url: http://vllm.example.org:8000/v1
    auth_type: none
    headers:
      X-Proxy-Token: "{{ vault_proxy_token }}"

- name: A back end rests, and keeps its settings
  selfhosted.llm.webui_connection:
    token: "{{ vault_webui_key }}"
    kind: openai
    base_url: http://vllm.example.org:8000/v1
    enabled: false

- name: What has no option of its own
  selfhosted.llm.webui_connection:
    token: "{{ vault_webui_key }}"
    kind: openai
    base_url: http://vllm.example.org:8000/v1
    config:
      extra_params:
        top_k: 20

- name: The connection that a fresh server comes with is gone
  selfhosted.llm.webui_connection:
    token: "{{ vault_webui_key }}"
    kind: openai
    base_url: https://api.openai.com/v1
    state: absent
"""

RETURN = r"""
connection:
  description:
    - The connection after the run, as the server shows it; empty if it is absent.
    - In check mode the expected state.
  returned: success
  type: dict
  sample:
    kind: openai
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
      returned: when the connection is there
    base_url:
      description: The address as the server stores it. A password within it is masked.
      type: str
      returned: when the connection is there
    key:
      description: Stars if there is a key, empty if there is none.
      type: str
      returned: when the connection is there
    enabled:
      description: Whether the server uses this back end.
      type: bool
      returned: when the connection is there
    prefix_id:
      description: The prefix of the ids of its models.
      type: str
      returned: when the connection is there
    tags:
      description: The tags of all its models.
      type: list
      elements: str
      returned: when the connection is there
    model_ids:
      description: The models that are used; empty for all.
      type: list
      elements: str
      returned: when the connection is there
    headers:
      description: The headers that are sent, by name. The values are masked.
      type: dict
      returned: when the connection is there
    connection_type:
      description: V(local) or V(external).
      type: str
      returned: when the connection is there
    auth_type:
      description: How Open WebUI authenticates.
      type: str
      returned: when the connection is there
    provider:
      description: The product behind it.
      type: str
      returned: for kind openai, when the connection is there
    api_type:
      description: V(responses), or empty for chat completions.
      type: str
      returned: for kind openai, when the connection is there
    api_version:
      description: The version of the API.
      type: str
      returned: for kind openai, when the connection is there
    config:
      description: Its other values. Secrets are masked.
      type: dict
      returned: when the connection is there
problems:
  description: The unexpected answers of the back end, a sentence for each.
  returned: when O(verify) finds one that does not
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
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES, Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.connections.resource import Connections
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.connections.spec import (
    CONNECTION_OPTIONS,
    desired_connection,
)


def body(module: AnsibleModule) -> dict[str, Any]:
    desired = desired_connection(module.params)
    connections = Connections(Client(module.params, module.check_mode), verify=module.params["verify"])
    return converge(connections, [desired], check_mode=module.check_mode, workers=1).single()


def main() -> None:
    run({**WEBUI_OPTIONS, **CONNECTION_OPTIONS, "verify": {"type": "bool", "default": False}}, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
