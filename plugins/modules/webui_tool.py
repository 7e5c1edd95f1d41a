#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_tool
short_description: Manage one tool of Open WebUI
version_added: 0.1.0
description:
  - Creates, changes and deletes a tool, which is code that models call while they answer.
  - Compares and changes only the options that you set.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
  - selfhosted.llm.webui.access
  - selfhosted.llm.webui_code.tool
seealso:
  - module: selfhosted.llm.webui_tools
  - module: selfhosted.llm.webui_function
"""

EXAMPLES = r"""
- name: Create a tool from a file next to the playbook, which pupils may use
  selfhosted.llm.webui_tool:
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
    id: weather
    name: Weather
    description: The weather of a place
    src: tools/weather.py
    access:
      read:
        groups: [pupils]

- name: Set one valve of the tool, and keep the others
  selfhosted.llm.webui_tool:
    token: "{{ vault_webui_key }}"
    id: weather
    valves:
      base_url: https://weather.example.org
      api_key: "{{ vault_weather_key }}"

- name: A valve goes back to what the code says
  selfhosted.llm.webui_tool:
    token: "{{ vault_webui_key }}"
    id: weather
    valves:
      base_url: null

- name: Create a tool that needs packages, from a file on the managed host
  selfhosted.llm.webui_tool:
    token: "{{ vault_webui_key }}"
    id: timetable
    src: /srv/tools/timetable.py
    remote_src: true
    timeout: 300

- name: A short tool is written here
  selfhosted.llm.webui_tool:
    token: "{{ vault_webui_key }}"
    id: dice
    content: |
      import random

      class Tools:
          def roll(self, sides: int) -> int:
              "Roll a die."
              return random.randint(1, sides)

- name: Import a tool that was exported on Open WebUI's page
  selfhosted.llm.webui_tool:
    token: "{{ vault_webui_key }}"
    id: weather
    src: exports/tool-weather-export-1745623456.json

- name: A tool is gone
  selfhosted.llm.webui_tool:
    token: "{{ vault_webui_key }}"
    id: dice
    state: absent
"""

RETURN = r"""
tool:
  description:
    - The tool after the run, as the server shows it, or empty where it is absent.
    - In check mode what is foreseen.
  returned: success
  type: dict
  sample:
    id: weather
    name: Weather
    description: The weather of a place
    content: "class Tools: ..."
    meta: {}
  contains:
    id:
      description: The id, in lower case.
      type: str
      returned: when the tool is there
    name:
      description: The display name.
      type: str
      returned: when the tool is there
    description:
      description: What it is for.
      type: str
      returned: when the tool is there
    content:
      description: The code, as the server stores it, which rewrites some imports.
      type: str
      returned: when the tool is there
    meta:
      description: What else Open WebUI stores for it.
      type: dict
      returned: when the tool is there
    valves:
      description: What is set of the valves, with secrets as stars.
      type: dict
      returned: when O(valves) is set
    access:
      description: Who may see and change it, by names. What O(access) cannot say is under C(other).
      type: dict
      returned: when O(access) is set
problems:
  description: What is wrong with the options, a sentence for each.
  returned: when the tool is invalid
  type: list
  elements: str
done:
  description: The tools that had been written when the run broke off.
  returned: when a write fails
  type: list
  elements: str
failed_steps:
  description: The write that failed, by C(action), C(name) and C(fields), with the server's message under C(msg).
  returned: when a write fails
  type: list
  elements: dict
not_begun:
  description: The tools that the run did not come to.
  returned: when a write fails
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES, Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace.code_spec import (
    TOOL,
    TOOL_OPTIONS,
    desired_code,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace.tools import Tools


def body(module: AnsibleModule) -> dict[str, Any]:
    all_desired = desired_code(TOOL, [{name: module.params[name] for name in TOOL_OPTIONS}], listed=False)
    resource = Tools(Client(module.params, module.check_mode), hide=module.no_log_values.update)
    return converge(resource, all_desired, check_mode=module.check_mode).single()


def main() -> None:
    run({**WEBUI_OPTIONS, **TOOL_OPTIONS}, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
