# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Valves: what an administrator sets for a tool or function. The server replaces them whole; here they are merged."""

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

# Before 0.10 the server repeats what was refused, which may be a secret.
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
        """Return what was set; what was not has the code's own default and is absent."""
        return dict(self._get(object_id, "valves") or {})

    def spec(self, object_id: str) -> Spec:
        """Return the JSON schema of the code that is there, None where it has no valves."""
        found = self._get(object_id, "valves/spec")
        return found if isinstance(found, Mapping) else None

    def write(self, what: str, object_id: str, given: Mapping[str, Any], stored: Mapping[str, Any], spec: Spec) -> None:
        """Set what was given and keep what is stored; ``what`` is the verb and object for the failure's sentence."""
        whole = merged(stored, given)
        found = list(problems(given, whole, spec))
        if found:
            raise Failure(f"Cannot {what}: {'; '.join(found)}.")
        try:
            self._client.post(f"{self._path}/id/{quote(object_id, safe='')}/valves/update", what, json=whole)
        except Failure as failure:
            words = _MORE.sub("", _REPEATED.sub(r"(\1)", failure.message))
            raise Failure(words if words.endswith(".") else f"{words}.", **failure.details) from None

    def _get(self, object_id: str, part: str) -> Any:
        path = f"{self._path}/id/{quote(object_id, safe='')}/{part}"
        return self._client.get(path, f"read the {part.replace('/', ' ')} of {object_id}")


def merged(stored: Mapping[str, Any], given: Mapping[str, Any]) -> Dict[str, Any]:
    """Return valves with those that were given; null takes one away, back to the code's default."""
    result = {**stored, **given}
    return {name: value for name, value in result.items() if value is not None}


def shown(valves: Mapping[str, Any], spec: Spec, everything: bool = False) -> Dict[str, Any]:
    """Return valves with their secrets hidden, which are known by name, or by what the code says of them."""
    described = (spec or {}).get("properties") or {}
    return {
        name: _hidden(value) if everything or is_secret(name, described.get(name)) else masked(name, value)
        for name, value in valves.items()
    }


def is_secret(name: str, described: Any = None) -> bool:
    """Tell whether a valve is a secret; ``described`` is its part of the schema."""
    told = described if isinstance(described, Mapping) else {}
    asked = told.get("input")
    kinds = (told.get("format"), asked.get("type") if isinstance(asked, Mapping) else None)
    return is_secret_name(name) or "password" in kinds


def same(current: Any, wanted: Any) -> bool:
    """Tell whether valves are set alike, what is hidden as well."""
    one, other = revealed(current or {}), revealed(wanted or {})
    return bool(one.keys() == other.keys() and all(_equal(one[name], other[name]) for name in one))


def problems(given: Mapping[str, Any], whole: Mapping[str, Any], spec: Spec) -> Iterator[str]:
    """Yield a sentence for each thing about valves that the server would refuse, or drop in silence.

    ``whole`` is what is to be there afterwards. No value is told, because it may be a secret.
    """
    if spec is None:
        if given:
            yield "valves are given, and the code has no class Valves; leave them out"
        return
    known = spec.get("properties") or {}
    if not spec.get("additionalProperties"):
        yield from unknown_valves(given, list(known))
    for name, value in given.items():
        if value is not None and name in known and not _fits(value, known[name], spec):
            wanted = " or ".join(_words(known[name], spec)) or "another value"
            yield f"valves.{name} is {_kind(value)}, and the code takes {wanted} there; give that"
    for name in spec.get("required") or ():
        if name not in whole:
            yield f"valves.{name} is not given, and the code has no default for it; give it"


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


def _words(part: Mapping[str, Any], spec: Mapping[str, Any]) -> List[str]:
    part = _resolved(part, spec)
    for choice in ("anyOf", "oneOf"):
        if choice in part:
            return [words for each in part[choice] for words in _words(each, spec)]
    if "enum" in part:
        return [f"one of {', '.join(map(repr, part['enum']))}"]
    return [_KINDS[part["type"]][0]] if part.get("type") in _KINDS else []


def _resolved(part: Mapping[str, Any], spec: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(part.get("$ref", "")).rpartition("/")[2]
    found = {**(spec.get("definitions") or {}), **(spec.get("$defs") or {})}.get(name)
    return found if isinstance(found, Mapping) else part


def _kind(value: Any) -> str:
    for words, kind in _KINDS.values():
        # For Python, true is a number as well.
        if isinstance(value, kind) and isinstance(value, bool) == (kind is bool):
            return str(words)
    return "a number"


def _equal(one: Any, other: Any) -> bool:
    return bool(values.alike([one], [other]))


def _hidden(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _hidden(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_hidden(item) for item in value]
    return mask(value, is_secret=True)
