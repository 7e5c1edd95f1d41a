#!/usr/bin/python
# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_daemon_config
short_description: Keep settings in Docker's daemon.json
version_added: 0.1.0
description:
  - Merges settings into the configuration file of the Docker daemon and keeps all that others wrote there.
  - Compares what the file means, not how it is written. A file that already says what is wanted is not touched.
  - Replaces the file in one stroke, after C(dockerd) itself has accepted the new one. Keys keep their order.
  - Of two runs at once one waits for the other, so neither loses what the other wrote.
  - A file that it could not write again as it was meant, such as one with comments or with two keys of one name, is
    refused and left as it is.
  - Never restarts Docker. The results tell whether a restart is needed or a reload suffices, also for what an earlier
    run wrote and Docker has not taken up since (RV(pending)).
author:
  - selfhosted.llm contributors (@selfhosted-llm)
extends_documentation_fragment:
  - selfhosted.llm.attributes
attributes:
  check_mode:
    details:
      - The plan of a check run is the plan of the run that follows.
      - C(dockerd) judges the new settings in check mode too.
options:
  path:
    description:
      - The configuration file. Where it is a link, what it points to is replaced.
      - A file that is not there is made with mode V(0644), and so is its folder.
    type: path
    default: /etc/docker/daemon.json
  settings:
    description:
      - The settings as C(daemon.json) names them.
      - Objects are merged into those in the file at every depth. Lists and single values replace those in the file.
      - A list is replaced whole. To add to one, give all of its items.
      - With O(state=absent) only the keys count. See there.
    type: dict
    required: true
  state:
    description:
      - With V(present) the settings are in the file.
      - With V(absent) the keys are not. The innermost keys of O(settings) are removed with whatever value they have,
        and an object that is empty then goes too.
    type: str
    choices:
      - present
      - absent
    default: present
  validate:
    description:
      - Have C(dockerd --validate) judge the new settings before they are written.
      - Passed over where no C(dockerd) is installed yet, and where it is older than 23.0 and cannot.
    type: bool
    default: true
  backup:
    description: Keep a copy of the old file beside it, with the time in its name.
    type: bool
    default: false
notes:
  - C(daemon.json) has several authors on many hosts, so let each name only its own keys and change them by this module.
    C(nvidia-ctk runtime configure) is one that drops foreign keys of C(features) when it writes C(features.cdi).
  - An option that the service passes to C(dockerd) as an argument must not be in the file as well, or Docker does not
    start. On many distributions C(hosts) is such a one. C(dockerd --validate) does not see this.
  - Passwords in URLs of the settings, such as a proxy's, are masked in results.
seealso:
  - name: dockerd
    description: The settings, and which of them a reload takes up.
    link: https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file
"""

EXAMPLES = r"""
- name: Containers live through a restart of Docker, and their logs do not fill the disk
  selfhosted.llm.docker_daemon_config:
    settings:
      live-restore: true
      log-driver: json-file
      log-opts:
        max-size: 20m
        max-file: "5"
  register: daemon

- name: Docker takes the settings up
  ansible.builtin.service:
    name: docker
    state: "{{ daemon.restart_needed | ternary('restarted', 'reloaded') }}"
  when: daemon.changed

- name: The NVIDIA runtime is known to Docker
  selfhosted.llm.docker_daemon_config:
    settings:
      runtimes:
        nvidia:
          path: nvidia-container-runtime
          args: []

- name: One mirror is no longer used, and a copy of the old file is kept
  selfhosted.llm.docker_daemon_config:
    settings:
      registry-mirrors: []
    state: absent
    backup: true

- name: The settings of a second daemon that is not installed yet
  selfhosted.llm.docker_daemon_config:
    path: /etc/docker/second.json
    settings:
      data-root: /srv/docker
    validate: false
"""

RETURN = r"""
config:
  description: All settings of the file, those of others too. In check mode as they would be.
  type: dict
  returned: success
  sample:
    live-restore: true
    log-driver: json-file
changed_keys:
  description: The settings that changed. Those of C(features) are named one by one.
  type: list
  elements: str
  returned: success
  sample:
    - features.cdi
    - live-restore
restart_keys:
  description: Those of RV(changed_keys) that Docker takes up only when it starts.
  type: list
  elements: str
  returned: success
  sample:
    - features.cdi
restart_needed:
  description: Whether Docker must be restarted to take up the change, or what is pending.
  type: bool
  returned: success
reload_sufficient:
  description: Whether something changed or is pending, and a reload is enough to take it up.
  type: bool
  returned: success
pending:
  description:
    - Settings that an earlier run wrote to V(/etc/docker/daemon.json) and that the running Docker has not taken up,
      because that run was cut off. Empty for any other O(path), and where no Docker runs.
    - They are noted in V(/run/selfhosted-llm-docker/settings.json) until Docker starts again. Whoever reloads Docker
      removes that file.
  type: list
  elements: str
  returned: success
  sample: []
new_file:
  description:
    - Whether Docker runs without any settings of this file, so that the way back from this change, and from what is
      pending, is to remove the file.
  type: bool
  returned: success
backup_file:
  description: The copy of the old file. Where settings are pending, the copy of the file that Docker runs with.
  type: str
  returned: changed or pending, and O(backup=true), outside of check mode, where there was a file
  sample: /etc/docker/daemon.json.2026-11-23@08:15:00~
"""

from typing import TYPE_CHECKING, Any

from ansible_collections.selfhosted.llm.plugins.module_utils.docker.daemon.resource import configure
from ansible_collections.selfhosted.llm.plugins.module_utils.engine.module import run

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = {
    "path": {"type": "path", "default": "/etc/docker/daemon.json"},
    "settings": {"type": "dict", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "validate": {"type": "bool", "default": True},
    "backup": {"type": "bool", "default": False},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    """Answer the task's options."""
    given = module.params
    return configure(
        given["path"],
        given["settings"],
        absent=given["state"] == "absent",
        check_mode=module.check_mode,
        validate=given["validate"],
        backup=given["backup"],
    )


if __name__ == "__main__":
    run(ARGUMENTS, body)
