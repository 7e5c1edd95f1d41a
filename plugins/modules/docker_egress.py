#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_egress
short_description: Close the way out of a Docker network's containers
version_added: 0.1.0
description:
  - Decides what the containers on a bridge network of Docker may reach beyond that network. The host itself counts as
    beyond, and so do look-ups of names.
  - Does so by a table of its own in nftables, before Docker's and everybody else's rules, for IPv4 and IPv6. It does
    not depend on how Docker makes its rules, outlives restarts of Docker and firewalld, and is loaded at boot before
    Docker starts.
  - Containers on the network reach each other, and published ports work, whatever is closed. What a container began
    while the way was open ends when it closes.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
attributes:
  check_mode:
    details:
      - The plan of a check run is the plan of the run that follows.
options:
  network:
    description:
      - The Docker network, a bridge of this host.
    type: str
    required: true
  egress:
    description:
      - With V(closed) containers reach nothing beyond their network but what follows from O(urls).
      - With V(mirror) they reach what is in O(allowed), too.
      - With V(open) this module's rules go, those for others of its networks excepted.
      - Left out, it stays as it is.
    type: str
    choices:
      - closed
      - mirror
      - open
  allowed:
    description:
      - Destinations for O(egress=mirror). Each is an address, a network in CIDR form or a name, with or without a TCP
        port, such as V(10.0.0.5), V(10.0.0.0/8:443), V([fd00::5]:443) or V(mirror.example.org:443). Without a port
        everything goes.
      - A name stands for the addresses that this host finds when the task runs. It lets containers ask the host's name
        servers, too.
    type: list
    elements: str
  urls:
    description:
      - URLs that containers were told to use. What they lead to is allowed with V(closed) and V(mirror).
      - A name of the internet has changing addresses. It opens its port to the whole internet, and to no private
        address.
      - A name without a dot that this host does not know is a container beside, and needs nothing.
    type: list
    elements: str
  owner:
    description:
      - Whose lists O(allowed) and O(urls) are. What is allowed for others on the network stays.
    type: str
    default: ""
  opened:
    description:
      - Whether everything is let out for now, for example for a download. It ends with the next task that does not set
        it, after a day, or at the next boot, whichever comes first.
      - What another O(lease) still needs open stays open.
    type: bool
    default: false
  lease:
    description:
      - A name for who needs it open, unique on the network. The task that closes it again gives the same name.
      - A process must hold the lease within ten minutes, by a shared lock (flock) on the file RV(lease), and the lease
        ends with that process. O(selfhosted.llm.ollama_models#module:egress_lease) does so.
      - Without a name no process is expected. Such tasks share one lease.
    type: str
notes:
  - Needs the program C(nft) (package nftables), and root.
  - Another network that a container is on as well is another way out.
  - Where C(/etc/resolv.conf) names a server on the host's loopback, newer engines ask it themselves on behalf of
    containers, which no rule sees. Name another in C(dns) of C(daemon.json).
seealso:
  - module: selfhosted.llm.docker_daemon_config
"""

EXAMPLES = r"""
- name: Containers on the network llm reach nothing but each other
  selfhosted.llm.docker_egress:
    network: llm
    egress: closed

- name: They reach the mirror of models
  selfhosted.llm.docker_egress:
    network: llm
    egress: mirror
    allowed:
      - mirror.example.org:443
      - 10.0.7.0/24:5000

- name: What the configuration of one of them names is reached as well
  selfhosted.llm.docker_egress:
    network: llm
    egress: closed
    owner: open_webui
    urls:
      - http://10.0.0.7:11434
      - https://api.example.com/v1

- name: Everything is open while models are fetched, for a day at the most
  selfhosted.llm.docker_egress:
    network: llm
    opened: true

- name: It is closed again
  selfhosted.llm.docker_egress:
    network: llm

- name: Everything is open until this transfer ends, whatever other runs do meanwhile
  selfhosted.llm.docker_egress:
    network: llm
    opened: true
    lease: nightly-models
  register: opened

- name: The models come
  selfhosted.llm.ollama_models:
    models:
      - name: llama3.1:8b
    egress_lease: "{{ opened.lease }}"

- name: It is closed again, if nobody else needs it
  selfhosted.llm.docker_egress:
    network: llm
    lease: nightly-models

- name: All is open, as Docker has it
  selfhosted.llm.docker_egress:
    network: llm
    egress: open
"""

RETURN = r"""
egress:
  description: What containers on the network may reach. In check mode as it would be.
  type: dict
  returned: success
  contains:
    egress:
      description: V(closed), V(mirror) or V(open).
      type: str
      returned: always
      sample: closed
    bridge:
      description: The network's interface. Empty where all is open.
      type: str
      returned: always
      sample: br-e5af501f9288
    allowed:
      description:
        - By owner, the destinations that are allowed. C(public:443) is that port anywhere on the internet, and
          C(dns:10.0.0.2) a name server.
      type: dict
      returned: always
      sample:
        open_webui:
          - 10.0.0.7:11434
    in_force:
      description: Whether the rules are loaded and come back at boot.
      type: bool
      returned: always
      sample: true
    opened:
      description: Whether everything is let out for now.
      type: bool
      returned: always
      sample: false
    leases:
      description: Who needs it open. A task without a name is C(anonymous).
      type: list
      elements: str
      returned: always
      sample: []
lease:
  description: The file that the process locks which needs the way open.
  type: str
  returned: when O(lease) is given
  sample: /run/selfhosted-llm-egress/llm/nightly-models
"""

from typing import TYPE_CHECKING, Any

from ansible_collections.selfhosted.llm.plugins.module_utils.docker.egress import lease as egress_lease
from ansible_collections.selfhosted.llm.plugins.module_utils.docker.egress.resource import (
    EgressSpec,
    entries_of,
    regulate,
)
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.errors import Failure
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = {
    "network": {"type": "str", "required": True},
    "egress": {"type": "str", "choices": ["closed", "mirror", "open"]},
    "allowed": {"type": "list", "elements": "str"},
    "urls": {"type": "list", "elements": "str"},
    "owner": {"type": "str", "default": ""},
    "opened": {"type": "bool", "default": False},
    "lease": {"type": "str"},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    """Answer the task's options."""
    given = module.params
    if given["allowed"] and given["egress"] != "mirror":
        raise Failure("allowed is read with egress=mirror only; set egress to mirror, or leave allowed out.")
    lists = [given["allowed"], given["urls"]]
    entries = None if lists == [None, None] else entries_of(lists[0] or [], lists[1] or [])
    lease = egress_lease.ANONYMOUS if given["lease"] is None else egress_lease.checked(given["lease"])
    spec = EgressSpec(lease, given["egress"], entries, given["opened"])
    result = regulate(given["network"], spec, owner=given["owner"], check_mode=module.check_mode)
    return result if given["lease"] is None else {**result, "lease": egress_lease.path_of(given["network"], lease)}


if __name__ == "__main__":
    run(ARGUMENTS, body)
