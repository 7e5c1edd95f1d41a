# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person says of settings: as far as it can be checked without the server, and against what it shows."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, NoReturn, Sequence, Tuple

from ...engine.converge import Desired
from ...engine.errors import Failure
from ..entries import values
from ..entries.masking import secrets_in
from ..entries.near import near
from .keys import Stored, may_be_unsaved, resolved
from .lists import LIST_OPTIONS, OPTION_KEYS, option_problems, stored_problems, wanted_lists
from .secrets import masked
from .sections import connection_problems, entry_problems
from .types import problems as type_problems

SETTINGS_OPTIONS: Dict[str, Any] = {"settings": {"type": "dict"}, **LIST_OPTIONS}
NAME = "of Open WebUI"
MOST_TOLD = 5
LONGEST_TOLD = 160


def desired_settings(params: Mapping[str, Any]) -> Desired[Any]:
    """Return the settings as wanted, or raise one Failure with all that is wrong with the options for lists."""
    found = list(option_problems(params))
    if found:
        refuse(found)
    return Desired(NAME, True, {name: params[name] for name in SETTINGS_OPTIONS})


def said_of(desired: Desired[Any], stored: Stored) -> Tuple[Dict[str, Any], List[str]]:
    """Return what was said by setting, and a warning for each that an old server has never saved.

    Raises one Failure with all that is wrong.
    """
    said, unknown, found = resolved(desired.fields["settings"] or {}, stored)
    unsaved = [name for name in unknown if may_be_unsaved(name, stored)]
    found += [_unknown(name, stored) for name in unknown if name not in unsaved]
    lists = wanted_lists(desired.fields, stored.values)
    found += [
        f"{key} is said by settings and by {option}; keep one of them"
        for option, key in OPTION_KEYS.items()
        if key in said and key in lists
    ]
    known = {**said, **lists}
    for key in unknown:
        if key not in unsaved:
            known.pop(key, None)
    for key, value in known.items():
        found += _problems(key, value, stored)
    found += _together(known, stored)
    if found:
        refuse(found)
    return known, [_unsaved(name, stored) for name in unsaved]


def wanted_of(key: str, said: Any, stored: Stored) -> Any:
    """Return the whole value of a setting that was said: a mapping is merged with what is there."""
    return values.merged(stored.values.get(key), said) if isinstance(said, Mapping) else said


def refuse(found: Sequence[str]) -> NoReturn:
    """Raise a Failure with all problems, the first of them in its sentence."""
    told = "; ".join(_cut(problem) for problem in found[:MOST_TOLD])
    more = f"; and {len(found) - MOST_TOLD} more, see problems" if len(found) > MOST_TOLD else ""
    raise Failure(f"Nothing was changed: {told}{more}.", problems=[f"{problem}." for problem in found])


def _problems(key: str, said: Any, stored: Stored) -> Iterator[str]:
    secret = any(secrets_in(masked(key, said)))
    found = list(type_problems(key, stored.values.get(key), said, secret))
    if not found and said is None and not stored.by_key:
        found = [f"{key} is null, which this version would heed at its next start only; give a value"]
    if not found:
        found = [*stored_problems(key, said), *entry_problems(key, said)]
    yield from found


def _together(known: Mapping[str, Any], stored: Stored) -> Iterator[str]:
    if any(key.startswith(("openai.", "ollama.")) for key in known):
        yield from connection_problems(
            {**stored.values, **{key: wanted_of(key, said, stored) for key, said in known.items()}}
        )


def _unknown(name: str, stored: Stored) -> str:
    what = ", which is a variable of the environment," if name.isupper() else ""
    return f"{_cut(name)}{what} is no setting of this server; {_near(name, stored)}"


def _unsaved(name: str, stored: Stored) -> str:
    return (
        f"The setting {_cut(name)} was never saved on this server, which does not show such ones before 0.10, so that "
        f"nobody can tell whether it has it; {_near(name, stored)}."
    )


def _near(name: str, stored: Stored) -> str:
    found = near(name, stored.values)
    return f"near are {', '.join(found)}" if found else "docs/howto/settings.md tells how to find one"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TOLD else f"{text[:LONGEST_TOLD]}..."
