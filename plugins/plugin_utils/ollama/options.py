# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the options of a server, before anything is known of the host."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..containers.addresses import WILDCARDS, address_problems
from ..containers.images import not_pinned
from ..values import number
from . import tuning
from .claims import readable, shown

Server = Mapping[str, Any]
VENDORS = ("auto", "nvidia", "amd", "none")
MOVING_TAGS = ("latest", "rocm", "main", "")
CONTAINER = re.compile("^[a-zA-Z0-9][a-zA-Z0-9_.-]+$")


def option_problems(
    servers: Sequence[Server], name: str, clashes: Sequence[str], *, listed: bool, known: Sequence[str]
) -> list[str]:
    """Return the problems of a server, each in one sentence.

    ``clashes`` are those of its GPUs. ``listed`` tells whether the servers are those of ollama_instances, and ``known``
    are the options that an entry may have.
    """
    its = next(one for one in servers if one["name"] == name)
    found = [
        *_name(its, servers, known),
        *_port(its, servers),
        *_volume(its, servers),
        *_server(its),
        *_variables(its),
        *clashes,
        *tuning.misread(its),
    ]
    return [f"{whose(name, listed)}{problem}" for problem in found]


def whose(name: str, listed: bool) -> str:
    """Return the beginning of a sentence on a server."""
    return f"Of ollama_instances, {name or 'the one without a name'}: " if listed else ""


def _name(its: Server, servers: Sequence[Server], known: Sequence[str]) -> Iterator[str]:
    name = its["name"]
    if not CONTAINER.match(name):
        yield (f"'{name}' is no name for a container: give letters, digits, dots and dashes, for example ollama-gpu0.")
    if sum(one["name"] == name for one in servers) > 1:
        yield f"ollama_instances has two of the name {name}: give each a name of its own."
    strange = [option for option in its["says"] if option not in known]
    if strange:
        yield f"{', '.join(strange)} is no option of an instance: it may have {', '.join(sorted(known))}."


def _port(its: Server, servers: Sequence[Server]) -> Iterator[str]:
    port = number(its["port"])
    if not 0 < port < 65536:
        yield f"port is '{its['port']}': give each instance a port of its own between 1 and 65535."
    same = [one["name"] for one in _others(its, servers) if number(one["port"]) == port and _same_address(one, its)]
    if same:
        yield f"port {its['port']} is that of {', '.join(same)} too: give each instance a port of its own."


def _same_address(one: Server, other: Server) -> bool:
    addresses = (one["bind_address"], other["bind_address"])
    return addresses[0] == addresses[1] or any(address in WILDCARDS for address in addresses)


def _volume(its: Server, servers: Sequence[Server]) -> Iterator[str]:
    volume, read_only = its["volume"], its["volume_read_only"]
    writers = [one["name"] for one in _others(its, servers) if one["volume"] == volume and not one["volume_read_only"]]
    names = [one["name"] for one in servers]
    if writers and not read_only:
        yield (
            f"volume {volume} is that of {', '.join(writers)} too, and each would tidy away what the other pulls: give "
            "each instance a volume of its own, or all but one volume_read_only: true."
        )
    # The server's key is made by the first start of the one who writes.
    if writers and read_only and not any(names.index(one) < names.index(its["name"]) for one in writers):
        yield (
            f"volume {volume} is read here and written by {', '.join(writers)}, which comes later in ollama_instances "
            "and makes it: put the writer first."
        )
    if read_only and "models" in its["says"] and its["models"]:
        yield (
            "it has models and a volume that it only reads: list them where the volume is written, or set "
            "volume_read_only to false."
        )


def _server(its: Server) -> Iterator[str]:
    version, devices = str(its["version"]), its["gpu_devices"]
    if version in MOVING_TAGS:
        yield not_pinned("ollama_version", version, "0.32.15")
    yield from address_problems("ollama_bind_address", its["bind_address"])
    if its["gpu"] not in VENDORS:
        yield f"ollama_gpu is '{its['gpu']}': give auto, nvidia, amd or none."
    if not readable(devices):
        yield (
            f'ollama_gpu_devices is {shown(devices)}: give all, a count from 1, or a list of indexes ("0"), UUIDs '
            '(GPU-...), MIG devices ("0:1", MIG-...) or CDI names (nvidia.com/gpu=0).'
        )


def _variables(its: Server) -> Iterator[str]:
    twice = tuning.said_twice(its)
    if twice:
        yield (
            f"{', '.join(twice).lower()} and {', '.join(twice)} in ollama_environment say the same thing: keep one of "
            "them."
        )
    cache = tuning.ignored_cache(its)
    if cache:
        yield (
            f"ollama_kv_cache_type is {cache}, which Ollama {its['version']} ignores without flash attention: set "
            "ollama_flash_attention to true."
        )
    if "OLLAMA_HOST" in its["environment"] or "OLLAMA_MODELS" in its["environment"]:
        yield (
            "ollama_environment must not set OLLAMA_HOST or OLLAMA_MODELS, since the container's port and volume "
            "depend on them: use ollama_bind_address, ollama_port and ollama_volume."
        )


def _others(its: Server, servers: Sequence[Server]) -> list[Server]:
    return [one for one in servers if one["name"] != its["name"]]
