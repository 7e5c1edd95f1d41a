# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks as they stand in EXAMPLES, judged as Ansible would judge them, without running them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import ansible
from ansible.playbook.task import Task

from . import layout
from .specs import Spec

SECTIONS = ("pre_tasks", "tasks", "post_tasks", "handlers", "block", "rescue", "always")
Defaults = Mapping[str, Mapping[str, Any]]


def tasks(entries: list[Any], defaults: Defaults) -> Iterator[tuple[dict[str, Any], Defaults]]:
    """Walk through plays and blocks; with each task go the module_defaults that reach it."""
    for entry in entries:
        reach = {**defaults, **(entry.get("module_defaults") or {})}
        inner = [name for name in SECTIONS if name in entry]
        if not inner and "hosts" not in entry:
            yield entry, reach
        for name in inner:
            yield from tasks(entry[name], reach)


def action_of(task: Mapping[str, Any]) -> str:
    """Return the one key of a task that is no keyword; a mistyped keyword would be a second one."""
    found = [key for key in task if key not in Task.fattributes and not key.startswith("with_")]
    if len(found) != 1:
        raise ValueError(f"{task.get('name', 'a task')}: one action is needed and there are {found or 'none'}")
    return found[0]


def resolves(action: str) -> bool:
    """Tell whether a full name leads to a file of the controller, the collection or its dependencies."""
    if action.startswith(("ansible.builtin.", "ansible.legacy.")):
        package, short = Path(ansible.__file__).parent, action.split(".", 2)[2]
        places = [package / "modules", package / "plugins" / "action"]
    elif action.count(".") == 2:
        namespace, name, short = action.split(".")
        home = layout.COLLECTIONS / "ansible_collections" / namespace / name / "plugins"
        places = [home / "modules", home / "action"]
    else:
        return False
    return any((place / f"{short}.py").is_file() for place in places)


def problems(text: str, spec_of: Callable[[str], Spec], groups: Mapping[str, list[str]]) -> list[str]:
    """Return all that is wrong with an EXAMPLES block."""
    entries = layout.parse_yaml(text)
    if not isinstance(entries, list):
        return ["it is no list of tasks or plays"]
    found: list[str] = []
    for task, defaults in tasks(entries, {}):
        try:
            action = action_of(task)
        except ValueError as error:
            found.append(str(error))
            continue
        name = task.get("name")
        if not name:
            found.append(f"a task of {action} has no name")
        if not resolves(action):
            found.append(f"{name}: {action} leads nowhere")
        elif action.startswith(layout.PREFIX):
            short = action.removeprefix(layout.PREFIX)
            given = {**defaults_for(short, defaults, groups), **(task[action] or {}), **(task.get("args") or {})}
            found += [f"{name}: {problem}" for problem in spec_of(short).problems(given)]
    return found


def defaults_for(module: str, defaults: Defaults, groups: Mapping[str, list[str]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for group, members in groups.items():
        if module in members:
            merged.update(defaults.get(f"group/{layout.PREFIX}{group}", {}))
    merged.update(defaults.get(f"{layout.PREFIX}{module}", {}))
    return merged


def actions(text: str) -> list[str]:
    """Return the actions that an EXAMPLES block shows."""
    return [action_of(task) for task, reach in tasks(layout.parse_yaml(text), {})]
