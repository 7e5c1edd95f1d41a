# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model's record on the server, as a state to compare and back as a body to send."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Optional

from .images import shown_image
from .values import merged

Record = Mapping[str, Any]

# What has an option of its own would be said twice, and nobody could tell which of the two holds.
OPTION_OF_META = {
    "description": "description",
    "capabilities": "capabilities",
    "tags": "tags",
    "knowledge": "knowledge",
    "toolIds": "tools",
    "filterIds": "filters",
    "actionIds": "actions",
    "skillIds": "skills",
    "suggestion_prompts": "suggestions",
    "hidden": "hidden",
    "profile_image_url": "profile_image_url",
}
OPTION_OF_PARAMS = {"system": "system"}

IDS = {"tools": "toolIds", "filters": "filterIds", "actions": "actionIds", "skills": "skillIds"}
# An update keeps these where they are left out (0.12), so their removal must be said.
KEPT_META = ("profile_image_url", "background_image_url", "voice_avatar")
KEPT_PARAMS: Dict[str, Any] = {"model_controls": {}}
# Made of the system prompt whenever the server shows a model.
DERIVED = ("chat_variables_schema",)


def state_of(record: Record, names: Optional[Mapping[str, str]] = None) -> Dict[str, Any]:
    """Return a model as results show it; ``names`` are those of all knowledge bases by id, where they are known."""
    meta, params = record.get("meta") or {}, record.get("params") or {}
    suggestions = meta.get("suggestion_prompts")
    return {
        "id": record["id"],
        "name": record["name"],
        "base_model": record.get("base_model_id") or "",
        "description": meta.get("description") or "",
        "system": params.get("system") or "",
        "params": _rest(params, OPTION_OF_PARAMS),
        "capabilities": meta.get("capabilities") or {},
        "tags": sorted({_tag(item) for item in meta.get("tags") or ()}),
        "knowledge": sorted(_base_name(item, names) for item in bases_of(meta)),
        **{option: sorted(meta.get(key) or ()) for option, key in IDS.items()},
        "suggestions": None if suggestions is None else [shown_suggestion(item) for item in suggestions],
        "hidden": bool(meta.get("hidden")),
        "active": bool(record.get("is_active", True)),
        "profile_image_url": shown_image(meta.get("profile_image_url") or ""),
        "meta": _rest(meta, (*OPTION_OF_META, *DERIVED)),
    }


def body_of(
    record: Optional[Record], model_id: str, said: Mapping[str, Any], bases: Iterable[Record]
) -> Dict[str, Any]:
    """Return the body that makes a model of what was said of it; without a ``record`` a new one.

    The server replaces ``meta`` and ``params`` whole, so all that was not spoken of is in it.
    ``bases`` are the knowledge bases that are meant.
    """
    before: Record = record or {}
    meta, params = dict(before.get("meta") or {}), dict(before.get("params") or {})
    if "system" in said:
        _put(params, "system", said["system"])
    params = merged(params, said.get("params")) if "params" in said else params
    meta = merged(meta, said.get("meta")) if "meta" in said else meta
    _say_meta(meta, said, bases)
    for key in KEPT_META:
        if key in (before.get("meta") or {}):
            meta.setdefault(key, None)
    for key, empty in KEPT_PARAMS.items():
        if key in (before.get("params") or {}):
            params.setdefault(key, empty)
    return {
        "id": model_id,
        "name": said.get("name", before.get("name", model_id)),
        "base_model_id": said.get("base_model", before.get("base_model_id")) or None,
        "meta": {key: value for key, value in meta.items() if key not in DERIVED},
        "params": params,
        # Versions before 0.12 would switch it on where it is left out.
        "is_active": said.get("active", before.get("is_active", True)),
    }


def shown_suggestion(item: Any) -> Any:
    """Return a suggestion in its shortest form: a text, or a mapping where it has a title or more."""
    if not isinstance(item, Mapping):
        return item
    kept = {key: value for key, value in item.items() if value is not None}
    if not any(kept.get("title") or ()):
        kept.pop("title", None)
    return kept["content"] if set(kept) == {"content"} else kept


def bases_of(meta: Record) -> List[Record]:
    """Return the knowledge bases of a model; it may have single files and notes beside them."""
    return [item for item in meta.get("knowledge") or () if _is_base(item)]


def _say_meta(meta: Dict[str, Any], said: Mapping[str, Any], bases: Iterable[Record]) -> None:
    for option in ("description", "hidden"):
        if option in said:
            _put(meta, option, said[option])
    if "profile_image_url" in said:
        # Left out, versions before 0.12 would put a picture of their own there.
        meta["profile_image_url"] = said["profile_image_url"] or None
    if "capabilities" in said:
        meta["capabilities"] = merged(meta.get("capabilities"), said["capabilities"])
    if "tags" in said:
        meta["tags"] = [{"name": name} for name in said["tags"]]
    if "suggestions" in said:
        meta["suggestion_prompts"] = [
            dict(item) if isinstance(item, Mapping) else {"content": item} for item in said["suggestions"]
        ]
    for option, key in IDS.items():
        if option in said:
            _put(meta, key, said[option])
    if "knowledge" in said:
        known = {item["id"]: item for item in bases_of(meta)}
        other = [item for item in meta.get("knowledge") or () if not _is_base(item)]
        _put(meta, "knowledge", other + [known.get(base["id"], _base(base)) for base in bases])


def _put(values: Dict[str, Any], key: str, value: Any) -> None:
    # Some lists of meta must be absent rather than null: the server would fail at its list of models.
    if value:
        values[key] = value
    else:
        values.pop(key, None)


def _rest(values: Record, own: Iterable[str]) -> Dict[str, Any]:
    return {key: value for key, value in values.items() if key not in own and value is not None}


def _tag(item: Any) -> str:
    return str(item.get("name", "") if isinstance(item, Mapping) else item).strip()


def _is_base(item: Any) -> bool:
    return isinstance(item, Mapping) and item.get("type") == "collection" and bool(item.get("id"))


def _base_name(item: Record, names: Optional[Mapping[str, str]]) -> str:
    # A base that is gone may have been made anew by the same name.
    return str(item.get("name") or item["id"] if names is None else names.get(item["id"], item["id"]))


def _base(record: Record) -> Dict[str, Any]:
    return {"type": "collection", **{key: record.get(key) for key in ("id", "name", "description")}}
