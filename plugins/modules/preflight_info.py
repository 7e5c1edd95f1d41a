#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_info
short_description: Check whether a host meets the requirements before anything is installed
version_added: 0.1.0
description:
  - Checks a host in one task. Each finding has the measured value, what is wrong, and the fix.
  - It checks memory, GPUs, disks, processor, kernel, cgroups, ports, the clock, DNS, and whether images, models and
    packages can be downloaded.
  - It asks registries only for images and models that the host does not have, in parallel, and through the proxy that
    the download will use. A host that has everything asks no registry.
  - Needs only Python's standard library. Findings never make it fail; the role C(selfhosted.llm.preflight) fails.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes.info_module
options:
  rules:
    description:
      - The level of each rule, V(fail), V(warn) or V(skip). The default for all is V(fail).
      - With V(fail), findings that keep the service from running are errors, others are warnings. With V(warn), all are
        warnings. With V(skip), there are none.
      - The rules are C(memory), C(gpu), C(disk), C(cpu), C(kernel), C(cgroups), C(ports), C(time), C(dns), C(reach),
        C(embedding) and C(mtu).
      - With V(skip) for C(reach), no registry is asked, and sizes are estimated.
    type: dict
    default: {}
  images:
    description: References of the images that Docker is to pull.
    type: list
    elements: str
    default: []
  servers:
    description: The desired Ollama servers of the host.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the server.
        type: str
        default: ollama
      version:
        description: The version of Ollama.
        type: str
        required: true
      volume:
        description: The volume, or the directory, with its models.
        type: str
        default: ollama
      models:
        description: Its models, in the format of M(selfhosted.llm.ollama_fit). Of C(choose), the smallest counts.
        type: list
        elements: dict
        default: []
      gpu:
        description: V(auto), V(nvidia), V(amd) or V(none).
        type: str
        default: auto
      gpu_devices:
        description: V(all), a count, or a list of indexes or UUIDs.
        type: raw
        default: all
      context_length:
        description: E(OLLAMA_CONTEXT_LENGTH) of the server.
        type: int
      num_parallel:
        description: E(OLLAMA_NUM_PARALLEL) of the server.
        type: int
      kv_cache_type:
        description: E(OLLAMA_KV_CACHE_TYPE) of the server.
        type: str
        choices: [f16, q8_0, q4_0]
        default: f16
      proxies:
        description: The proxies that it uses for pulls, with the keys C(http), C(https) and C(no).
        type: dict
        default: {}
      embedding_model:
        description: The embedding model of Open WebUI. From Ollama 0.30 on, C(embedding) reports a chat model.
        type: str
        default: ""
  ports:
    description: The ports that containers will publish.
    type: list
    elements: dict
    default: []
    suboptions:
      port:
        description: The port.
        type: int
        required: true
      address:
        description: The IP address of the host to publish it on.
        type: str
        default: 127.0.0.1
      option:
        description: The variable that sets the port, for the fix of a finding.
        type: str
        default: the port
      address_option:
        description: The variable that sets the address.
        type: str
        default: ""
  urls:
    description: The package repositories that the host needs.
    type: list
    elements: dict
    default: []
    suboptions:
      url:
        description: A file in the repository.
        type: str
        required: true
      what:
        description: What is installed from it.
        type: str
        required: true
      unless:
        description: A file on the host. If it exists, the repository is not asked.
        type: path
      vendor:
        description: Ask the repository only if the host has a GPU of this vendor.
        type: str
        choices: [nvidia, amd]
  engine:
    description: Whether Docker will be installed if it is missing, which needs disk space.
    type: bool
    default: true
  docker:
    description:
      - Settings that C(daemon.json) will have. They override those that it has now. Only C(data-root), C(proxies),
        C(registry-mirrors) and C(insecure-registries) are used.
    type: dict
    default: {}
  network:
    description: The containers' network. Its MTU is checked if containers already use it.
    type: str
    default: ""
  network_mtu:
    description: The MTU that it should have, as for M(selfhosted.llm.docker_network).
    type: str
    default: auto
  memory_min:
    description: The memory in GB that the host needs at least.
    type: float
    default: 8
  memory_recommended:
    description: The recommended memory in GB.
    type: float
    default: 16
  memory_recommended_large:
    description: The recommended memory in GB for models of 13B and more that do not fit into a GPU.
    type: float
    default: 32
  gpu_memory_min:
    description: The memory in GB that a GPU should have at least.
    type: float
    default: 4
  disk_spare:
    description: The disk space in GB that should stay free after all downloads.
    type: float
    default: 10
  timeout:
    description: Time limit in seconds for the answer of a server, and for resolving names.
    type: float
    default: 10
seealso:
  - module: selfhosted.llm.ollama_fit
  - module: selfhosted.llm.gpu_info
"""

EXAMPLES = r"""
- name: Check the host
  selfhosted.llm.preflight_info:
  register: preflight

- name: Show the findings
  ansible.builtin.debug:
    msg: "{{ preflight.findings | map(attribute='message') }}"

- name: Check the host for two images and three models
  selfhosted.llm.preflight_info:
    images:
      - ollama/ollama:0.32.15
      - ghcr.io/open-webui/open-webui:0.12.4
    servers:
      - version: 0.32.15
        models:
          - name: llama3:8b
          - name: codellama:13b
          - name: nomic-embed-text
    ports:
      - port: 11434
        option: ollama_port
      - port: 3001
        option: open_webui_port
  register: preflight

- name: Fail if the host does not meet the requirements
  ansible.builtin.assert:
    that: preflight.findings | selectattr('severity', 'eq', 'error') | list | length == 0
    fail_msg: "{{ preflight.findings | map(attribute='message') | join(' ') }}"

