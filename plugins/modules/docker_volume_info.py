#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_volume_info
short_description: Tell whether containers may start with their volumes
version_added: 0.1.0
description:
  - Looks for what damages or hides the data of an Ollama or an Open WebUI when its container starts, before it starts.
    Another container that already uses the volume is one reason, for example the same server under its former name. A
    volume that does not exist is another, where the host shows that the server has data elsewhere.
  - The first installation on a host has no problem.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes.info_module
options:
  kind:
    description:
      - The server in the containers.
    type: str
    choices:
      - ollama
      - open-webui
    required: true
  containers:
    description:
      - All containers of that kind that the host is to have.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - The name of the container.
        type: str
        required: true
      volume:
        description:
          - The volume with its data, or a path on the host.
        type: str
        required: true
      port:
        description:
          - The port on the host.
        type: int
        required: true
      option:
        description:
          - What the person sets to name the volume, for messages.
        type: str
        default: volume
      new:
        description:
          - Whether the volume may be a new and empty one in any case.
        type: bool
        default: false
      new_option:
        description:
          - What the person sets to allow that, for messages.
        type: str
        default: new
      read_only:
        description:
          - Whether the container only reads the volume, so that another one may write it.
        type: bool
        default: false
      variables:
        description:
          - Variables of the container that are returned. One whose value may hold a password (with C(@)) is not.
        type: list
        elements: str
        default: []
  network:
    description:
      - The network of the containers, as it is given to M(selfhosted.llm.docker_network). RV(network_due) tells whether
        that module has anything to do or to say.
    type: dict
    suboptions:
      name:
        description:
          - The name of the network.
        type: str
        required: true
      mtu:
        description:
          - The MTU in bytes, or V(auto).
        type: str
        default: auto
  egress:
    description:
      - What the containers on O(network) may reach, as it is given to M(selfhosted.llm.docker_egress). RV(egress_due)
        tells whether that module has anything to do or to say.
    type: dict
    suboptions:
      egress:
        description:
          - What containers on the network may reach.
        type: str
        required: true
      allowed:
        description:
          - The destinations that are allowed.
        type: list
        elements: str
        default: []
      urls:
        description:
          - The URLs that are reached in any case.
        type: list
        elements: str
      owner:
        description:
          - Whose destinations these are.
        type: str
        default: ""
notes:
  - Needs access to C(/var/run/docker.sock), and root for volumes that only root may read.
seealso:
  - module: selfhosted.llm.host_info
"""

EXAMPLES = r"""
- name: Learn whether Open WebUI may start with its volume
  selfhosted.llm.docker_volume_info:
    kind: open-webui
    containers:
      - name: open-webui
        volume: open-webui
        port: 3001
  register: found

- name: Stop otherwise
  ansible.builtin.assert:
    that: found.problems | length == 0
    fail_msg: "{{ found.problems | join(' ') }}"
"""

RETURN = r"""
problems:
  description: One sentence for each reason why a container must not start with its volume, and what to do.
  type: list
  elements: str
  returned: success
  sample: []
network_due:
  description: Whether M(selfhosted.llm.docker_network) has anything to do or to say; V(true) where that is not certain.
  type: bool
  returned: success
  sample: false
egress_due:
  description: Whether M(selfhosted.llm.docker_egress) has anything to do or to say; V(true) where that is not certain.
  type: bool
  returned: success
  sample: false
container_root:
  description:
    - The user and the group of the host that are root within containers. Only where Docker maps its users
      (C(userns-remap)) are they others than C(0).
  type: dict
  returned: success
  sample:
    uid: 0
    gid: 0
volumes:
  description: By container, what there is now.
  type: dict
  returned: success
  sample:
    open-webui:
      exists: true
      has_data: true
      path: /var/lib/docker/volumes/open-webui/_data
      foreign: false
      variables: {}
  contains:
    exists:
      description: Whether the volume exists. A path exists when something is in it.
      type: bool
      returned: always
    has_data:
      description: Whether the volume has data of such a server.
      type: bool
      returned: always
    path:
      description: The directory of the volume on the host. Empty where the volume does not exist.
      type: str
      returned: always
    foreign:
      description: Whether a container of this name exists that the roles did not create.
      type: bool
      returned: always
    variables:
      description: The variables of the container that were asked for.
      type: dict
      returned: always
"""

from typing import TYPE_CHECKING, Any

from ansible_collections.selfhosted.llm.plugins.module_utils.docker.egress.due import egress_due, network_due
from ansible_collections.selfhosted.llm.plugins.module_utils.docker.egress.host import SOCKET, TIMEOUT
from ansible_collections.selfhosted.llm.plugins.module_utils.docker.engine import Engine, NoAnswer
from ansible_collections.selfhosted.llm.plugins.module_utils.docker.volumes import Asked, Volumes
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

TARGETS = {"ollama": "/root/.ollama", "open-webui": "/app/backend/data"}
CONTAINER = {
    "name": {"type": "str", "required": True},
    "volume": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
    "option": {"type": "str", "default": "volume"},
    "new": {"type": "bool", "default": False},
    "new_option": {"type": "str", "default": "new"},
    "read_only": {"type": "bool", "default": False},
    "variables": {"type": "list", "elements": "str", "default": []},
}
NETWORK = {"name": {"type": "str", "required": True}, "mtu": {"type": "str", "default": "auto"}}
EGRESS = {
    "egress": {"type": "str", "required": True},
    "allowed": {"type": "list", "elements": "str", "default": []},
    "urls": {"type": "list", "elements": "str"},
    "owner": {"type": "str", "default": ""},
}
ARGUMENTS = {
    "kind": {"type": "str", "choices": ["ollama", "open-webui"], "required": True},
    "containers": {"type": "list", "elements": "dict", "required": True, "options": CONTAINER},
    "network": {"type": "dict", "options": NETWORK},
    "egress": {"type": "dict", "options": EGRESS},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    """Answer the task's options."""
    kind = module.params["kind"]
    asked = [Asked(**one) for one in module.params["containers"]]
    declared = {one.name: one.volume for one in asked}
    try:
        volumes = Volumes(Engine(SOCKET, TIMEOUT), kind, TARGETS[kind])
        return {
            "changed": False,
            "network_due": network_due(module.params["network"]),
            "egress_due": egress_due(module.params["network"], module.params["egress"]),
            "container_root": volumes.container_root(),
            "problems": [problem for one in asked for problem in volumes.problems(one, declared)],
            "volumes": {one.name: volumes.facts(one) for one in asked},
        }
    except NoAnswer as error:
        raise Failure(
            f"Docker does not tell of its containers ({error.words}); start it, or run the task as root (become: true)."
        ) from error


if __name__ == "__main__":
    run(ARGUMENTS, body)
