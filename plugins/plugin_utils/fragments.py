# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of options that a singular module takes as they are, and a plural one as the entries of a list."""

from __future__ import annotations

from textwrap import indent

ACCESS_OPTION = r"""
  access:
    description:
      - Who may see and change it, besides administrators and the account that made it. No more and no fewer.
      - Where it is left out, nothing is changed. What is new then is private.
    type: dict
    suboptions:
      public:
        description:
          - Whether every user may see it.
        type: bool
        default: false
      read:
        description:
          - Who may see it.
        type: dict
        suboptions: &who
          groups:
            description:
              - The names of groups. They must be there, and no two may have the same name.
            type: list
            elements: str
            default: []
          users:
            description:
              - The e-mails of accounts, which must be there.
            type: list
            elements: str
            default: []
      write:
        description:
          - Who may change it. They may see it as well.
        type: dict
        suboptions: *who
""".lstrip("\n")

# The same beside the options of an entry of a list.
ACCESS = indent(ACCESS_OPTION, "    ")

# The end of what `src` is, and `remote_src`.
SRC_PLACE = r"""
    - On the controller, in C(files/) of the role or beside the playbook, where it may be encrypted by ansible-vault,
      or with O(remote_src) on the managed host.
  type: path
remote_src:
  description:
    - Whether O(src) is on the managed host.
  type: bool
  default: false
""".lstrip("\n")

_FILE = (
    r"""
src:
  description:
    - A file with all @PLURAL@ that Open WebUI exported on its page (C(@PLURAL@-export-....json)). Each of them is
      managed as if it stood in O(@PLURAL@). An entry of O(@PLURAL@) for the same object adds to it, and its options
      win.
    - One of O(src) and O(@PLURAL@) is required.
"""
    + SRC_PLACE
)


def single(options: str) -> str:
    """Return the fragment of a module for one object."""
    return "options:\n" + indent(options, "  ")


def listed(plural: str, options: str, access: str = "", from_file: bool = False) -> str:
    """Return the fragment of a module for many objects, whose option is named by their plural."""
    required = "" if from_file else "    required: true\n"
    return (
        (f"options:{indent(_FILE, '  ').replace('@PLURAL@', plural)}" if from_file else "options:\n") + f"  {plural}:\n"
        f"    description:\n      - The {plural}. Of each only what is given is compared and changed.\n"
        f"    type: list\n    elements: dict\n{required}    suboptions:\n"
        + indent(options.replace("O(", f"O({plural}[]."), "      ")
        + access
    )
