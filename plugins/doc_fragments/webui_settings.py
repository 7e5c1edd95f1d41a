# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Settings that are lists, which have options of their own.
    LISTS = r"""
options:
  banners:
    description:
      - The banners that everybody sees, all of them and in this order. V([]) for none.
    type: list
    elements: dict
    suboptions:
      content:
        description:
          - What it says. Markdown and some HTML are shown as such.
        type: str
        required: true
      type:
        description:
          - How it looks.
        type: str
        choices: [info, success, warning, error]
        default: info
      title:
        description:
          - What stands before it.
        type: str
      dismissible:
        description:
          - Whether people may close it.
        type: bool
        default: true
      id:
        description:
          - What the browser remembers of a banner that was closed.
          - Where it is left out it is made from the type, the title and the content, so that a banner that says
            something else is shown again.
        type: str
      timestamp:
        description:
          - The time in seconds since 1970 that the server keeps with it. Where it is left out it stays as it is.
        type: int
      i18n:
        description:
          - Titles and contents in other languages, by language.
        type: dict
  suggestions:
    description:
      - The prompts that are suggested in a new chat, all of them and in this order. V([]) for none.
      - A text, or a mapping with C(content) and C(title), which is a text or a list of two lines.
      - For the server's own ones set C(ui.prompt_suggestions) to null by O(settings).
    type: list
    elements: raw
  default_models:
    description:
      - The ids of the models that a new chat begins with, in this order. V([]) for none.
      - Whether there are such models is not looked at.
    type: list
    elements: str
  model_order:
    description:
      - The ids of models in the order in which they are offered. Those that are left out come last.
    type: list
    elements: str
"""
