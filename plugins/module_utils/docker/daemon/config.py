# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change of daemon.json means: parse, merge, remove, compare, and tell a reload from a restart.

Nothing here touches a file or a process; that is file.py.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, Tuple

from ...engine.errors import Failure

# "Configuration reload behavior" in the reference of dockerd: a SIGHUP is enough for these.
RELOADABLE = frozenset(
    [
        "allow-nondistributable-artifacts",
        "authorization-plugins",
        "debug",
        "default-runtime",
        "insecure-registries",
        "labels",
        "live-restore",
        "max-concurrent-downloads",
        "max-concurrent-uploads",
        "max-download-attempts",
        "registry-mirrors",
        "runtimes",
        "shutdown-timeout",
    ]
)
# A reload sets what the file has and leaves alone what it lacks (moby, daemon/reload.go): a key that went away lives on
# until the next start, but for these, which a reload puts back to their defaults.
RELOAD_FORGETS = frozenset(
    [
        "authorization-plugins",
        "max-concurrent-downloads",
        "max-concurrent-uploads",
        "max-download-attempts",
    ]
)
# The reference counts all of `features` among the reloadable, but the CDI driver is registered and the image store
# chosen when dockerd starts (moby, cmd/dockerd/daemon.go); only this one is looked up at each request.
RELOADABLE_FEATURES = frozenset(["buildkit"])

Config = Dict[str, Any]

# No setting of Docker's is deeper than five, and each level costs a recursion.
MAX_DEPTH = 50


def canonical(value: Any) -> str:
    """Return equal text for equal JSON. Python's own == takes 1 for true and 1.0 for 1; dockerd does not."""
    return json.dumps(value, sort_keys=True)


def parse(text: str, path: str) -> Config:
    """Return the settings in the text of a daemon.json; an empty file has none, as for dockerd.

    Raises Failure for all that could not be written again as it was meant: two keys of one name, numbers that no JSON
    holds, half a character.
    """
    if not text.strip():
        return {}
    try:
        config = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_doubles)
        if _deeper(config, MAX_DEPTH):
            raise ValueError(f"nested more than {MAX_DEPTH} levels deep")
        render({"": config}).encode()
    except (ValueError, RecursionError) as error:
        raise Failure(
            f"{path} is not valid JSON ({error}) and was left as it is; mend it by hand, "
            f"or move it away to begin with an empty one."
        ) from error
    if not isinstance(config, dict):
        raise Failure(
            f"{path} holds {_kind(config)} where dockerd wants an object, and was left as it is; mend it by hand, "
            f"or move it away to begin with an empty one."
        )
    return config


def render(config: Mapping[str, Any]) -> str:
    """Return the text of a daemon.json, its keys in the order they have."""
    return json.dumps(config, indent=4, ensure_ascii=False, allow_nan=False) + "\n"


def merge(current: Mapping[str, Any], wanted: Mapping[str, Any], path: str, above: str = "") -> Config:
    """Return the present settings with the wanted ones laid over: objects merged, lists and scalars replaced."""
    if not above and _deeper(wanted, MAX_DEPTH):
        raise Failure(
            f"The settings for {path} are nested more than {MAX_DEPTH} levels deep; no setting of Docker's is."
        )
    merged = dict(current)
    for key, value in wanted.items():
        name = above + key
        old = current.get(key)
        if value is None:
            raise Failure(f"The setting {name} is null; give it a value, or remove it from {path} with state=absent.")
        if not isinstance(value, dict):
            _refuse_unwritable(value, name)
        if old is not None and isinstance(old, dict) != isinstance(value, dict):
            raise Failure(
                f"{name} in {path} is {_kind(old)} where {_kind(value)} is wanted, and was left as it is; "
                f"remove it first (state=absent) if nothing needs it."
            )
        if isinstance(value, dict):
            merged[key] = merge(old or {}, value, path, name + ".")
        elif key not in current or canonical(old) != canonical(value):
            merged[key] = value
    return merged


def remove(current: Mapping[str, Any], unwanted: Mapping[str, Any]) -> Config:
    """Return the present settings without the given keys; an object that this empties goes too."""
    kept = dict(current)
    for key, value in unwanted.items():
        if key not in kept:
            continue
        old = kept[key]
        if not isinstance(value, dict) or not value:
            del kept[key]
        elif isinstance(old, dict):
            rest = remove(old, value)
            if rest or not old:
                kept[key] = rest
            else:
                del kept[key]
    return kept


def changed_keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the settings that differ, those of ``features`` one by one, since their needs differ."""
    keys: list[str] = []
    for key in sorted({*before, *after}):
        if key in before and key in after and canonical(before[key]) == canonical(after[key]):
            continue
        old, new = before.get(key) or {}, after.get(key) or {}
        if key == "features" and isinstance(old, dict) and isinstance(new, dict):
            names = sorted({*old, *new})
            keys += [f"features.{name}" for name in names if canonical(old.get(name)) != canonical(new.get(name))]
        else:
            keys.append(key)
    return keys


def restart_keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return those of the changed settings that dockerd takes up only when it starts."""
    return [key for key in changed_keys(before, after) if _needs_restart(key, after)]


def _needs_restart(key: str, after: Mapping[str, Any]) -> bool:
    top, _dot, feature = key.partition(".")
    if top == "features":
        return feature not in RELOADABLE_FEATURES
    if key not in RELOADABLE:
        return True
    return key not in after and key not in RELOAD_FORGETS


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is a number for JavaScript only")


def _refuse_doubles(pairs: List[Tuple[str, Any]]) -> Config:
    config = dict(pairs)
    if len(config) < len(pairs):
        names = [name for name, _value in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'"{double}" stands there twice')
    return config


def _refuse_unwritable(value: Any, name: str) -> None:
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:
        raise Failure(f"The setting {name} cannot be written as JSON ({error}); give it another value.") from error


def _deeper(value: Any, levels: int) -> bool:
    """Tell whether a value has more levels than these, without a recursion that could itself be too deep."""
    layer = [value]
    for _level in range(levels + 1):
        layer = [
            item
            for outer in layer
            if isinstance(outer, (dict, list))
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(layer)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return "a string"
    return "null" if value is None else "a number"
