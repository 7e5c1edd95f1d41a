#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: doctor_info
short_description: Tell what is wrong with hosts, and how to mend it
version_added: 0.1.0
description:
  - Judges what M(selfhosted.llm.host_info) saw of hosts, and prints a table with the hosts side by side, and each
    finding with its way out.
  - Writes the same as JSON and as an HTML page where it is told to, in check mode too, and changes nothing else.
  - Runs on the controller and asks no host, so one that cannot be reached is a finding like any other.
  - The playbook C(selfhosted.llm.doctor) does all of it.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes.info_module
options:
  hosts:
    description: The names of the hosts, as the inventory has them.
    type: list
    elements: str
    required: true
  looks:
    description:
      - The variables that hold what was seen of each host, as C(register) made them.
      - Of several the first counts that was not skipped.
    type: list
    elements: str
    required: true
  ignore:
    description:
      - What is no finding, by host. An id such as V(live-restore-off), or V(image-not-pinned:ollama) for one thing.
    type: dict
    default: {}
  fail_on:
    description: How bad a finding must be for its host to be among RV(ill).
    type: str
    choices:
      - error
      - warning
      - never
    default: error
  json:
    description: A file on the controller for the report as JSON. It is readable for its owner alone.
    type: path
  html:
    description:
      - A file on the controller for the report as a page, which needs no other file.
      - It is readable for its owner alone.
    type: path
notes:
  - Needs C(run_once) where the play has several hosts.
seealso:
  - module: selfhosted.llm.host_info
"""

EXAMPLES = r"""
- name: Every host is looked at, and what is wrong is told
  hosts: ollama_hosts
  gather_facts: false
  ignore_unreachable: true
  tasks:
    - name: The host is looked at
      selfhosted.llm.host_info:
        containers:
          - name: ollama
            kind: ollama
      register: seen
      failed_when: false

    - name: What is wrong is told
      selfhosted.llm.doctor_info:
        hosts: "{{ ansible_play_hosts_all }}"
        looks: [seen]
        html: doctor.html
      run_once: true
      register: doctor

    - name: The host is well
      ansible.builtin.assert:
        that: inventory_hostname not in doctor.ill
        fail_msg: "{{ doctor.ill[inventory_hostname] }}"
"""

RETURN = r"""
findings:
  description: What is wrong, the worst first.
  returned: success
  type: list
  elements: dict
  sample:
    - host: gpu1
      id: container-missing
      severity: error
      about: open-webui
      say: The container open-webui is not there, and the inventory says it should be.
      do: Run ansible-playbook selfhosted.llm.site.
ill:
  description: The hosts with a finding as bad as O(fail_on), and what they have in one sentence.
  returned: success
  type: dict
  sample:
    gpu1: "gpu1 has 1 error: container-missing."
table:
  description: The lines that were printed.
  returned: success
  type: list
  elements: str
"""

from typing import TYPE_CHECKING, Any

from ansible_collections.selfhosted.llm.plugins.module_utils.doctor.spec import DOCTOR
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


def body(_module: AnsibleModule) -> dict[str, Any]:
    """Say that this is the wrong place."""
    raise Failure("doctor_info runs on the controller, as an action of a playbook; it cannot be run on a host.")


if __name__ == "__main__":
    run(DOCTOR, body)
