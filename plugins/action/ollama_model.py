# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows a module while it pulls; meta/runtime.yml leads the module of many models here, too."""

from __future__ import annotations

from ansible_collections.selfhosted.llm.plugins.plugin_utils.following import FollowedAction


class ActionModule(FollowedAction):
    """All is in the one action that such modules share."""
