#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Gather facts about a host of the service
version_added: 0.1.0
description:
  - Gathers in one task the facts about the Docker Engine, the containers of Ollama and Open WebUI and their answers,
    the egress of their networks, listening ports, GPUs, disks, memory, the clock, systemd units, and the mark of the
    last run of C(selfhosted.llm.site).
  - Reports no findings. M(selfhosted.llm.doctor_info) derives them from the facts.
  - The playbook C(selfhosted.llm.doctor) runs both.
  - Needs only Python's standard library on the host.
  - Does not read the variables of containers, since they may contain secrets.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes.info_module
options:
  containers:
    description:
      - The containers that the host should have.
      - Other containers of the roles, and those of images named C(ollama) or C(open-webui), are returned too.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the container.
        type: str
        required: true
      kind:
        description: The server in it.
        type: str
        choices:
          - ollama
          - open-webui
        required: true
      volume:
        description: The volume or directory with its data.
        type: str
      image:
        description: The declared image. The result has it next to the current one, like the next four.
        type: str
      address:
        description: The declared address of its port.
        type: str
      port:
        description: The declared port of the host.
        type: int
      network:
        description: The declared Docker network.
        type: str
      egress:
        description: The declared egress, a value of O(selfhosted.llm.docker_egress#module:egress).
        type: str
      ollama_urls:
        description:
          - The Ollama URLs of an Open WebUI. The module asks each for its version with C(curl) inside the container.
          - A user name and a password in a URL are used, but not returned.
        type: list
        elements: str
        default: []
  files:
    description: Files to return the owner and the mode of.
    type: list
    elements: path
    default: []
  socket:
    description: The socket of the Docker Engine.
    type: path
    default: /var/run/docker.sock
  gpu:
    description: Whether to gather the facts of M(selfhosted.llm.gpu_info).
    type: bool
    default: true
  timeout:
    description: Time limit in seconds for the answer of a server.
    type: float
    default: 5.0
notes:
  - Only root can gather all facts. RV(not_gathered) lists what is missing.
seealso:
  - module: selfhosted.llm.doctor_info
  - module: selfhosted.llm.gpu_info
"""

EXAMPLES = r"""
- name: Gather the facts of the host
  selfhosted.llm.host_info:
    containers:
      - name: ollama
        kind: ollama
        volume: ollama
  register: facts

- name: Fail if Ollama does not answer within a second
  ansible.builtin.assert:
    that: facts.servers | selectattr('kind', 'eq', 'ollama') | map(attribute='seconds', default=99) | max < 1

- name: Gather the facts of a host without declared containers and GPUs
  selfhosted.llm.host_info:
    gpu: false
  register: facts
"""

RETURN = r"""
host:
  description: The machine, and the user who gathered the facts. C(container) means that it is a container itself.
  returned: success
  type: dict
  sample:
    name: gpu1
    os: Debian GNU/Linux 12 (bookworm)
    kernel: 6.1.0-28-amd64
    architecture: x86_64
    user: root
    container: false
engine:
  description:
    - The Docker Engine. C(answers) is null if this user may not use its socket, and C(error) is why it does not answer.
    - C(tcp) are the addresses and ports where its API answers without a certificate. C(container_root) is the user of
      the host that is root within containers.
  returned: success
  type: dict
  sample:
    installed: true
    answers: true
    error: ""
    version: 28.5.1
    root: /var/lib/docker
    container_root: 0
    live_restore: true
    swarm: false
    tcp: []
containers:
  description: The containers. A declared one that does not exist has the state V(missing). Null if they are unknown.
  returned: success
  type: list
  elements: dict
  sample:
    - name: ollama
      kind: ollama
      ours: true
      image: ollama/ollama:0.32.15
      state: running
      health: healthy
      restarts: 0
      restart_policy: unless-stopped
      ports:
        - address: 127.0.0.1
          port: 11434
          inside: 11434
      networks: [llm]
      gpu: cdi
servers:
  description:
    - The answers of the servers in the running containers. C(seconds) is the time of the first answer, C(computes_on)
      is V(gpu), V(cpu), or empty if it is unknown, C(gpu_lost) is the error of nvidia-smi in a container with a GPU,
      C(ollamas) are the Ollama URLs of Open WebUI and whether it reaches them.
  returned: success
  type: list
  elements: dict
  sample:
    - name: ollama
      kind: ollama
      answers: true
      error: ""
      version: 0.32.15
      seconds: 0.004
      models: 3
      loaded: []
      computes_on: gpu
      gpu_lost: ""
networks:
  description:
    - The Docker networks of these containers. C(egress) is set by M(selfhosted.llm.docker_egress), V(open) if it has no
      rules. C(in_force) means that the kernel has loaded these rules, C(kept) that they are loaded at boot, C(opened)
      that the egress is temporarily open. No traffic leaves a network that is C(internal).
    - C(mtu) is the MTU of the network and C(uplink_mtu) the MTU of the host's uplink in bytes, null without a default
      route.
    - Null if this user may not read the rules.
  returned: success
  type: list
  elements: dict
  sample:
    - name: llm
      internal: false
      egress: closed
      in_force: true
      kept: true
      opened: false
      mtu: 1500
      uplink_mtu: 1500
volumes:
  description: The declared and used volumes, and whether they exist.
  returned: success
  type: list
  elements: dict
  sample:
    - name: ollama
      exists: true
ports:
  description: The listening TCP ports with their addresses. C(process) is empty if this user may not see it.
  returned: success
  type: list
  elements: dict
  sample:
    - address: 127.0.0.1
      port: 11434
      pid: 812
      process: docker-proxy
disks:
  description: The file systems of the system, of Docker and of the servers' data, in bytes.
  returned: success
  type: list
  elements: dict
  sample:
    - path: /
      holds: [the system, Docker]
      size: 1000204886016
      free: 412316860416
      inodes: 61054976
      inodes_free: 60000000
      read_only: false
memory:
  description: Memory and swap in bytes, and the percent of the last minute in which programs waited for memory.
  returned: success
  type: dict
  sample:
    total: 67430219776
    available: 51539607552
    swap_total: 0
    swap_free: 0
    pressure: 0.0
clock:
  description: Whether the clock is synchronised. Null in a container, or if the kernel does not report it.
  returned: success
  type: bool
units:
  description: The units of Docker, NVIDIA, the clock and this collection, and all failed ones. Null without systemd.
  returned: success
  type: list
  elements: dict
  sample:
    - name: docker.service
      active: active
      sub: running
reboot:
  description: Why the host needs a reboot, or an empty string.
  returned: success
  type: str
files:
  description: Owner and mode of O(files). C(exists) is null if this user cannot see it.
  returned: success
  type: list
  elements: dict
  sample:
    - path: /etc/open-webui/secret_key
      exists: true
      mode: "0600"
      uid: 0
gpu:
  description: The facts and findings of M(selfhosted.llm.gpu_info). Null with O(gpu=false).
  returned: success
  type: dict
converged:
  description:
    - The mark of the last run of C(selfhosted.llm.site) that changed what is declared, and its time.
    - Null without one.
  returned: success
  type: dict
  sample:
    at: 1795665600
    mark:
      containers:
        - name: ollama
          kind: ollama
          image: ollama/ollama:0.32.15
          address: 127.0.0.1
          port: 11434
          volume: ollama
          network: llm
          egress: closed
not_gathered:
  description: Sentences about facts that could not be gathered.
  returned: success
  type: list
  elements: str
"""

import os
from typing import TYPE_CHECKING, Any

from ansible_collections.selfhosted.llm.plugins.module_utils.doctor.facts import Request, gather
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.gpu import host
from ansible_collections.selfhosted.llm.plugins.module_utils.gpu.rules import all as causes

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = {
    "containers": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "kind": {"type": "str", "choices": ["ollama", "open-webui"], "required": True},
            "volume": {"type": "str"},
            "image": {"type": "str"},
            "address": {"type": "str"},
            "port": {"type": "int"},
            "network": {"type": "str"},
            "egress": {"type": "str"},
            "ollama_urls": {"type": "list", "elements": "str", "default": []},
        },
    },
    "files": {"type": "list", "elements": "path", "default": []},
    "socket": {"type": "path", "default": "/var/run/docker.sock"},
    "gpu": {"type": "bool", "default": True},
    "timeout": {"type": "float", "default": 5.0},
}


def gpus(socket: str) -> dict[str, Any]:
    """Return the facts and findings of gpu_info, with those about containers if this user may use the socket."""
    facts = host.gather(container=os.access(socket, os.R_OK | os.W_OK))
    return {**facts.as_dict(), "findings": [finding.as_dict() for finding in causes.find(facts)]}


def body(module: AnsibleModule) -> dict[str, Any]:
    """Gather the facts."""
    given = module.params
    request = Request(given["socket"], given["containers"], given["files"], given["timeout"])
    if given["gpu"]:
        request.gpus = lambda: gpus(given["socket"])
    return {"changed": False, **gather(request)}


if __name__ == "__main__":
    run(ARGUMENTS, body)
