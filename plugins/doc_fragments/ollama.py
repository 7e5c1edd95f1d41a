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
requirements:
  - requests (C(python3-requests)) on the managed host
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
