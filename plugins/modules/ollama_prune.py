#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ollama_prune
short_description: Remove files from the disk of an Ollama server that no model needs
version_added: 0.1.0
description:
  - From Ollama 0.30.0 on the server writes each uploaded GGUF file again, and keeps the upload. A create that fails
    leaves its upload, too.
  - The server removes such files itself when it starts, if they are older than an hour, unless E(OLLAMA_NOPRUNE) is
    set. This module does it while the server runs.
  - Nothing is removed that a manifest names, while a pull is going on, or where a manifest is damaged.
  - It works on the disk, so the task must run on the server's host, as a user who may write there.
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
  - selfhosted.llm.attributes.actiongroup_ollama
  - selfhosted.llm.ollama
options:
  models_path:
    description:
      - Where the server keeps its models on the managed host. That is the directory with C(blobs) and C(manifests).
      - Without it the usual places are looked at. The directory must hold the models that the server lists.
    type: path
  min_age:
    description:
      - How many seconds ago a file must have been written to be removed. A file that was just uploaded may be for a
        model that another run is creating.
    type: int
    default: 3600
seealso:
  - module: selfhosted.llm.ollama_models
"""

EXAMPLES = r"""
- name: Remove uploads that no model needs
  selfhosted.llm.ollama_prune:
  become: true

- name: Remove them at once, since nobody else creates models
  selfhosted.llm.ollama_prune:
    models_path: /var/lib/docker/volumes/ollama/_data/models
    min_age: 0
  become: true
"""

RETURN = r"""
blobs:
  description: The digests of the files that were removed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample:
    - sha256:df84da947a6e86c78402fbf7dde5782a88b807edc03f94ffd3b83f4530978ce7
space_reclaimed:
  description: Their size in bytes.
  returned: success
  type: int
  sample: 4661211424
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.api.client import CONNECTION, connect
from ansible_collections.selfhosted.llm.plugins.module_utils.ollama.models.prune import MIN_AGE, prune

OPTIONS = {
    **CONNECTION,
    "models_path": {"type": "path"},
    "min_age": {"type": "int", "default": MIN_AGE},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    given = module.params
    return prune(connect(module), given["models_path"], given["min_age"], check_mode=module.check_mode)


def main() -> None:
    run(OPTIONS, body)


if __name__ == "__main__":
    main()
