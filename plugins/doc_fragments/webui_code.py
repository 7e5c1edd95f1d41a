# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.selfhosted.llm.plugins.plugin_utils.fragments import ACCESS, SRC_PLACE, listed, single

_SOURCE = (
    r"""
content:
  description:
    - @CONTENT@
    - Required for a @NOUN@ that is not there yet, unless O(src) is given. What is the same makes no new version.
  type: str
src:
  description:
    - A file with what O(content) would say. Give one of the two.
    - It may be a file that Open WebUI exported on its page (C(@NOUN@-...-export-....json), C(@NOUN@s-export-....json)).
      Of several @NOUN@s in it the one with this O(id) is taken. Name, description and content come from the file,
      unless they are given here. Access, valves and switches do not.
"""
    + SRC_PLACE
    + r"""description:
  description:
    - What it is for, in a sentence.
  type: str
"""
)

_PLUGIN = (
    r"""
id:
  description:
    - What it is known by. A new one may hold letters, digits and underscores, and no digit in front.
    - Open WebUI stores it in lower case, so capitals make no difference.
  type: str
  required: true
name:
  description:
    - The name that is shown. A new one without a name is named by its id.
  type: str
"""
    + _SOURCE.replace("@CONTENT@", "The code. Open WebUI runs it when it is stored, see the notes.")
    + r"""
meta:
  description:
    - What Open WebUI keeps of it besides, by its own names. Only the keys that are given are compared, at every depth.
      A null takes a key away. Tools have it since Open WebUI 0.12.
    - What comes from the code (C(manifest), C(toggle), C(has_user_valves)) cannot be given.
  type: dict
valves:
  description:
    - What the code lets an administrator set. Only those that are given are compared and set, and all others stay.
      A null puts one back to the code's own default.
    - Names and kinds are checked against the code before anything is set. Of code that is not there yet, the names are
      checked if its class C(Valves) is a plain one, else once it is there; what is new is then taken back.
    - Valves whose names look like secrets (C(password), C(key), C(token), C(secret)), or that the code asks
      for as passwords, are never shown.
  type: dict
"""
)

_STATE = r"""
state:
  description:
    - Whether the @NOUN@ is there. With V(absent) its versions@AND@ go as well.
  type: str
  choices:
    - present
    - absent
  default: present
"""

_SWITCHES = r"""
active:
  description:
    - Whether the function works. Open WebUI makes a new one switched off.
  type: bool
global:
  description:
    - Whether a filter or an action works for every model. A pipe takes no notice of it.
  type: bool
"""

_SKILL = (
    r"""
id:
  description:
    - What it is known by. A new one may hold the letters a to z, digits, C(-) and C(_). Capitals make no difference.
  type: str
  required: true
name:
  description:
    - The name that is shown, which no other skill may have. A new skill without one is named by its id.
  type: str
"""
    + _SOURCE.replace("@CONTENT@", "The instructions. What other files a skill has stays.")
    + r"""
active:
  description:
    - Whether the skill is offered. A new one is.
  type: bool
"""
)

_NOTES = r"""
notes:
  - The server runs the code whenever it is stored, as its own user, and installs what the code lists under
    C(requirements). Who may do that can do all that the server can, so give it only code that you trust.
  - Code that does not load is refused, and what was there stays. Of new code Open WebUI 0.12 tells the reason in its
    log only.
  - Where packages are installed, give a longer O(timeout).
"""


def _options(text: str, noun: str, and_valves: str = "") -> str:
    return (text + _STATE).replace("@NOUN@", noun).replace("@AND@", and_valves)


_TOOL = _options(_PLUGIN, "tool", " and valves")
_FUNCTION = _options(_PLUGIN + _SWITCHES, "function", " and valves")
_OF_SKILL = _options(_SKILL, "skill", " and files")


class ModuleDocFragment:
    # With their types, because ansible-test takes the values of plain assignments for literals.

    # What is said of one of them, but for its access, which is selfhosted.llm.webui.access.
    TOOL: str = single(_TOOL) + _NOTES
    FUNCTION: str = single(_FUNCTION) + _NOTES
    SKILL: str = single(_OF_SKILL)

    # The same as the entries of a list.
    TOOLS: str = listed("tools", _TOOL, ACCESS, from_file=True) + _NOTES
    FUNCTIONS: str = listed("functions", _FUNCTION, from_file=True) + _NOTES
    SKILLS: str = listed("skills", _OF_SKILL, ACCESS, from_file=True)
