#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_export
short_description: Export what Open WebUI has as variables
version_added: 0.1.0
description:
  - Reads a server and returns what it has as variables of the role P(selfhosted.llm.open_webui#role), which are the
    options of the modules. So a server that was set up by hand becomes code.
  - A run of the role with these variables changes nothing.
  - The export has no secrets, which are passwords, keys of connections, headers, valves, and settings that contain
    secrets.
  - It also lacks the files of knowledge bases, pictures embedded in their URL, connections of a kind that is switched
    off, the settings of OAuth unless the server stores them (C(ENABLE_OAUTH_PERSISTENT_CONFIG), 0.12 and newer), and
    C(auth.mfa), which an API key may not write.
  - The module makes a check run of each module with the exported values. It leaves out what that would refuse or
    change, such as a role that does not exist, or objects that share a name, and a warning says why.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes.info_module
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
options:
  sections:
    description:
      - What to export. The default is everything.
      - What the server's version does not have, such as skills before 0.8, is left out.
    type: list
    elements: str
    choices:
      - settings
      - default_permissions
      - groups
      - users
      - connections
      - knowledge
      - channels
      - tools
      - functions
      - skills
      - prompts
      - models
seealso:
  - module: selfhosted.llm.webui_info
  - module: selfhosted.llm.webui_settings
"""

EXAMPLES = r"""
- name: Export a server that was set up by hand
  selfhosted.llm.webui_export:
    token: "{{ vault_webui_key }}"
  register: exported

- name: Save the export as variables of the inventory
  ansible.builtin.copy:
    content: "{{ exported.yaml }}"
    dest: "{{ inventory_dir }}/host_vars/{{ inventory_hostname }}/open_webui.yml"
    mode: "0600"
  delegate_to: localhost

- name: Export only groups and accounts
  selfhosted.llm.webui_export:
    token: "{{ vault_webui_key }}"
    sections: [groups, users]
  register: people
"""

RETURN = r"""
variables:
  description: The variables by their names, such as C(open_webui_groups).
  returned: success
  type: dict
  sample:
    open_webui_groups:
      - name: teachers
        description: All who teach
yaml:
  description:
    - The same as the text of a YAML file of variables. Texts that look like templates have the tag C(!unsafe), so that
      Ansible does not evaluate them.
  returned: success
  type: str
  sample: |
    ---
    open_webui_groups:
      - name: teachers
        description: All who teach
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES, Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.export.sections import SECTIONS, Export

OPTIONS = {**WEBUI_OPTIONS, "sections": {"type": "list", "elements": "str", "choices": list(SECTIONS)}}


def body(module: AnsibleModule) -> dict[str, Any]:
    """Return the variables; the action plugin adds ``yaml``."""
    export = Export(Client(module.params, read_only=True))
    wanted = module.params["sections"]
    exported = [export.tried(section) for section in SECTIONS if wanted is None or section in wanted]
    variables = {f"open_webui_{name}": value for each in exported for name, value in each.items()}
    return {"changed": False, "variables": variables, "warnings": export.warnings}


def main() -> None:
    run(OPTIONS, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
