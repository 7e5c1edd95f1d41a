# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of options that a singular module takes as they are, and a plural one as the entries of a list."""

from __future__ import annotations

from textwrap import indent

from ansible_collections.selfhosted.llm.plugins.doc_fragments.webui import ModuleDocFragment as Webui

# What `access` is, to be put beside the options of an object that has it.
ACCESS = indent(Webui.ACCESS.partition("options:\n")[2], "    ")


def single(options: str) -> str:
    """Return the fragment of a module for one object."""
    return "options:\n" + indent(options, "  ")


def listed(plural: str, options: str, access: str = "") -> str:
    """Return the fragment of a module for many objects, whose option is named by their plural."""
    return (
        f"options:\n  {plural}:\n"
        f"    description:\n      - The {plural}. Of each only what is given is compared and changed.\n"
        "    type: list\n    elements: dict\n    required: true\n    suboptions:\n"
        + indent(options.replace("O(", f"O({plural}[]."), "      ")
        + access
    )
