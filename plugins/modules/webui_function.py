#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_function
short_description: Manage one function of Open WebUI
version_added: 0.1.0
description:
  - Creates, changes and deletes a function, which is code that offers a model (a pipe), works on what goes in and
    out (a filter), or adds a button below answers (an action). The code decides which.
  - Compares and changes only the options that you set.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
  - selfhosted.llm.webui_code.function
seealso:
  - module: selfhosted.llm.webui_functions
  - module: selfhosted.llm.webui_tool
"""

EXAMPLES = r"""
- name: A filter works for every model
  selfhosted.llm.webui_function:
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
    id: house_style
    name: House style
    src: functions/house_style.py
    active: true
    global: true

- name: A pipe offers a model of its own, with its key
  selfhosted.llm.webui_function:
    token: "{{ vault_webui_key }}"
    id: library
    description: Answers from the library's catalogue
    src: functions/library.py
    valves:
      api_key: "{{ vault_library_key }}"
    active: true

- name: A function is switched off and kept
  selfhosted.llm.webui_function:
    token: "{{ vault_webui_key }}"
    id: library
    active: false

- name: Create a function from a file on the managed host
  selfhosted.llm.webui_function:
    token: "{{ vault_webui_key }}"
    id: audit
    src: /srv/functions/audit.py
    remote_src: true

- name: Import a function that was exported on Open WebUI's page
  selfhosted.llm.webui_function:
    token: "{{ vault_webui_key }}"
    id: house_style
    src: exports/function-house_style-export-1745623456.json

- name: A function is gone
  selfhosted.llm.webui_function:
    token: "{{ vault_webui_key }}"
    id: audit
    state: absent
"""

RETURN = r"""
function:
  description:
    - The function after the run, as the server shows it, or empty where it is absent.
    - In check mode what is foreseen.
  returned: success
  type: dict
  sample:
    id: library
    name: Library
    description: Answers from the library's catalogue
    content: "class Pipe: ..."
    meta: {}
    type: pipe
    active: true
    global: false
  contains:
    id:
      description: The id, in lower case.
      type: str
      returned: when the function is there
    name:
      description: The display name.
      type: str
      returned: when the function is there
    description:
      description: What it is for.
      type: str
      returned: when the function is there
    content:
      description: The code, as the server stores it, which rewrites some imports.
      type: str
      returned: when the function is there
    meta:
      description: What else Open WebUI stores for it.
      type: dict
      returned: when the function is there
    valves:
      description: What is set of the valves, with secrets as stars.
      type: dict
      returned: when O(valves) is set
    type:
      description: V(pipe), V(filter), V(action) or V(event), as the code has it.
      type: str
      returned: when the function is there, but not in check mode where it is new
    active:
      description: Whether it works.
      type: bool
      returned: when the function is there
    global:
      description: Whether it works for every model.
      type: bool
      returned: when the function is there
problems:
  description: What is wrong with the options, a sentence for each.
  returned: when the function is invalid
  type: list
  elements: str
done:
  description: The functions that had been written when the run broke off.
  returned: when a write fails
  type: list
  elements: str
failed_steps:
  description: The write that failed, by C(action), C(name) and C(fields), with the server's message under C(msg).
  returned: when a write fails
  type: list
  elements: dict
not_begun:
  description: The functions that the run did not come to.
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
    FUNCTION,
    FUNCTION_OPTIONS,
    desired_code,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.workspace.functions import Functions


def body(module: AnsibleModule) -> dict[str, Any]:
    all_desired = desired_code(FUNCTION, [{name: module.params[name] for name in FUNCTION_OPTIONS}], listed=False)
    resource = Functions(Client(module.params, module.check_mode), hide=module.no_log_values.update)
    return converge(resource, all_desired, check_mode=module.check_mode).single()


def main() -> None:
    run({**WEBUI_OPTIONS, **FUNCTION_OPTIONS}, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
