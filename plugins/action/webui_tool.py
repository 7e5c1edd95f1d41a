# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives files of the controller to the modules of code and text, to which meta/runtime.yml leads all of them."""

from __future__ import annotations

from ansible_collections.selfhosted.llm.plugins.plugin_utils.files.code import CodeAction


class ActionModule(CodeAction):
    """All is in the one action that such modules share."""
