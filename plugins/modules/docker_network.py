#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_network
short_description: Create the containers' network with a fixed interface and a fitting MTU
version_added: 0.1.0
description:
  - Creates a bridge network of Docker whose interface has a name that follows from the network's name (C(br-llm) for
    V(llm)). Rules of a firewall that name the interface then also hold for a network that is created again.
  - Gives it the MTU of the host's way out. Docker otherwise takes 1500 bytes, and large answers get lost where the way
    out takes fewer, for example over a VPN, an overlay or PPPoE.
  - Docker can change neither of them on a network that is there. A network that no container uses is removed and
    created again with its addresses and labels. Otherwise it stays as it is, and a warning tells of an MTU that is too
    large.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
options:
  name:
    description:
      - The name of the network.
    type: str
    required: true
  mtu:
    description:
      - The MTU in bytes, from 576 to 65535.
      - With V(auto) the MTU that the kernel uses for the default route, and 1500 at the most. A network with a smaller
        one stays as it is. Without a default route it is 1500.
      - IPv6 needs 1280 bytes.
    type: str
    default: auto
  labels:
    description:
      - Labels for a network that is created.
    type: dict
    default: {}
notes:
  - Needs access to C(/var/run/docker.sock).
seealso:
  - module: selfhosted.llm.docker_egress
"""

EXAMPLES = r"""
- name: The containers have a network
  selfhosted.llm.docker_network:
    name: llm

- name: It fits through a tunnel that this host does not know of
  selfhosted.llm.docker_network:
    name: llm
    mtu: 1380
"""

RETURN = r"""
network:
  description: The network. In check mode as it would be.
  type: dict
  returned: success
  contains:
    driver:
      description: The driver; V(bridge) where this module created it.
      type: str
      returned: always
      sample: bridge
    bridge:
      description: The network's interface.
      type: str
      returned: always
      sample: br-llm
    mtu:
      description: The MTU in bytes.
      type: int
      returned: always
      sample: 1420
"""

from typing import TYPE_CHECKING, Any

from ansible_collections.selfhosted.llm.plugins.module_utils.docker.egress.network import ensure
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "mtu": {"type": "str", "default": "auto"},
    "labels": {"type": "dict", "default": {}},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    """Answer the task's options."""
    given = module.params
    labels = {name: str(value) for name, value in given["labels"].items()}
    return ensure(given["name"], given["mtu"], labels, check_mode=module.check_mode)


if __name__ == "__main__":
    run(ARGUMENTS, body)
