# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Where the server is, and how to talk to it.
    DOCUMENTATION = r"""
options:
  url:
    description:
      - The base address of Ollama, as the managed host reaches it.
    type: str
    default: http://127.0.0.1:11434
  headers:
    description:
      - Headers to send with each request, such as a token for a proxy before Ollama, which has no accounts of its own.
      - Their values are masked in all output.
    type: dict
  timeout:
    description:
      - How many seconds to wait for a connection and for an answer.
      - Pulls and uploads have limits of their own.
    type: float
    default: 30
  validate_certs:
    description:
      - Whether to check the server's TLS certificate.
    type: bool
    default: true
  ca_path:
    description:
      - A file or directory of CA certificates on the managed host to check the server's certificate by.
    type: path
  use_proxy:
    description:
      - Whether calls to O(url) go by the proxy that the environment of the module names (E(HTTP_PROXY),
        E(HTTPS_PROXY), E(ALL_PROXY)).
      - By default they do, except for addresses of the managed host itself, and over plain HTTP for private ones,
        because a proxy reads what passes it unencrypted. Private are the networks of RFC 1918, C(100.64.0.0/10),
        link-local and unique local addresses, names that lead to one of these, names without a dot, and names in
        C(.local), C(.internal), C(.localdomain) and C(.home.arpa).
      - With V(true) every address goes by the proxy that E(NO_PROXY) does not name, with V(false) none.
    type: bool
requirements:
  - requests (C(python3-requests)) on the managed host
"""

    # How one model is pulled.
    PULL = r"""
options:
  mirror:
    description:
      - Pull by this registry or pull-through cache (V(host:port), or V(http://host:port) for one without TLS), and keep
        the short name. The digest is that of the origin as long as the mirror serves the same manifest.
      - It stands for the registry of O(name), or that of O(base) where that is pulled.
      - Ollama pulls only from registries that send a C(Location) header with a file.
    type: str
  insecure:
    description:
      - Pull by plain HTTP. It does not mean TLS without checking certificates.
    type: bool
    default: false
  stall_timeout:
    description:
      - How many seconds a pull may stand still before it is broken off and tried again.
    type: float
    default: 90
  retries:
    description:
      - How many times a pull is tried again after a fault that may pass, with pauses that grow. Attempts that moved
        it on do not count.
      - What does not get better (no such model, no space, no access) is not tried again.
    type: int
    default: 3
"""

    # What a task that brings models takes besides the models.
    TASK = r"""
options:
  egress_lease:
    description:
      - The file RV(selfhosted.llm.docker_egress#module:lease) of a lease, which is held while models are transferred.
        The way out of the server's containers then stays open until it ends, and no longer.
    type: path
  models_path:
    description:
      - The directory on the managed host where the server keeps its models. Before a pull the sizes in the registries'
        manifests are compared with the free space there, without what the server already has.
      - Without it the usual places are looked at, and one is taken that proves to be this server's by what it holds.
        Where none does, or a registry cannot be reached from the managed host, nothing is checked.
    type: path
  progress:
    description:
      - Whether progress is shown while models are pulled. Not in check mode, and not with C(async).
    type: bool
    default: true
"""
