#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: doctor_info
short_description: Report what is wrong with hosts, and how to fix it
version_added: 0.1.0
description:
  - Applies the rules of the doctor to the facts of M(selfhosted.llm.host_info). It prints a table with the hosts side
    by side, and each finding with its fix.
  - On request it writes the report as JSON and as an HTML page, in check mode too. It changes nothing else.
  - It runs on the controller and connects to no host. An unreachable host is a finding.
  - The playbook C(selfhosted.llm.doctor) runs both modules.
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
  results:
    description:
      - The names of the variables with the registered results of each host.
      - The first result that was not skipped counts.
    type: list
    elements: str
    required: true
  ignore:
    description:
      - Findings to ignore, by host. Each is an id such as V(live-restore-off), or V(image-not-pinned:ollama) for one
        object.
    type: dict
    default: {}
  fail_on:
    description: The severity from which on a host is in RV(failed_hosts).
    type: str
    choices:
      - error
      - warning
      - never
    default: error
  json:
    description: A file on the controller for the report as JSON. Only its owner can read it.
    type: path
  html:
    description:
      - A file on the controller for the report as an HTML page without further files.
      - Only its owner can read it.
    type: path
notes:
  - Use C(run_once) if the play has several hosts.
seealso:
  - module: selfhosted.llm.host_info
"""

EXAMPLES = r"""
- name: Check all hosts
  hosts: ollama_hosts
  gather_facts: false
  ignore_unreachable: true
  tasks:
    - name: Gather the facts of the host
      selfhosted.llm.host_info:
        containers:
          - name: ollama
            kind: ollama
      register: facts
      failed_when: false

    - name: Show the findings
      selfhosted.llm.doctor_info:
        hosts: "{{ ansible_play_hosts_all }}"
        results: [facts]
        html: doctor.html
      run_once: true
      register: doctor

    - name: Fail for hosts with errors
      ansible.builtin.assert:
        that: inventory_hostname not in doctor.failed_hosts
        fail_msg: "{{ doctor.failed_hosts[inventory_hostname] }}"
"""

RETURN = r"""
findings:
  description: What is wrong, host by host, errors first.
  returned: success
  type: list
  elements: dict
  sample:
    - host: gpu1
      id: container-missing
      severity: error
      subject: open-webui
      message: The container open-webui of the inventory does not exist.
      fix: Run ansible-playbook selfhosted.llm.site.
      figure: ""
  contains:
    host:
      description: The name of the host.
      type: str
      returned: success
    id:
      description: The id of the finding, which does not change.
      type: str
      returned: success
    severity:
      description: V(error) or V(warning).
      type: str
      returned: success
    subject:
      description: What it concerns, such as a container, a disk or a unit. Empty for the host itself.
      type: str
      returned: success
    message:
      description: What is wrong.
      type: str
      returned: success
    fix:
      description: What to do.
      type: str
      returned: success
    figure:
      description: The measured value, empty if there is none.
      type: str
      returned: success
failed_hosts:
  description: The hosts with a finding of at least the severity O(fail_on), with a summary in one sentence.
  returned: success
  type: dict
  sample:
    gpu1: "gpu1 has 1 error: container-missing."
table:
  description: The printed lines.
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
    """Fail, because the action plugin does the work."""
    raise Failure("doctor_info runs only as a task of a playbook, on the controller.")


if __name__ == "__main__":
    run(DOCTOR, body)
