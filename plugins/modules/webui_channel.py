#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_channel
short_description: Manage a channel of Open WebUI
version_added: 0.1.0
description:
  - Creates, updates and deletes a channel, in which people and models write to each other, and sets who may use it.
  - Channels are off by default. The setting C(channels.enable) switches them on, with M(selfhosted.llm.webui_settings).
  - Groups and direct messages, which people start themselves, are left alone.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_webui
  - selfhosted.llm.webui
  - selfhosted.llm.webui.credentials
  - selfhosted.llm.webui.access
options:
  name:
    description:
      - The name, by which the channel is known. Open WebUI stores it in lower case.
      - If several channels have it, the task fails and lists their ids.
    type: str
    required: true
  description:
    description:
      - What the channel is for.
    type: str
  state:
    description:
      - V(present) creates or updates the channel.
      - V(absent) deletes it B(with all its messages).
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: selfhosted.llm.webui_instance
  - module: selfhosted.llm.webui_settings
"""

EXAMPLES = r"""
- name: Enable channels
  selfhosted.llm.webui_settings:
    admin_email: admin@example.org
    admin_password: "{{ vault_admin_password }}"
    settings:
      channels.enable: true

- name: Create a channel in which teachers write and pupils read
  selfhosted.llm.webui_channel:
    token: "{{ vault_webui_key }}"
    name: news
    description: What the school announces
    access:
      read:
        groups: [pupils]
      write:
        groups: [teachers]

- name: Delete a channel with its messages
  selfhosted.llm.webui_channel:
    token: "{{ vault_webui_key }}"
    name: old-news
    state: absent
"""

RETURN = r"""
channel:
  description: The channel after the run, or the expected one in check mode. Empty if it is absent.
  returned: success
  type: dict
  sample:
    id: 3f0c1a52-6c0e-4f0e-9a43-5d1b0a7c9e11
    name: news
    description: What the school announces
  contains:
    id:
      description: The channel's id on the server.
      type: str
      returned: when the channel exists
    name:
      description: The name in lower case.
      type: str
      returned: success
    description:
      description: What the channel is for.
      type: str
      returned: success
    access:
      description: Who may use it, as in O(access).
      type: dict
      returned: when O(access) is given
problems:
  description: The problems of the options, a sentence for each.
  returned: when the channel is invalid
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.converge import converge
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES, Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.channels.resource import Channels
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.channels.spec import (
    CHANNEL_OPTIONS,
    desired_channels,
)


def body(module: AnsibleModule) -> dict[str, Any]:
    all_desired = desired_channels([module.params], listed=False)
    channels = Channels(Client(module.params, module.check_mode))
    return converge(channels, all_desired, check_mode=module.check_mode).single()


def main() -> None:
    run({**WEBUI_OPTIONS, **CHANNEL_OPTIONS}, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
