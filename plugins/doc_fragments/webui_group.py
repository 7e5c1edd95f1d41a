# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.selfhosted.llm.plugins.plugin_utils.fragments import listed, single

_GROUP = r"""
name:
  description:
    - The name, by which the group is known. Where two groups have it, the task fails and lists their ids.
  type: str
  required: true
description:
  description:
    - What the group is for.
  type: str
permissions:
  description:
    - What the members may do, as a mapping of sections (C(workspace), C(sharing), C(chat), C(features), C(settings)) to
      keys with V(true) or V(false). The names are those of M(selfhosted.llm.webui_default_permissions).
    - Only the keys that are given are compared and set. One that this server does not have is an error.
    - A group can only add to what everybody may do. V(false) takes nothing away; the module warns of that.
  type: dict
members:
  description:
    - The e-mails of accounts that are members. They must be there.
    - Members that are not listed stay, unless O(purge_members) is set.
  type: list
  elements: str
purge_members:
  description:
    - Whether the members are those of O(members) and nobody else.
  type: bool
  default: false
parent:
  description:
    - The name of the group that this one lies in. Its members then have what the other one's have. An empty one takes
      the group out. Open WebUI has this since 0.12.
  type: str
share:
  description:
    - Who may share models, prompts and the like with the group, besides administrators. The server's default for a new
      group is V(members) (its variable C(DEFAULT_GROUP_SHARE_PERMISSION)).
    - V(members) needs Open WebUI 0.8 or newer.
  type: str
  choices:
    - anyone
    - members
    - no_one
default_models:
  description:
    - The ids of the models that a new chat of the members begins with. V([]) takes the server's again.
    - Where a person is in several groups that have some, the innermost wins, then the oldest.
    - Open WebUI has this since 0.12. It does not ask whether the models are there.
  type: list
  elements: str
state:
  description:
    - Whether the group is there. With V(absent) its members stay accounts.
  type: str
  choices:
    - present
    - absent
  default: present
"""


class ModuleDocFragment:
    # With their types, because ansible-test takes the values of plain assignments for literals.

    # What is said of one group.
    DOCUMENTATION: str = single(_GROUP)

    # The same as the entries of a list.
    LISTED: str = listed("groups", _GROUP)
