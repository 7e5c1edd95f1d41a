# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person says of models, checked before any call."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from operator import itemgetter
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

from ...engine.converge import Desired
from ...engine.entries import read_entries
from ..directory import access
from ..entries import values
from ..entries.images import is_image
from ..entries.model_record import OPTION_OF_META, OPTION_OF_PARAMS, shown_suggestion
from ..entries.src_files import SRC_OPTIONS, with_src

_NAMES: Dict[str, Any] = {"type": "list", "elements": "str"}
MODEL_OPTIONS: Dict[str, Any] = {
    "id": {"type": "str", "required": True},
    "name": {"type": "str"},
    "base_model": {"type": "str"},
    "description": {"type": "str"},
    "system": {"type": "str"},
    "params": {"type": "dict"},
    "capabilities": {"type": "dict"},
    "tags": _NAMES,
    "knowledge": _NAMES,
    "tools": _NAMES,
    "filters": _NAMES,
    "actions": _NAMES,
    "skills": _NAMES,
    "suggestions": {"type": "list", "elements": "raw"},
    "hidden": {"type": "bool"},
    "active": {"type": "bool"},
    "profile_image_url": {"type": "str"},
    "meta": {"type": "dict"},
    "access": access.ACCESS,
    **SRC_OPTIONS,
    "grant_base": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
SETS = ("tags", "knowledge", "tools", "filters", "actions", "skills")
MAX_ID_CHARACTERS = 256


@dataclass(frozen=True)
class ModelSpec:
    """The options of one model; None where the task does not set an option. ``SETS`` are sorted."""

    grant_base: bool = False
    name: Optional[str] = None
    base_model: Optional[str] = None
    description: Optional[str] = None
    system: Optional[str] = None
    params: Optional[Mapping[str, Any]] = None
    capabilities: Optional[Mapping[str, Any]] = None
    tags: Optional[Sequence[str]] = None
    knowledge: Optional[Sequence[str]] = None
    tools: Optional[Sequence[str]] = None
    filters: Optional[Sequence[str]] = None
    actions: Optional[Sequence[str]] = None
    skills: Optional[Sequence[str]] = None
    suggestions: Optional[Sequence[Any]] = None
    hidden: Optional[bool] = None
    active: Optional[bool] = None
    profile_image_url: Optional[str] = None
    meta: Optional[Mapping[str, Any]] = None
    access: Optional[access.Access] = None

    def options(self) -> Dict[str, Any]:
        """Return the options that the task sets, by their names, without ``grant_base``."""
        options = {each.name: getattr(self, each.name) for each in fields(self)[1:]}
        return {name: value for name, value in options.items() if value is not None}


def desired_models(entries: Sequence[Mapping[str, Any]], listed: bool = True) -> List[Desired[ModelSpec]]:
    """Return models as wanted, or raise one Failure with all that is wrong with them."""
    model_id = itemgetter("id")
    return read_entries(
        "model",
        entries,
        listed=listed,
        key=model_id,
        label=model_id,
        problems=_problems,
        desired=_desired,
        fill=partial(with_src, "model"),
    )


def _problems(entry: Mapping[str, Any]) -> Iterator[str]:
    if not entry["id"]:
        yield "id is empty; give the id of the model"
    if entry["state"] == "absent":
        return
    for name, value in entry.items():
        yield from values.problems(value, name)
    if entry["name"] is not None and not entry["name"].strip():
        yield "name is empty; leave it out, and a new model is named by its id"
    if entry["base_model"] == entry["id"]:
        yield "base_model is the model itself; leave it out to override a model of a connection"
    if entry["profile_image_url"] and not is_image(entry["profile_image_url"]):
        yield (
            "profile_image_url is not an address that the server accepts (an http or https address, /user.png, "
            "/favicon.png, /static/favicon.png, empty, or data:image/ png, jpeg, gif or webp in base64)"
        )
    for name in SETS:
        if not all(item and item.strip() for item in entry[name] or ()):
            yield f"{name} has an empty item; take it out"
    for option, own in (("meta", OPTION_OF_META), ("params", OPTION_OF_PARAMS)):
        for key in sorted(own.keys() & (entry[option] or {}).keys()):
            yield f"{option}.{key} has an option of its own; use {own[key]}"
    for number, item in enumerate(entry["suggestions"] or ()):
        yield from _suggestion_problems(item, f"suggestions[{number}]")


def new_id_problems(model_id: str, blanks_taken: bool) -> Iterator[str]:
    """Yield why the server rejects an id for a new model; before 0.11.4 it may hold blanks."""
    if has_blank(model_id) and not blanks_taken:
        yield f"id is {model_id[:80]!r}, but Open WebUI accepts no blanks since 0.11.4; use another id"
    if len(model_id) > MAX_ID_CHARACTERS:
        yield f"id has {len(model_id)} characters, but Open WebUI allows at most {MAX_ID_CHARACTERS}; shorten it"


def has_blank(model_id: str) -> bool:
    """Tell whether an id holds a character that Open WebUI takes for a blank."""
    return any(character.isspace() for character in model_id)


def _suggestion_problems(item: Any, where: str) -> Iterator[str]:
    text = item.get("content") if isinstance(item, Mapping) else item
    if not isinstance(text, str) or not text.strip():
        yield f"{where} has no text; give a text, or a mapping with content and title"
    title = item.get("title") if isinstance(item, Mapping) else None
    if title is not None and not (isinstance(title, list) and all(isinstance(line, str) for line in title)):
        yield f"{where}.title is {title!r}; give a list of two lines"


def _desired(entry: Mapping[str, Any]) -> Desired[ModelSpec]:
    options = {each.name: entry[each.name] for each in fields(ModelSpec) if entry[each.name] is not None}
    for name in SETS:
        if name in options:
            options[name] = sorted({item.strip() if name == "tags" else item for item in options[name]})
    if "suggestions" in options:
        options["suggestions"] = [shown_suggestion(item) for item in options["suggestions"]]
    if "access" in options:
        options["access"] = access.wanted(options["access"])
    return Desired(entry["id"], ModelSpec(**options), entry["state"] == "present")
