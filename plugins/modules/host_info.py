#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Tell what a host of the service is like
version_added: 0.1.0
description:
  - Looks at a host in one go, at its Docker Engine, the containers of Ollama and Open WebUI and how they answer, what
    leads out of their networks, who listens on which port, GPUs, disks, memory, the clock, systemd's units, and the
    mark of the last run of C(selfhosted.llm.site).
  - Judges nothing. That is the business of M(selfhosted.llm.doctor_info).
  - The playbook C(selfhosted.llm.doctor) does both.
  - Needs Python's standard library on the host and nothing else.
  - The variables of containers are not read, since they may be secrets.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes.info_module
options:
  containers:
    description:
      - The containers that the host should have.
      - Others that the roles made, and those of images named C(ollama) or C(open-webui), are told of too.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The container's name.
        type: str
        required: true
      kind:
        description: Which server it holds.
        type: str
        choices:
          - ollama
          - open-webui
        required: true
      volume:
        description: The volume or directory that keeps its data.
        type: str
      image:
        description: The image that was declared. It is told back beside what is there, like the next four.
        type: str
      address:
        description: The address that its port was declared to listen on.
        type: str
      port:
        description: The port of the host.
        type: int
      network:
        description: The Docker network that it was declared to be in.
        type: str
      egress:
        description: What it was declared to reach from there, as O(selfhosted.llm.docker_egress#module:egress) says it.
        type: str
      ollama_urls:
        description:
          - The Ollamas that an Open WebUI shall reach. Each is asked for its version with C(curl) inside the container.
          - A name and a password in them are used and not told.
        type: list
        elements: str
        default: []
  files:
    description: Files whose owner and mode are told.
    type: list
    elements: path
    default: []
  socket:
    description: The socket of the Docker Engine.
    type: path
    default: /var/run/docker.sock
  gpu:
    description: Whether GPUs and their drivers are looked at.
    type: bool
    default: true
  timeout:
    description: How long a server may take for an answer, in seconds.
    type: float
    default: 5.0
notes:
  - A user who is not root sees less. RV(unseen) says what was not seen.
seealso:
  - module: selfhosted.llm.doctor_info
  - module: selfhosted.llm.gpu_info
"""

EXAMPLES = r"""
- name: The host is looked at
  selfhosted.llm.host_info:
    containers:
      - name: ollama
        kind: ollama
        volume: ollama
  register: seen

- name: Ollama answers within a second
  ansible.builtin.assert:
    that: seen.servers | selectattr('kind', 'eq', 'ollama') | map(attribute='seconds', default=99) | max < 1

- name: A host without containers that are ours, and its GPUs are nobody's business
  selfhosted.llm.host_info:
    gpu: false
  register: seen
"""

RETURN = r"""
host:
  description: What the machine is, and the user who looked. C(container) says whether it is a container itself.
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
    - The Docker Engine. C(answers) is null where this user may not ask it, and C(words) tells why it does not answer.
    - C(tcp) are the addresses and ports at which its API answers everybody. C(container_root) is the user of the host
      that is root within containers.
  returned: success
  type: dict
  sample:
    installed: true
    answers: true
    words: ""
    version: 28.5.1
    root: /var/lib/docker
    container_root: 0
    live_restore: true
    swarm: false
    tcp: []
containers:
  description: The containers, and those that were expected with the state V(missing). Null where they were not seen.
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
    - How the servers in the running containers answer. C(seconds) is what the first answer took, C(computes_on)
      V(gpu), V(cpu) or empty where nothing tells, C(gpu_lost) how nvidia-smi fails in a container that has a GPU,
      C(ollamas) what Open WebUI reached.
  returned: success
  type: list
  elements: dict
  sample:
    - name: ollama
      kind: ollama
      answers: true
      words: ""
      version: 0.32.15
      seconds: 0.004
      models: 3
      loaded: []
      computes_on: gpu
      gpu_lost: ""
ways_out:
  description:
    - What leads out of each Docker network of these containers. C(egress) is what M(selfhosted.llm.docker_egress) has
      written of it, V(open) where it has nothing, C(in_force) whether the kernel has these rules, C(kept) whether they
      come back at boot, C(opened) whether the way is open for a time. Nothing leaves a network that is C(internal).
    - C(mtu) is that of the network and C(uplink_mtu) that of the host's way out in bytes, null without a default route.
    - Null where this user may not know.
  returned: success
  type: list
  elements: dict
  sample:
    - network: llm
      internal: false
      egress: closed
      in_force: true
      kept: true
      opened: false
      mtu: 1500
      uplink_mtu: 1500
volumes:
  description: The volumes that are expected or in use, and whether they exist.
  returned: success
  type: list
  elements: dict
  sample:
    - name: ollama
      exists: true
ports:
  description: Each address and port that is listened on by TCP. C(process) is empty where this user may not know it.
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
  description: Memory and swap in bytes, and the percent of the last minute in which somebody waited for memory.
  returned: success
  type: dict
  sample:
    total: 67430219776
    available: 51539607552
    swap_total: 0
    swap_free: 0
    pressure: 0.0
clock:
  description: Whether the clock is synchronised. Null in a container, and where the kernel does not tell.
  returned: success
  type: bool
units:
  description: The units of Docker, NVIDIA, the clock and this collection, and all that failed. Null without systemd.
  returned: success
  type: list
  elements: dict
  sample:
    - name: docker.service
      active: active
      sub: running
reboot:
  description: Why the host should be rebooted, or nothing.
  returned: success
  type: str
files:
  description: Owner and mode of O(files). C(exists) is null where this user cannot see so far.
  returned: success
  type: list
  elements: dict
  sample:
    - path: /etc/open-webui/secret_key
      exists: true
      mode: "0600"
      uid: 0
gpu:
  description: What M(selfhosted.llm.gpu_info) returns. Null with O(gpu=false).
  returned: success
  type: dict
converged:
  description:
    - The mark of the last run of C(selfhosted.llm.site) that changed what is declared, and when that was.
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
unseen:
  description: Sentences about what could not be looked at.
  returned: success
  type: list
  elements: str
"""

import os
from typing import TYPE_CHECKING, Any

from ansible_collections.selfhosted.llm.plugins.module_utils.doctor.report import Look, report
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
    """Return what gpu_info tells, with what containers can get where this user may ask."""
    seen = host.look(container=os.access(socket, os.R_OK | os.W_OK))
    return {**seen.told(), "problems": [problem.told() for problem in causes.find(seen)]}


def body(module: AnsibleModule) -> dict[str, Any]:
    """Answer the task's options."""
    given = module.params
    look = Look(given["socket"], given["containers"], given["files"], given["timeout"])
    if given["gpu"]:
        look.gpus = lambda: gpus(given["socket"])
    return {"changed": False, **report(look)}


if __name__ == "__main__":
    run(ARGUMENTS, body)
