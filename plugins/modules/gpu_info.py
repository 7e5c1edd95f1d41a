#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_info
short_description: Gather facts about the GPUs of a host, and what keeps them from working
version_added: 0.1.0
description:
  - Returns the model, memory, driver and CDI names of each NVIDIA, AMD and Intel GPU.
  - Finds what keeps GPUs from working, on the host and in containers. Each finding has a cause and a fix.
  - Runs C(nvidia-smi) and waits at most 20 seconds for it. If it is missing or fails, the cards are still listed, with
    what the kernel shows.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes.info_module
  - selfhosted.llm.query
options:
  container:
    description:
      - Also gather what Docker and NVIDIA's container toolkit know about the GPUs.
    type: bool
    default: false
notes:
  - Does not need root. What only root may see is left out, and the finding C(permission) reports that.
seealso:
  - module: selfhosted.llm.ollama_fit
"""

EXAMPLES = r"""
- name: Gather facts about the GPUs
  selfhosted.llm.gpu_info:
  register: gpu

- name: Show their names
  ansible.builtin.debug:
    msg: "{{ gpu.gpus | map(attribute='name') }}"

- name: Find what keeps containers from using the GPUs, too
  selfhosted.llm.gpu_info:
    container: true
  become: true
  register: gpu

- name: Fail if a GPU does not work
  ansible.builtin.assert:
    that: errors | length == 0
    fail_msg: "{{ errors | map(attribute='message') | join(' ') }}"
  vars:
    errors: "{{ gpu.findings | selectattr('severity', 'eq', 'error') }}"

- name: Choose a model by the memory of the NVIDIA GPUs
  selfhosted.llm.ollama_fit:
    models:
      - name: llama3
        choose: [70b, 8b]
    gpus: "{{ cards | rejectattr('mig.enabled') | map(attribute='memory_total') }}"
  vars:
    cards: "{{ gpu.gpus | selectattr('usable') | selectattr('vendor', 'eq', 'nvidia') }}"

- name: Get the names and memory of the usable GPUs
  selfhosted.llm.gpu_info:
    query: "gpus[?usable].{name: name, memory: memory_total}"
  register: usable
"""

RETURN = r"""
gpus:
  description:
    - The GPUs, NVIDIA's first, then AMD's, then Intel's.
    - A card without a driver is listed too, with C(memory_total) 0 and an empty C(driver_version).
  returned: success
  type: list
  elements: dict
  sample:
    - vendor: nvidia
      index: 0
      name: NVIDIA GeForce RTX 4090
      uuid: GPU-4f1e5f1c-2b0c-6d8e-3d53-7d4b2c1a9e60
      bus_id: "0000:01:00.0"
      memory_total: 25757220864
      unified: false
      compute_capability: "8.9"
      driver_version: 580.95.05
      persistence: true
      mig:
        enabled: false
        devices: []
      cdi_names:
        - nvidia.com/gpu=0
      usable: true
  contains:
    vendor:
      description: V(nvidia), V(amd) or V(intel).
      type: str
      returned: success
    index:
      description: The number among the GPUs of its vendor, as C(nvidia-smi) counts them.
      type: int
      returned: success
    name:
      description: The model. If no driver reports it, the name in the PCI list of the host, or the PCI ids.
      type: str
      returned: success
    uuid:
      description: The UUID that the driver gives it, or an empty string.
      type: str
      returned: success
    bus_id:
      description: The place on the PCI bus, as the kernel writes it. Empty for a GPU that is not on PCI.
      type: str
      returned: success
    memory_total:
      description:
        - The memory in bytes, 0 if it is unknown.
        - For an AMD GPU that is a part of the processor, the memory that is set aside for it.
      type: int
      returned: success
    unified:
      description: Whether the GPU uses the memory of the host.
      type: bool
      returned: success
    compute_capability:
      description: The compute capability of an NVIDIA GPU, null if it is unknown.
      type: str
      returned: success
    driver_version:
      description: The version of its driver. For a driver that is a part of the kernel, the version of the kernel.
      type: str
      returned: success
    persistence:
      description: Whether the driver stays loaded while no program uses the GPU, null if that does not apply.
      type: bool
      returned: success
    mig:
      description: Whether it is in MIG mode (C(enabled)), and its MIG devices (C(devices)).
      type: dict
      returned: success
      contains:
        enabled:
          description: Whether it is in MIG mode.
          type: bool
          returned: success
        devices:
          description: The MIG devices.
          type: list
          elements: dict
          returned: success
          contains:
            index:
              description: The number of the MIG device on its GPU.
              type: int
              returned: success
            uuid:
              description: Its UUID, which begins with C(MIG-).
              type: str
              returned: success
            profile:
              description: Its profile, such as V(3g.40gb).
              type: str
              returned: success
            memory_total:
              description: Its memory in bytes, 0 if it is unknown.
              type: int
              returned: success
            cdi_names:
              description: The names that CDI specifications on the host give it.
              type: list
              elements: str
              returned: success
    cdi_names:
      description: The names that CDI specifications on the host give it, without those that mean all GPUs.
      type: list
      elements: str
      returned: success
    usable:
      description:
        - Whether it has a driver and nothing is known that keeps Ollama from using it. RV(findings) has the cause.
        - False, for example, for a vGPU without a licence, a chip that Ollama has no library for, and a GPU in MIG mode
          without MIG devices.
      type: bool
      returned: success
