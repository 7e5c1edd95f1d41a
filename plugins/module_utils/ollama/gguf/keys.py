# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of keys in a GGUF header."""

from __future__ import annotations

ARCHITECTURE = "general.architecture"
TOKENS = "tokenizer.ggml.tokens"
