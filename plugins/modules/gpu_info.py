#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_info
short_description: Tell which GPUs a host has, and what keeps them from work
version_added: 0.1.0
description:
  - Tells of each GPU of NVIDIA, AMD and Intel what it is, its memory, its driver, and the names that CDI gives it.
  - Finds what keeps GPUs from work, on the host and in containers, each with its cause and the way out.
  - Asks C(nvidia-smi) and waits 20 seconds for it at the most. Where it is missing or fails, the cards are still named,
    by what the kernel shows.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes.info_module
options:
  container:
    description:
      - Also look at what Docker and NVIDIA's container toolkit know of the GPUs.
    type: bool
    default: false
notes:
  - Needs no root. What only root may see is left out, and a problem C(permission) says so.
seealso:
  - module: selfhosted.llm.ollama_fit
"""

EXAMPLES = r"""
- name: The GPUs are known
  selfhosted.llm.gpu_info:
  register: gpu

- name: They are shown
  ansible.builtin.debug:
    msg: "{{ gpu.gpus | map(attribute='name') }}"

- name: What keeps containers from GPUs is known too
  selfhosted.llm.gpu_info:
    container: true
  become: true
  register: gpu

- name: Nothing keeps the GPUs from work
  ansible.builtin.assert:
    that: errors | length == 0
    fail_msg: "{{ errors | map(attribute='say') | join(' ') }}"
  vars:
    errors: "{{ gpu.problems | selectattr('severity', 'eq', 'error') }}"

- name: A model is chosen by the GPU memory of NVIDIA's cards
  selfhosted.llm.ollama_fit:
    models:
      - name: llama3
        choose: [70b, 8b]
    gpus: "{{ cards | rejectattr('mig.enabled') | map(attribute='memory_total') }}"
  vars:
    cards: "{{ gpu.gpus | selectattr('usable') | selectattr('vendor', 'eq', 'nvidia') }}"
"""

RETURN = r"""
gpus:
  description:
    - The GPUs, NVIDIA's first, then AMD's, then Intel's.
    - A card that no driver has is there too, with C(memory_total) 0 and an empty C(driver_version).
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
      description: The model. Where no driver tells it, the name of the PCI list on the host, or the PCI ids.
      type: str
      returned: success
    uuid:
      description: The UUID that the driver gives it, or nothing.
      type: str
      returned: success
    bus_id:
      description: The place on the PCI bus, as the kernel writes it. Nothing for a GPU that is not on PCI.
      type: str
      returned: success
    memory_total:
      description:
        - The memory in bytes, 0 where nothing tells it.
        - Of an AMD GPU that is a part of the processor, what is set aside for it.
      type: int
      returned: success
    unified:
      description: Whether it is the host's own memory.
      type: bool
      returned: success
    compute_capability:
      description: The compute capability of an NVIDIA GPU, null where nothing tells it.
      type: str
      returned: success
    driver_version:
      description: The version of its driver. For a driver that is a part of the kernel, the kernel's.
      type: str
      returned: success
    persistence:
      description: Whether the driver stays ready while nobody uses the GPU, null where that does not apply.
      type: bool
      returned: success
    mig:
      description: Whether it is in MIG mode (C(enabled)), and its slices (C(devices)).
      type: dict
      returned: success
      contains:
        enabled:
          description: Whether it is in MIG mode.
          type: bool
          returned: success
        devices:
          description: The slices.
          type: list
          elements: dict
          returned: success
          contains:
            index:
              description: The number of the slice on its GPU.
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
              description: Its memory in bytes, 0 where nothing tells it.
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
        - Whether a driver has it and nothing is known that keeps Ollama from it. C(problems) has the cause.
        - False, for example, for a vGPU without a licence, a chip that Ollama has no library for, and a GPU in MIG mode
          without slices.
      type: bool
      returned: success
driver:
  description: The version of each vendor's driver, empty where none works.
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
      description: What manages cgroups, V(systemd) or V(cgroupfs).
      type: str
      returned: success
    nvidia_runtime:
      description: Whether it has a runtime called nvidia.
      type: bool
      returned: success
    cdi:
      description: Whether it reads CDI specifications.
      type: bool
      returned: success
    cdi_devices:
      description: The CDI devices that it names, which it does from Docker 28.2 on.
      type: list
      elements: str
      returned: success
    hook:
      description: Whether NVIDIA's hook is installed, which Docker looks for when it starts.
      type: bool
      returned: success
    live_restore:
      description: Whether containers live through a restart of Docker.
      type: bool
      returned: success
    rootless:
      description: Whether it runs without root.
      type: bool
      returned: success
problems:
  description: What keeps GPUs from work. The page docs/reference/findings.md lists all of them.
  returned: success
  type: list
  elements: dict
  sample:
    - id: uvm-missing
      gpu: null
      say: >-
        The module nvidia_uvm is not loaded, without which CUDA finds no GPU: run `modprobe nvidia_uvm`, and name it in
        /etc/modules-load.d/nvidia.conf so that it is loaded at the next start.
      severity: warning
  contains:
    id:
      description: A word for it that does not change.
      type: str
      returned: success
    gpu:
      description: The bus id of the GPU that it is about, null where it is about all or none.
      type: str
      returned: success
    say:
      description: The cause and the way out, in one sentence.
      type: str
      returned: success
    severity:
      description: V(error) for what keeps a GPU from work, V(warning) for what may, or what could not be seen.
      type: str
      returned: success
"""

from typing import TYPE_CHECKING, Any

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.gpu.host import look
from ansible_collections.selfhosted.llm.plugins.module_utils.gpu.rules.all import find

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = {
    "container": {"type": "bool", "default": False},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    """Answer the task's options."""
    host = look(container=module.params["container"])
    return {"changed": False, **host.told(), "problems": [problem.told() for problem in find(host)]}


def main() -> None:
    run(ARGUMENTS, body)


if __name__ == "__main__":
    main()
