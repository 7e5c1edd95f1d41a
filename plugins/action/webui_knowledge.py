# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs a directory of the controller and gives it to the module of this name."""

from __future__ import annotations

from typing import Any

from ansible_collections.selfhosted.llm.plugins.plugin_utils.files.archives import ArchiveAction, is_sent


class ActionModule(ArchiveAction):
    """Runs the module with the directory as one archive."""

    def filled(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments with the archive, which is sent to the managed host."""
        return {**arguments, "src_archive": self.sent(str(arguments["src"]))} if is_sent(arguments) else arguments
