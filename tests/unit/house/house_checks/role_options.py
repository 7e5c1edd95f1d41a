# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's options: what its argument specs promise against what its defaults hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from . import layout
from .specs import Spec

Options = Mapping[str, Mapping[str, Any]]
# Names that several roles share on purpose.
SHARED = ("llm_network", "llm_network_mtu", "llm_labels", "llm_egress", "llm_egress_allowed")
PLAIN_TYPES = {"bool": bool, "dict": dict, "float": float, "int": int, "list": list, "path": str, "str": str}


def entry_points(role: str) -> Mapping[str, Mapping[str, Any]]:
    specs = layout.read_yaml(layout.ROOT / "roles" / role / "meta" / "argument_specs.yml")
    return dict(specs["argument_specs"])


def options(role: str) -> dict[str, Mapping[str, Any]]:
    """Return the options of all entry points of a role; one name means one thing in all of them."""
    return {name: option for point in entry_points(role).values() for name, option in point.get("options", {}).items()}


def defaults(role: str) -> dict[str, Any]:
    path = layout.ROOT / "roles" / role / "defaults" / "main.yml"
    return dict(layout.read_yaml(path) or {}) if path.exists() else {}


def problems(role: str, declared: Options, given: Mapping[str, Any]) -> list[str]:
    """Return every way in which options and defaults differ in names, types and values."""
    return [
        *_names(role, declared, given),
        *(
            f"{name} has no {part}"
            for name, option in declared.items()
            for part in ("type", "description")
            if not option.get(part)
        ),
        *_values(declared, given),
        *_types(declared, given),
    ]


def _names(role: str, declared: Options, given: Mapping[str, Any]) -> Iterator[str]:
    for name in [*declared, *(set(given) - set(declared))]:
        if not name.startswith(f"{role}_") and name not in SHARED:
            yield f"{name} does not bear the role's name"
    for name in given:
        if name not in declared:
            yield f"{name} is in the defaults and not in the argument specs"
    for name, option in declared.items():
        if "default" in option and name not in given:
            yield f"{name} has a default in the argument specs and none in the defaults"
        if option.get("required") and name in given:
            yield f"{name} is required and has a default"


def _values(declared: Options, given: Mapping[str, Any]) -> Iterator[str]:
    for name, value in given.items():
        option = declared.get(name, {})
        promised = option.get("default")
        if name in declared and "default" not in option:
            yield f"{name} has a default of {value!r} which the argument specs do not tell"
        elif name in declared and (promised != value or isinstance(promised, bool) != isinstance(value, bool)):
            yield f"{name} is {value!r} in the defaults and {promised!r} in the argument specs"


def _types(declared: Options, given: Mapping[str, Any]) -> Iterator[str]:
    for name, value in given.items():
        option = declared.get(name, {})
        wanted = PLAIN_TYPES.get(option.get("type", "raw"))
        if isinstance(value, str) and "{{" in value:
            continue
        # Ansible would turn "11434" into a number and 1 into a text; a default needs no such help.
        if wanted and not (isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))):
            yield f"{name} is {value!r}, which is no {option['type']}"
        yield from Spec({name: {**option, "required": False}} if option else {}).problems(
            {name: value} if option else {}
        )
