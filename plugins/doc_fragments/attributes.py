# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # A module that changes something names this one.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Tells what a run would change, and changes nothing.
    support: full
    details:
      - The plan of a check run is the plan of the run that follows.
  diff_mode:
    description: Shows the state before and after.
    support: full
  idempotent:
    description: A second run with the same options reports no change.
    support: full
"""

    # A module that only reads names this one in place of the one above.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    description: Tells what a run would change, and changes nothing.
    support: full
    details:
      - This module only reads.
  diff_mode:
    description: Shows the state before and after.
    support: N/A
    details:
      - This module only reads.
  idempotent:
    description: A second run with the same options reports no change.
    support: full
    details:
      - This module only reads.
"""

    ACTIONGROUP_OLLAMA = r"""
options: {}
attributes:
  action_group:
    description: Takes defaults that C(module_defaults) gives to C(group/selfhosted.llm.ollama).
    support: full
    membership:
      - selfhosted.llm.ollama
"""

    ACTIONGROUP_WEBUI = r"""
options: {}
attributes:
  action_group:
    description: Takes defaults that C(module_defaults) gives to C(group/selfhosted.llm.webui).
    support: full
    membership:
      - selfhosted.llm.webui
"""
