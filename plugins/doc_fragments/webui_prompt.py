# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.selfhosted.llm.plugins.plugin_utils.fragments import ACCESS, SRC_PLACE, listed, single

_PROMPT = (
    r"""
command:
  description:
    - What people type after a slash, by which the prompt is known. A slash in front makes no difference.
    - A new one may not hold blanks or further slashes.
  type: str
  required: true
name:
  description:
    - The name that is shown. A new prompt without one is named by its command.
  type: str
content:
  description:
    - The words of the prompt. Open WebUI asks for what stands in C({{ }}) and knows some of it, such as
      C({{CURRENT_DATE}}); write the text between C({% raw %}) and C({% endraw %}), or read it from a file, so that
      Ansible leaves it alone.
    - Required for a prompt that is not there yet, unless O(src) is given.
    - A change makes a new version, which is the one in use. What is as wanted makes none.
  type: str
src:
  description:
    - A file with what O(content) would say, which Ansible does not template. Give one of the two.
    - It may be a file that Open WebUI exported on its page (C(prompt-export-....json), C(prompts-export-....json)). Of
      several prompts in it the one with this O(command) is taken. Name, content and tags come from the file, unless
      they are given here. Access and O(active) do not.
"""
    + SRC_PLACE
    + r"""tags:
  description:
    - The tags, no more and no fewer. Open WebUI has them since 0.8.
  type: list
  elements: str
active:
  description:
    - Whether the prompt is offered. Open WebUI can switch one off since 0.8.
  type: bool
state:
  description:
    - Whether the prompt is there. With V(absent) its versions go as well.
  type: str
  choices:
    - present
    - absent
  default: present
"""
)


class ModuleDocFragment:
    # With their types, because ansible-test takes the values of plain assignments for literals.

    # What is said of one prompt, but for its access, which is selfhosted.llm.webui.access.
    DOCUMENTATION: str = single(_PROMPT)

    # The same as the entries of a list.
    LISTED: str = listed("prompts", _PROMPT, ACCESS, from_file=True)
