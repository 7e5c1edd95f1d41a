#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_settings
short_description: Manage settings of Open WebUI
version_added: 0.1.0
description:
  - Sets any of the settings that Open WebUI stores in its database, by their names in its export.
  - Only the settings that you list are compared and changed. All others keep their value.
  - After its first start Open WebUI reads these settings from the database, not from the environment. So this module is
    the place to change them.
  - The server rebuilds at once what it loads from a setting (the embedding model, the reranker, the list of tool
    servers, the lists of models).
  - A chat model is refused for C(rag.embedding_model) if the engine is Ollama and Ollama reports that the model does
    not embed.
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
      - The settings by dotted name (C(ui.enable_signup)), nested (C(ui) with C(enable_signup) in it), or both.
      - The names are those of the server's export. Names of environment variables are different; the error
        for such a name suggests settings.
      - A name that is a setting of the server ends the nesting; everything below it is its value. A value that is
        a mapping (C(user.permissions), C(ui.visibility)) is merged key by key with what the server has, and a null
        removes a key. A list is always the whole list.
      - A value must have the type that the server has now. Quoted numbers and V("yes") are refused.
      - Secrets (names that end in key, secret, password or token, headers, addresses with a password in them) are
        compared like all others and masked.
      - With an API key as O(token) the server refuses changes below C(auth.mfa).
    type: dict
"""

EXAMPLES = r"""
- name: The house rules
  selfhosted.llm.webui_settings:
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
    settings:
      ui.enable_signup: false
      ui.default_user_role: pending
      auth.jwt_expiry: 7d
      user.permissions.chat.delete: false
    banners:
      - content: The server is down on Friday from 16:00 to 17:00.
        type: warning
    suggestions:
      - Explain photosynthesis to me.
      - title: [Help me, with an essay]
        content: Help me to find a structure for an essay about
    default_models: [tutor]
    model_order: [tutor, llama3.2:3b]

- name: The same kind of settings, nested
  selfhosted.llm.webui_settings:
    token: "{{ vault_webui_key }}"
    settings:
      ui:
        enable_signup: false
        enable_community_sharing: false
      rag:
        embedding_engine: ollama
        embedding_model: nomic-embed-text
        ollama.base_url: http://ollama:11434

- name: Search of the web, with a key that is shown nowhere
  selfhosted.llm.webui_settings:
    token: "{{ vault_webui_key }}"
    settings:
      web.search:
        enable: true
        engine: brave
        brave_search_api_key: "{{ vault_brave_key }}"

- name: No banners, and the server's own suggestions
  selfhosted.llm.webui_settings:
    token: "{{ vault_webui_key }}"
    banners: []
    settings:
      ui.prompt_suggestions: null
"""

RETURN = r"""
settings:
  description:
    - The settings of the task, by dotted name, as the server shows them after the run; in check mode the expected
      values. Those with options of their own also have their names here (C(ui.banners)).
    - Secrets are masked.
  returned: success
  type: dict
  sample:
    ui.enable_signup: false
    web.search.brave_search_api_key: "********"
problems:
  description: The problems of the options, a sentence for each.
  returned: when something is wrong with it
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import (
    WEBUI_OPTIONS,
    WEBUI_RULES,
    Client,
    is_api_key,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.settings.resource import converge_settings
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.settings.spec import SETTINGS_OPTIONS

RULES = {**WEBUI_RULES, "required_one_of": [*WEBUI_RULES["required_one_of"], list(SETTINGS_OPTIONS)]}


def body(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    client = Client(params, module.check_mode)
    return converge_settings(client, params, is_api_key(params["token"]), module.check_mode).single()


def main() -> None:
    run({**WEBUI_OPTIONS, **SETTINGS_OPTIONS}, body, **RULES)


if __name__ == "__main__":
    main()