- name: Check a host behind a proxy with a registry mirror, but not its clock
  selfhosted.llm.preflight_info:
    rules:
      time: skip
      reach: warn
    images: [ollama/ollama:0.32.15]
    servers:
      - version: 0.32.15
        models: [{name: llama3:8b}]
        proxies:
          https: http://proxy.example.org:3128
          no: .example.org
    docker:
      registry-mirrors: [https://mirror.example.org]
      proxies:
        https-proxy: http://proxy.example.org:3128
"""

RETURN = r"""
findings:
  description: What does not meet the requirements, errors first.
  returned: success
  type: list
  elements: dict
  sample:
    - id: ports
      severity: error
      subject: 127.0.0.1:3001
      message: Port 127.0.0.1:3001 is taken by nginx (process 812).
      fix: Stop it, or set open_webui_port to another port.
      figure: taken by nginx (process 812)
    - id: memory
      severity: warning
      subject: memory
      message: The host has 8.2 GB of memory, and 16.0 GB are recommended.
      fix: Use small models and short contexts, or add memory.
      figure: 8.2 GB
  contains:
    id:
      description: The rule. For a GPU that does not work, C(gpu-) and the id of M(selfhosted.llm.gpu_info).
      type: str
      returned: success
    severity:
      description: V(error) for what keeps the service from running, else V(warning).
      type: str
      returned: success
    subject:
      description: What it concerns, such as a port, a disk, a model or a GPU.
      type: str
      returned: success
    message:
      description: What is wrong, with the measured and the needed value.
      type: str
      returned: success
    fix:
      description: What to do.
      type: str
      returned: success
    figure:
      description: The measured value.
      type: str
      returned: success
host:
  description: The facts of the host.
  returned: success
  type: dict
  sample:
    memory: 67338842112
    architecture: x86_64
    avx: true
    avx2: true
    kernel: 6.1.0-40-amd64
    cgroups: v2
    systemd: true
    clock_synchronised: true
    gpus:
      - vendor: nvidia
        name: NVIDIA GeForce RTX 3090
        memory_total: 25769803776
    disks:
      - mount: /
        free: 84213678080
        needed: 14661224676
  contains:
    memory:
      description: The memory in bytes, or the limit of the container that the module runs in.
      type: int
      returned: success
    architecture:
      description: The processor's architecture.
      type: str
      returned: success
    avx:
      description: Whether it has AVX.
      type: bool
      returned: success
    avx2:
      description: Whether it has AVX2.
      type: bool
      returned: success
    kernel:
      description: The kernel's release.
      type: str
      returned: success
    cgroups:
      description: V(v2), V(v1) or an empty string.
      type: str
      returned: success
    systemd:
      description: Whether systemd runs.
      type: bool
      returned: success
    clock_synchronised:
      description: Whether the clock is synchronised, null if the kernel does not report it.
      type: bool
      returned: success
    gpus:
      description: The GPUs, with their memory in bytes. Empty if no server uses GPUs.
      type: list
      elements: dict
      returned: success
    disks:
      description: The file systems of the downloads, with the free bytes and the bytes to download.
      type: list
      elements: dict
      returned: success
"""

from typing import TYPE_CHECKING, Any

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight.check import check
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight.options import checked_rules, limits

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

SERVER = {
    "name": {"type": "str", "default": "ollama"},
    "version": {"type": "str", "required": True},
    "volume": {"type": "str", "default": "ollama"},
    "models": {"type": "list", "elements": "dict", "default": []},
    "gpu": {"type": "str", "default": "auto"},
    "gpu_devices": {"type": "raw", "default": "all"},
    "context_length": {"type": "int"},
    "num_parallel": {"type": "int"},
    "kv_cache_type": {"type": "str", "choices": ["f16", "q8_0", "q4_0"], "default": "f16"},
    "proxies": {"type": "dict", "default": {}},
    "embedding_model": {"type": "str", "default": ""},
}
PORT = {
    "port": {"type": "int", "required": True},
    "address": {"type": "str", "default": "127.0.0.1"},
    "option": {"type": "str", "default": "the port"},
    "address_option": {"type": "str", "default": ""},
}
URL = {
    "url": {"type": "str", "required": True},
    "what": {"type": "str", "required": True},
    "unless": {"type": "path"},
    "vendor": {"type": "str", "choices": ["nvidia", "amd"]},
}
ARGUMENTS = {
    "rules": {"type": "dict", "default": {}},
    "images": {"type": "list", "elements": "str", "default": []},
    "servers": {"type": "list", "elements": "dict", "default": [], "options": SERVER},
    "ports": {"type": "list", "elements": "dict", "default": [], "options": PORT},
    "urls": {"type": "list", "elements": "dict", "default": [], "options": URL},
    "engine": {"type": "bool", "default": True},
    "docker": {"type": "dict", "default": {}},
    "network": {"type": "str", "default": ""},
    "network_mtu": {"type": "str", "default": "auto"},
    "memory_min": {"type": "float", "default": 8},
    "memory_recommended": {"type": "float", "default": 16},
    "memory_recommended_large": {"type": "float", "default": 32},
    "gpu_memory_min": {"type": "float", "default": 4},
    "disk_spare": {"type": "float", "default": 10},
    "timeout": {"type": "float", "default": 10},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    """Check the host."""
    given = module.params
    outcome = check(given, limits(given), checked_rules(given["rules"]))
    return {"changed": False, "findings": outcome.findings, "host": outcome.host}


if __name__ == "__main__":
    run(ARGUMENTS, body)