driver:
  description: The version of each vendor's driver, empty if none works.
  returned: success
  type: dict
  sample:
    nvidia: 580.95.05
    amd: ""
    intel: ""
container:
  description: What Docker and NVIDIA's toolkit know.
  returned: success and O(container=true)
  type: dict
  sample:
    engine: true
    version: 29.1.3
    cgroup_driver: systemd
    nvidia_runtime: false
    cdi: true
    cdi_devices:
      - nvidia.com/gpu=0
    hook: true
    live_restore: true
    rootless: false
  contains:
    engine:
      description: Whether a Docker Engine answers.
      type: bool
      returned: success
    version:
      description: Its version.
      type: str
      returned: success
    cgroup_driver:
      description: The program that manages cgroups, V(systemd) or V(cgroupfs).
      type: str
      returned: success
    nvidia_runtime:
      description: Whether it has the runtime C(nvidia).
      type: bool
      returned: success
    cdi:
      description: Whether it reads CDI specifications.
      type: bool
      returned: success
    cdi_devices:
      description: The CDI devices that it lists (Docker 28.2 and newer).
      type: list
      elements: str
      returned: success
    hook:
      description: Whether NVIDIA's hook is installed, which Docker looks for when it starts.
      type: bool
      returned: success
    live_restore:
      description: Whether containers keep running when Docker restarts.
      type: bool
      returned: success
    rootless:
      description: Whether it runs without root.
      type: bool
      returned: success
findings:
  description: What keeps GPUs from working. The page docs/reference/findings.md lists all ids.
  returned: success
  type: list
  elements: dict
  sample:
    - id: uvm-missing
      severity: warning
      subject: ""
      message: The module nvidia_uvm is not loaded, and CUDA finds no GPU without it.
      fix: >-
        Run `modprobe nvidia_uvm`, and add it to /etc/modules-load.d/nvidia.conf to load it at each start.
      figure: ""
  contains:
    id:
      description: The id of the finding, which does not change.
      type: str
      returned: success
    severity:
      description: V(error) for what keeps a GPU from working, V(warning) for what may, or what could not be read.
      type: str
      returned: success
    subject:
      description: The bus id of the GPU, or the path of the file. Empty if it concerns all GPUs or none.
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
      description: Empty here. The findings of M(selfhosted.llm.preflight_info) have the measured value in it.
      type: str
      returned: success
query_result:
  description: The answer to O(query), null where the expression finds nothing.
  returned: success and O(query) is set
  type: raw
"""

from typing import TYPE_CHECKING, Any

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import QUERY, run
from ansible_collections.selfhosted.llm.plugins.module_utils.gpu.host import gather
from ansible_collections.selfhosted.llm.plugins.module_utils.gpu.rules.all import find

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = {
    **QUERY,
    "container": {"type": "bool", "default": False},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    """Gather the facts and apply the rules."""
    host = gather(container=module.params["container"])
    return {"changed": False, **host.as_dict(), "findings": [finding.as_dict() for finding in find(host)]}


def main() -> None:
    run(ARGUMENTS, body)


if __name__ == "__main__":
    main()
