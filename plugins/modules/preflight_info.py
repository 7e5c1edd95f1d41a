#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_info
short_description: Tell whether a machine is fit for the service before anything is installed
version_added: 0.1.0
description:
  - Looks at a host in one go and judges it. Each finding has the figure, the need, and the way out.
  - Looked at are memory, GPUs, disks, processor, kernel, cgroups, ports, the clock, DNS, and whether what must be
    fetched can be.
  - Registries are asked only for images and models that the host does not have, all at once and with the proxy by which
    they will be fetched. A host that has everything asks nobody.
  - Needs Python's standard library only. Never fails for what it finds; the role C(selfhosted.llm.preflight) does.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes.info_module
options:
  rules:
    description:
      - For each rule V(fail), V(warn) or V(skip). A rule that is not named is V(fail).
      - With V(fail) what keeps the service from running is V(fail), what is tight V(warn). With V(warn) both are so.
      - The rules are C(memory), C(gpu), C(disk), C(cpu), C(kernel), C(cgroups), C(ports), C(time), C(dns), C(reach),
        C(embedding) and C(mtu).
      - With C(reach) V(skip) no registry is asked, and sizes are the usual ones.
    type: dict
    default: {}
  images:
    description: References of the images that Docker is to pull.
    type: list
    elements: str
    default: []
  servers:
    description: The Ollama servers of the host, and what they shall have.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: A name for it.
        type: str
        default: ollama
      version:
        description: The version of Ollama.
        type: str
        required: true
      volume:
        description: The volume, or the directory, that keeps its models.
        type: str
        default: ollama
      models:
        description: Its models, as M(selfhosted.llm.ollama_fit) takes them. Of C(choose) the smallest counts.
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
        description: The proxies by which it pulls, with the keys C(http), C(https) and C(no).
        type: dict
        default: {}
      embedding_model:
        description: By what Open WebUI embeds. From Ollama 0.30 on a chat model is a finding of the rule C(embedding).
        type: str
        default: ""
  ports:
    description: The ports that containers are to publish.
    type: list
    elements: dict
    default: []
    suboptions:
      port:
        description: The port.
        type: int
        required: true
      address:
        description: The IP address of the host that it is on.
        type: str
        default: 127.0.0.1
      option:
        description: The variable that sets the port, which the way out names.
        type: str
        default: the port
      address_option:
        description: The variable that sets the address.
        type: str
        default: ""
  urls:
    description: Package repositories that are needed.
    type: list
    elements: dict
    default: []
    suboptions:
      url:
        description: A file there.
        type: str
        required: true
      what:
        description: What comes from it.
        type: str
        required: true
      unless:
        description: A file on the host. Where it is, the repository is not asked.
        type: path
      vendor:
        description: Asked only where the host has a GPU of this vendor.
        type: str
        choices:
          - nvidia
          - amd
  engine:
    description: Whether Docker is to be installed where none answers, which takes room.
    type: bool
    default: true
  docker:
    description:
      - Settings that C(daemon.json) will have. They go before those that it has. C(data-root), C(proxies),
        C(registry-mirrors) and C(insecure-registries) are read.
    type: dict
    default: {}
  network:
    description: The containers' network, whose MTU is compared where containers use it already.
    type: str
    default: ""
  network_mtu:
    description: The MTU that it should have, as for M(selfhosted.llm.docker_network).
    type: str
    default: auto
  memory_least:
    description: Gigabytes of memory below which the host cannot serve.
    type: float
    default: 8
  memory_good:
    description: Gigabytes of memory that are comfortable.
    type: float
    default: 16
  memory_large:
    description: Gigabytes of memory that are good for models of 13B and more which no GPU holds.
    type: float
    default: 32
  gpu_memory_least:
    description: Gigabytes of memory that a GPU should have.
    type: float
    default: 4
  disk_spare:
    description: Gigabytes that should stay free after all has come.
    type: float
    default: 10
  timeout:
    description: How long a server may take for an answer, in seconds. Names are looked up in the same time.
    type: float
    default: 10
seealso:
  - module: selfhosted.llm.ollama_fit
  - module: selfhosted.llm.gpu_info
"""

EXAMPLES = r"""
- name: The machine is looked at
  selfhosted.llm.preflight_info:
  register: preflight

- name: What was found is shown
  ansible.builtin.debug:
    msg: "{{ preflight.findings | map(attribute='say') }}"

- name: A machine for two images and three models
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

- name: It can serve
  ansible.builtin.assert:
    that: preflight.findings | selectattr('level', 'eq', 'fail') | list | length == 0
    fail_msg: "{{ preflight.findings | map(attribute='say') | join(' ') }}"

- name: A host behind a proxy, with a registry's mirror, whose clock somebody else keeps
  selfhosted.llm.preflight_info:
    rules:
      time: skip
      reach: warn
    images:
      - ollama/ollama:0.32.15
    servers:
      - version: 0.32.15
        models:
          - name: llama3:8b
        proxies:
          https: http://proxy.example.org:3128
          no: .example.org
    docker:
      registry-mirrors:
        - https://mirror.example.org
      proxies:
        https-proxy: http://proxy.example.org:3128
"""

RETURN = r"""
findings:
  description: What is not as it should be, those that fail first.
  returned: success
  type: list
  elements: dict
  sample:
    - rule: ports
      level: fail
      figure: taken by nginx (process 812)
      need: 127.0.0.1:3001
      say: >-
        Port 127.0.0.1:3001 is taken by nginx (process 812): stop it, or set open_webui_port to another port.
    - rule: memory
      level: warn
      figure: 8.2 GB
      need: 16.0 GB
      say: >-
        The memory is 8.2 GB, and 16.0 GB are comfortable: keep to small models and short contexts, or add memory.
  contains:
    rule:
      description: The rule.
      type: str
      returned: success
    level:
      description: V(fail) or V(warn).
      type: str
      returned: success
    figure:
      description: What the host has.
      type: str
      returned: success
    need:
      description: What is wanted.
      type: str
      returned: success
    say:
      description: One sentence with both and the way out.
      type: str
      returned: success
host:
  description: What was measured.
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
      description: V(v2), V(v1) or nothing.
      type: str
      returned: success
    systemd:
      description: Whether systemd runs.
      type: bool
      returned: success
    clock_synchronised:
      description: Whether the clock is kept right, null where the kernel does not say.
      type: bool
      returned: success
    gpus:
      description: The GPUs, with their memory in bytes. Not looked for where no server wants one.
      type: list
      elements: dict
      returned: success
    disks:
      description: The file systems that something goes to, with the bytes that are free and those that are to come.
      type: list
      elements: dict
      returned: success
"""

from typing import TYPE_CHECKING, Any

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight.options import checked_rules, limits
from ansible_collections.selfhosted.llm.plugins.module_utils.preflight.survey import survey

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
    "memory_least": {"type": "float", "default": 8},
    "memory_good": {"type": "float", "default": 16},
    "memory_large": {"type": "float", "default": 32},
    "gpu_memory_least": {"type": "float", "default": 4},
    "disk_spare": {"type": "float", "default": 10},
    "timeout": {"type": "float", "default": 10},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    """Answer the task's options."""
    given = module.params
    outcome = survey(given, limits(given), checked_rules(given["rules"]))
    return {"changed": False, "findings": outcome.findings, "host": outcome.host}


if __name__ == "__main__":
    run(ARGUMENTS, body)
