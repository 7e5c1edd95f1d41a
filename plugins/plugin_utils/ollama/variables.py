# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's variables: how Ollama reads each of them, and in which versions. Facts: docs/howto/tuning.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_SCHEME = "(https?|app|file|tauri|chrome-extension|moz-extension|safari-web-extension|vscode-[a-z]+)"
_ORIGIN = f"([^ ,]*[*][^ ,]*|{_SCHEME}://[^ ,]*)"


@dataclass(frozen=True)
class Kind:
    """How the server reads a variable: the values that it takes, and what it does with all others."""

    fits: re.Pattern[str]
    rule: str


BOOLEAN = Kind(
    re.compile("^(1|0|t|f|T|F|true|false|True|False|TRUE|FALSE)$"),
    'must be true or false; Ollama takes any other word for true, even "off"',
)
NUMBER = Kind(
    re.compile("^[0-9]+$"), 'must be a plain whole number; Ollama ignores "8k" or "1GiB" and keeps its default'
)
BYTES = Kind(
    re.compile("^[0-9]+$"),
    "must be a whole number of bytes, or in ollama_gpu_overhead one with KiB, MiB or GiB; Ollama ignores anything else",
)
DURATION = Kind(
    re.compile("^-?([0-9]+|([0-9]+([.][0-9]*)?(ns|us|ms|s|m|h))+)$"),
    "must be seconds or a duration such as 30m; Ollama ignores anything else",
)
CACHE = Kind(re.compile("^(f16|q8_0|q4_0)$"), "must be f16, q8_0 or q4_0; Ollama ignores anything else and keeps f16")
LEVEL = Kind(re.compile("^(0|1|2|true|false)$"), "must be 0, 1 (debug) or 2 (trace); Ollama ignores other words")
ORIGINS = Kind(
    re.compile(f"^{_ORIGIN}(,{_ORIGIN})*$"),
    "would make Ollama crash at its start: write each origin with its scheme (https://chat.example.org) or with an "
    "asterisk, and in ollama_environment separate them by commas without spaces",
)


@dataclass(frozen=True)
class Variable:
    """A variable that is checked.

    ``since`` is the first version that reads it, ``until`` the first that no longer does.
    """

    kind: Kind
    since: str = ""
    until: str = ""


VARIABLES: Mapping[str, Variable] = {
    "OLLAMA_AUTH": Variable(BOOLEAN, since="0.8.0"),
    "OLLAMA_CONTEXT_LENGTH": Variable(NUMBER, since="0.5.13"),
    "OLLAMA_DEBUG": Variable(LEVEL),
    "OLLAMA_DEBUG_LOG_REQUESTS": Variable(BOOLEAN, since="0.18.3"),
    "OLLAMA_FLASH_ATTENTION": Variable(BOOLEAN),
    "OLLAMA_GO_TEMPLATE": Variable(BOOLEAN, since="0.30.0"),
    "OLLAMA_GPU_OVERHEAD": Variable(BYTES),
    "OLLAMA_IGPU_ENABLE": Variable(BOOLEAN, since="0.30.0"),
    "OLLAMA_INTEL_GPU": Variable(BOOLEAN, until="0.12.11"),
    "OLLAMA_KEEP_ALIVE": Variable(DURATION),
    "OLLAMA_KV_CACHE_TYPE": Variable(CACHE, since="0.5.0"),
    "OLLAMA_LOAD_TIMEOUT": Variable(DURATION),
    "OLLAMA_MAX_LOADED_MODELS": Variable(NUMBER),
    "OLLAMA_MAX_QUEUE": Variable(NUMBER),
    "OLLAMA_MAX_TRANSFER_STREAMS": Variable(NUMBER, since="0.23.3"),
    "OLLAMA_MULTIUSER_CACHE": Variable(BOOLEAN, until="0.30.0"),
    "OLLAMA_NEW_ENGINE": Variable(BOOLEAN, until="0.30.0"),
    "OLLAMA_NEW_ESTIMATES": Variable(BOOLEAN, since="0.11.5", until="0.11.11"),
    "OLLAMA_NOHISTORY": Variable(BOOLEAN),
    "OLLAMA_NOPRUNE": Variable(BOOLEAN),
    "OLLAMA_NO_CLOUD": Variable(BOOLEAN, since="0.16.2"),
    "OLLAMA_NUM_PARALLEL": Variable(NUMBER),
    "OLLAMA_ORIGINS": Variable(ORIGINS),
    "OLLAMA_SCHED_SPREAD": Variable(BOOLEAN),
    "OLLAMA_VULKAN": Variable(BOOLEAN, since="0.12.11"),
}


def variable(option: str) -> str:
    """Return the variable of an option of the role, which is named without ``ollama_``."""
    return f"OLLAMA_{option.upper()}"


def before(version: str, other: str) -> bool:
    """Tell whether a version of numbers and points comes before another."""
    return _numbers(version) < _numbers(other)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
