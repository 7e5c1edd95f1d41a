# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Valves: settings of a tool or function. The server replaces all of them at once, so they are merged here."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Mapping, Optional
from urllib.parse import quote

from ...engine.errors import Failure
from ...engine.secrets import is_secret_name
from ..api.client import Client
from ..entries import values
from ..entries.masking import mask, revealed
from ..settings.secrets import masked
from .code_spec import unknown_valves

# Before 0.10 the server repeats the refused value, which may be a secret.
_REPEATED = re.compile(r"\[type=(\w+), input_value=.*?(?:, input_type=\w+\]|$)", re.DOTALL)
_MORE = re.compile(r" ?For further information visit \S+")
_KINDS: Mapping[str, Any] = {
    "string": ("a text", str),
    "integer": ("a whole number", int),
    "number": ("a number", (int, float)),
    "boolean": ("true or false", bool),
    "array": ("a list", list),
    "object": ("a mapping", dict),
    "null": ("null", type(None)),
}

Spec = Optional[Mapping[str, Any]]


class Valves:
    """The valves of one server's tools or functions; ``path`` is ``tools`` or ``functions``."""

    def __init__(self, client: Client, path: str) -> None:
        self._client = client
        self._path = path

    def stored(self, object_id: str) -> Dict[str, Any]:
        """Return the valves that are set; a valve with the default of the code is not among them."""
        return dict(self._get(object_id, "valves") or {})

    def spec(self, object_id: str) -> Spec:
        """Return the JSON schema of the current code, or None if it has no valves."""
        found = self._get(object_id, "valves/spec")
        return found if isinstance(found, Mapping) else None

    def write(
        self, what: str, object_id: str, wanted: Mapping[str, Any], stored: Mapping[str, Any], spec: Spec
    ) -> None:
        """Set the desired valves and keep the stored ones; ``what`` is the verb and object of the failure message."""
        whole = merged(stored, wanted)
        found = list(problems(wanted, whole, spec))
        if found:
            raise Failure(f"Cannot {what}: {'; '.join(found)}.")
        try:
            self._client.post(f"{self._path}/id/{quote(object_id, safe='')}/valves/update", what, json=whole)
        except Failure as failure:
            message = _MORE.sub("", _REPEATED.sub(r"(\1)", failure.message))
            raise Failure(message if message.endswith(".") else f"{message}.", **failure.details) from None

    def _get(self, object_id: str, part: str) -> Any:
        path = f"{self._path}/id/{quote(object_id, safe='')}/{part}"
        return self._client.get(path, f"read the {part.replace('/', ' ')} of {object_id}")


def merged(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the stored valves with the desired ones; null resets one to the default of the code."""
    result = {**stored, **wanted}
    return {name: value for name, value in result.items() if value is not None}


def shown(valves: Mapping[str, Any], spec: Spec, everything: bool = False) -> Dict[str, Any]:
    """Return valves with secrets masked; a secret is known by its name, or by the schema of the code."""
    described = (spec or {}).get("properties") or {}
    return {
        name: _masked(value) if everything or is_secret(name, described.get(name)) else masked(name, value)
        for name, value in valves.items()
    }


def is_secret(name: str, described: Any = None) -> bool:
    """Tell whether a valve is a secret; ``described`` is its part of the schema."""
    schema = described if isinstance(described, Mapping) else {}
    asked = schema.get("input")
    kinds = (schema.get("format"), asked.get("type") if isinstance(asked, Mapping) else None)
    return is_secret_name(name) or "password" in kinds


def same(current: Any, wanted: Any) -> bool:
    """Tell whether valves are equal, masked secrets included."""
    one, other = revealed(current or {}), revealed(wanted or {})
    return bool(one.keys() == other.keys() and all(_equal(one[name], other[name]) for name in one))


def problems(wanted: Mapping[str, Any], whole: Mapping[str, Any], spec: Spec) -> Iterator[str]:
    """Yield a sentence for each valve that the server would refuse or silently drop.

    ``whole`` are all valves after the write. No sentence has a value, because it may be a secret.
    """
    if spec is None:
        if wanted:
            yield "valves are set, but the code has no class Valves; remove them"
        return
    known = spec.get("properties") or {}
    if not spec.get("additionalProperties"):
        yield from unknown_valves(wanted, list(known))
    for name, value in wanted.items():
        if value is not None and name in known and not _fits(value, known[name], spec):
            types = " or ".join(_types(known[name], spec)) or "another value"
            yield f"valves.{name} is {_kind(value)}, but the code needs {types}"
    for name in spec.get("required") or ():
        if name not in whole:
            yield f"valves.{name} is missing, and the code has no default for it; set it"


def _fits(value: Any, part: Mapping[str, Any], spec: Mapping[str, Any]) -> bool:
    part = _resolved(part, spec)
    for choice in ("anyOf", "oneOf"):
        if choice in part:
            return any(_fits(value, each, spec) for each in part[choice])
    if "enum" in part or "const" in part:
        return value in part.get("enum", [part.get("const")])
    kind = str(part.get("type"))
    if kind not in _KINDS:
        return True
    if isinstance(value, bool):
        return bool(kind == "boolean")
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _KINDS[kind][1])


def _types(part: Mapping[str, Any], spec: Mapping[str, Any]) -> List[str]:
    part = _resolved(part, spec)
    for choice in ("anyOf", "oneOf"):
        if choice in part:
            return [name for each in part[choice] for name in _types(each, spec)]
    if "enum" in part:
        return [f"one of {', '.join(map(repr, part['enum']))}"]
    return [_KINDS[part["type"]][0]] if part.get("type") in _KINDS else []


def _resolved(part: Mapping[str, Any], spec: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(part.get("$ref", "")).rpartition("/")[2]
    found = {**(spec.get("definitions") or {}), **(spec.get("$defs") or {})}.get(name)
    return found if isinstance(found, Mapping) else part


def _kind(value: Any) -> str:
    for name, kind in _KINDS.values():
        # For Python, true is a number as well.
        if isinstance(value, kind) and isinstance(value, bool) == (kind is bool):
            return str(name)
    return "a number"


def _equal(one: Any, other: Any) -> bool:
    return bool(values.alike([one], [other]))


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return mask(value, is_secret=True)
