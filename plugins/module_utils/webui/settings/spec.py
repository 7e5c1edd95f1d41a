# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired settings of a task: validated without the server, then against the settings that it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, NoReturn, Sequence, Tuple

from ...engine.errors import Failure
from ..entries.masking import secrets_in
from ..entries.near import near
from ..entries.values import merged
from .keys import Stored, may_be_unsaved, resolved
from .lists import LIST_OPTIONS, OPTION_KEYS, ListOptions, option_problems, stored_problems, wanted_lists
from .secrets import masked
from .sections import connection_problems, entry_problems
from .types import problems as type_problems

SETTINGS_OPTIONS: Dict[str, Any] = {"settings": {"type": "dict"}, **LIST_OPTIONS}
NAME = "of Open WebUI"
MAX_PROBLEMS_SHOWN = 5
MAX_TEXT_LENGTH = 160


@dataclass(frozen=True)
class SettingsOptions:
    """The options of a task: settings by name, possibly nested, and the lists with options of their own."""

    settings: Mapping[str, Any]
    lists: ListOptions


@dataclass(frozen=True)
class SettingsSpec:
    """The desired values by the keys that the server uses. A mapping is merged with the current one."""

    values: Mapping[str, Any]


def desired_settings(params: Mapping[str, Any]) -> SettingsOptions:
    """Return the settings of a task, or raise one Failure with all problems of the options that are lists."""
    lists = ListOptions(**{name: params[name] for name in LIST_OPTIONS})
    found = list(option_problems(lists))
    if found:
        refuse(found)
    return SettingsOptions(params["settings"] or {}, lists)


def resolved_spec(options: SettingsOptions, stored: Stored) -> Tuple[SettingsSpec, List[str]]:
    """Return the desired settings by key, and a warning for each that an old server has never saved.

    Raises one Failure with all problems.
    """
    values, unknown, found = resolved(options.settings, stored)
    unsaved = [name for name in unknown if may_be_unsaved(name, stored)]
    found += [_unknown(name, stored) for name in unknown if name not in unsaved]
    lists = wanted_lists(options.lists, stored.values)
    found += [
        f"{key} is set by settings and by {option}; keep one of them"
        for option, key in OPTION_KEYS.items()
        if key in values and key in lists
    ]
    known = {**values, **lists}
    for key in unknown:
        if key not in unsaved:
            known.pop(key, None)
    for key, value in known.items():
        found += _problems(key, value, stored)
    found += _together(known, stored)
    if found:
        refuse(found)
    return SettingsSpec(known), [_unsaved(name, stored) for name in unsaved]


def wanted_of(key: str, value: Any, stored: Stored) -> Any:
    """Return the whole desired value of a setting: a mapping is merged with the current one."""
    return merged(stored.values.get(key), value) if isinstance(value, Mapping) else value


def refuse(found: Sequence[str]) -> NoReturn:
    """Raise a Failure with all problems; the message has the first ones."""
    shown = "; ".join(_cut(problem) for problem in found[:MAX_PROBLEMS_SHOWN])
    more = f"; and {len(found) - MAX_PROBLEMS_SHOWN} more, see problems" if len(found) > MAX_PROBLEMS_SHOWN else ""
    raise Failure(f"Nothing was changed: {shown}{more}.", problems=[f"{problem}." for problem in found])


def _problems(key: str, value: Any, stored: Stored) -> Iterator[str]:
    secret = any(secrets_in(masked(key, value)))
    found = list(type_problems(key, stored.values.get(key), value, secret))
    if not found and value is None and not stored.by_key:
        found = [f"{key} is null, which this version applies only at its next start; set a value"]
    if not found:
        found = [*stored_problems(key, value), *entry_problems(key, value)]
    yield from found


def _together(known: Mapping[str, Any], stored: Stored) -> Iterator[str]:
    if any(key.startswith(("openai.", "ollama.")) for key in known):
        yield from connection_problems(
            {**stored.values, **{key: wanted_of(key, value, stored) for key, value in known.items()}}
        )


def _unknown(name: str, stored: Stored) -> str:
    what = ", an environment variable" if name.isupper() else ""
    return f"unknown setting {_cut(name)}{what} ({_suggestion(name, stored)})"


def _unsaved(name: str, stored: Stored) -> str:
    return (
        f"The setting {_cut(name)} was never saved on this server. Open WebUI before 0.10 does not show such settings, "
        f"so it may not exist ({_suggestion(name, stored)})."
    )


def _suggestion(name: str, stored: Stored) -> str:
    similar = near(name, stored.values)
    return f"did you mean {', '.join(similar)}?" if similar else "docs/howto/settings.md explains how to find one"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT_LENGTH else f"{text[:MAX_TEXT_LENGTH]}..."
