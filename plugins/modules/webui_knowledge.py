#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_knowledge
short_description: Manage a knowledge base of Open WebUI, filled from a directory
version_added: 0.1.0
description:
  - Creates, changes and deletes a knowledge base, and keeps the files of a directory in it.
  - Files are compared by the SHA-256 of their bytes. What is new is uploaded, what changed is replaced, what only moved
    is moved, and what is gone is removed.
  - An old file goes only when the new one is read, embedded and in the base. A run that fails or is killed leaves each
    file as the old or the new one.
  - The embedding engine is tested once before the first write. Where it does not work nothing is written.
  - Every file that the module uploads is marked as its own, so what people added by hand stays, and with the run that
    uploaded it, so that runs at the same time leave each other's uploads alone.
  - File names are limited to 218 bytes before Open WebUI 0.10, directories included; since 0.10 only the extension is.
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
      - The name. The server lets two bases have the same one, which is an error here that lists their ids.
    type: str
    required: true
  description:
    description:
      - What the base is about. Where it is left out, nothing is changed, and a new base has none.
    type: str
  src:
    description:
      - The directory with the files. Where it is left out, no file is looked at.
      - On the controller, in C(files/) of the role or beside the playbook, or with O(remote_src) on the managed host.
      - Give one directory to one base. What another task put there counts as gone here.
    type: path
  remote_src:
    description:
      - Whether O(src) is on the managed host. Else it is packed and sent there by every run, and removed afterwards.
    type: bool
    default: false
  src_archive:
    description:
      - The directory as the controller sent it. It is for the module itself.
    type: path
  patterns:
    description:
      - Shell patterns for the names of the files that are wanted. All are, where there is none.
    type: list
    elements: str
    default: []
  excludes:
    description:
      - Shell patterns for names or paths below O(src), of files or directories, that are not wanted.
    type: list
    elements: str
    default: []
  recurse:
    description:
      - Whether files in directories below O(src) are wanted too.
    type: bool
    default: true
  purge:
    description:
      - Which files of the base are removed that are not in O(src).
      - With V(own) those that the module put there. With V(all) those that people added, too. With V(none) no file.
    type: str
    choices: [none, own, all]
    default: own
  process_timeout:
    description:
      - The seconds that may pass without any file moving on while the server reads and embeds them.
    type: float
    default: 300
  workers:
    description:
      - How many files are uploaded and processed at once, from 1 to 16.
    type: int
    default: 4
  state:
    description:
      - Whether the base is there. With V(absent) the files that the module put there go, too.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: selfhosted.llm.webui_model
"""

EXAMPLES = r"""
- name: The house rules can be asked
  selfhosted.llm.webui_knowledge:
    token: "{{ vault_webui_key }}"
    name: House
    description: What everybody should know
    src: material
    access:
      public: true

- name: Only the handbooks, which lie on the managed host
  selfhosted.llm.webui_knowledge:
    token: "{{ vault_webui_key }}"
    name: Handbooks
    src: /srv/handbooks
    remote_src: true
    patterns: ["*.md", "*.pdf"]
    excludes: [drafts, "*~"]
    access:
      read:
        groups: [pupils]
      write:
        groups: [teachers]

- name: Keep exactly the files of the directory, and remove all others
  selfhosted.llm.webui_knowledge:
    token: "{{ vault_webui_key }}"
    name: Law
    src: law
    purge: all

- name: Many large files take their time
  selfhosted.llm.webui_knowledge:
    token: "{{ vault_webui_key }}"
    name: Archive
    src: /srv/archive
    remote_src: true
    process_timeout: 1800
    workers: 2

- name: The base is gone
  selfhosted.llm.webui_knowledge:
    token: "{{ vault_webui_key }}"
    name: House
    state: absent
"""

RETURN = r"""
knowledge:
  description: The base after the run, or as foreseen in check mode. Empty where it is absent.
  returned: success
  type: dict
  sample:
    id: 0f6d5c1e-5b8a-4f5c-9f43-0d7d3d0f6a55
    name: House
    description: What everybody should know
  contains:
    id:
      description: The base's id on the server.
      type: str
      returned: when the base is there
    name:
      description: The name.
      type: str
      returned: when the base is there
    description:
      description: What it is about.
      type: str
      returned: when the base is there
    access:
      description: Who may see and change it, by names.
      type: dict
      returned: when O(access) is set
added:
  description: The paths of files that are new.
  returned: success
  type: list
  elements: str
updated:
  description: The paths of files with other content than before.
  returned: success
  type: list
  elements: str
removed:
  description: The paths of files that went.
  returned: success
  type: list
  elements: str
moved:
  description: The new paths of files that only moved, each with the old one.
  returned: success
  type: dict
skipped:
  description: The paths of files that are not put into the base, each with the reason.
  returned: success
  type: dict
problems:
  description: What is wrong with the options or the files, a sentence for each.
  returned: when the base is invalid
  type: list
  elements: str
done:
  description: The files that had been written when a run broke off.
  returned: when a write fails
  type: list
  elements: str
failed_steps:
  description: The writes that failed, by C(action), C(name) and C(fields), with the server's message under C(msg).
  returned: when a write fails
  type: list
  elements: dict
not_begun:
  description: The files that the run did not come to.
  returned: when a write fails
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.api.client import WEBUI_OPTIONS, WEBUI_RULES, Client
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.knowledge.run import fill
from ansible_collections.selfhosted.llm.plugins.module_utils.webui.knowledge.spec import KNOWLEDGE_OPTIONS


def body(module: AnsibleModule) -> dict[str, Any]:
    return fill(module.params, Client(module.params, module.check_mode), module.check_mode)


def main() -> None:
    run({**WEBUI_OPTIONS, **KNOWLEDGE_OPTIONS}, body, **WEBUI_RULES)


if __name__ == "__main__":
    main()
