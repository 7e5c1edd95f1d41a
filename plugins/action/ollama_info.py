# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers the option query of info modules, all of which meta/runtime.yml leads here."""

from __future__ import annotations

from ansible_collections.selfhosted.llm.plugins.plugin_utils.query import QueriedAction


class ActionModule(QueriedAction):
    """All is in the one action that info modules share."""
