# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Valid values of settings: the type that the server has now, and only values that it does not drop silently."""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping, Optional, Sequence, Tuple

from ..entries import values
from ..entries.near import near

KINDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "list": "a list",
    "dict": "a mapping",
    "null": "null",
}
# Settings whose current value does not show their type: they may be null, or "" stands for no number.
OPEN_KINDS: Mapping[str, str] = {
    "audio.realtime.input_params": "dict null",
    "audio.realtime.prompt_template": "str null",
    "audio.tts.realtime.prompt_template": "str null",
    "auth.admin.email": "str null",
    "automations.max_count": "int str",
    "automations.min_interval": "int str",
    "chat.context_compaction.token_cap": "int null",
    "file.image_compression_height": "int null",
    "file.image_compression_width": "int null",
    "folders.max_file_count": "int str",
    "oauth.blocked_groups": "str list",
    "oauth.client.timeout": "int str",
    "oauth.code_challenge_method": "str null",
    "oauth.group_default_share": "bool str",
    "oauth.sub_claim": "str null",
    "oauth.timeout": "int str",
    "oauth.token_endpoint_auth_method": "str null",
    "rag.content_extraction.supported_media_mime_types": "list null",
    "rag.file.max_count": "int null",
    "rag.file.max_size": "int null",
    "rag.hybrid_bm25_weight": "float int",
    "rag.mineru_api_timeout": "int str",
    "rag.relevance_threshold": "float int",
    "skills.content_max_chars": "int null",
    "skills.preview_max_chars": "int null",
    "ui.default_models": "str null",
    "ui.default_pinned_models": "str null",
    "ui.prompt_suggestions": "list null",
    "web.fetch.max_content_length": "int null",
    "web.loader.firecrawl_timeout": "int str",
    "web.loader.timeout": "int str",
    "web.search.exa_max_content_length": "int null",
}
CHOICES: Mapping[str, Sequence[str]] = {
    "audio.realtime.auth_type": ("api_key", "microsoft_entra_id"),
    "audio.realtime.provider": ("openai", "azure"),
    "channels.model_response_mode": ("thread", "channel"),
    "ui.default_user_role": ("pending", "user", "admin"),
}
LISTS_OF_MAPPINGS = (
    "evaluation.arena.models",
    "image_generation.comfyui.nodes",
    "images.edit.comfyui.nodes",
    "terminal_server.connections",
    "tool_server.connections",
    "ui.banners",
)
LISTS_OF_TEXTS = ("audio.stt.allowed_extensions", "rag.file.allowed_extensions", "ui.model_order_list")
_DURATION = re.compile(r"(-1|0|-?\d+(\.\d+)?(ms|s|m|h|d|w))")
_MAX_SHOWN = 40


def problems(key: str, current: Any, wanted: Any, secret: bool) -> Iterator[str]:
    """Yield the problems of a setting; the value of a ``secret`` one is not shown."""
    shown = "a value" if secret else _shown(wanted)
    kinds = _kinds(key, current)
    if kinds and _kind(wanted) not in kinds:
        expected = " or ".join(KINDS[kind] for kind in kinds if kind != "null")
        is_one = "" if wanted is None or isinstance(wanted, bool) else f", {KINDS[_kind(wanted)]}"
        what = KINDS[_kind(wanted)] if shown == "a value" else f"{shown}{is_one}"
        yield f"{key} is {what}, but the server expects {expected}"
        return
    yield from values.problems(wanted, key)
    if isinstance(wanted, str):
        yield from _text_problems(key, wanted, shown, "int" in (kinds or ()))
    elif isinstance(wanted, list):
        yield from _list_problems(key, current, wanted)
    elif isinstance(wanted, Mapping) and key == "user.permissions":
        yield from _closed_problems(key, current, wanted)
    elif isinstance(wanted, Mapping) and key == "ui.visibility":
        yield from (
            f"{key}.{name} is {_shown(item)}; set it to true or false"
            for name, item in wanted.items()
            if not _flag(item)
        )
    elif key.startswith("skills.") and key.endswith("_max_chars") and isinstance(wanted, int) and wanted < 1:
        yield f"{key} is {wanted}; set a number above 0, or null for no limit"


def _text_problems(key: str, wanted: str, shown: str, number: bool) -> Iterator[str]:
    choices = CHOICES.get(key)
    if choices and wanted not in choices:
        yield f"{key} is {shown}; it must be one of {', '.join(choices)}"
    if key == "auth.jwt_expiry" and not _DURATION.fullmatch(wanted):
        yield f"{key} is {shown}; set -1, 0, or a number with ms, s, m, h, d or w, like 4w"
    if number and wanted and not wanted.isdigit():
        yield f"{key} is {shown}; set a number, or an empty text for none"


def _list_problems(key: str, current: Any, wanted: Sequence[Any]) -> Iterator[str]:
    texts = key in LISTS_OF_TEXTS or bool(current and all(isinstance(item, str) for item in current))
    if texts and not all(isinstance(item, str) for item in wanted):
        yield f"{key} has an entry that is not a text; use only texts"
    if key in LISTS_OF_MAPPINGS and not all(isinstance(item, Mapping) for item in wanted):
        yield f"{key} has an entry that is not a mapping; use only mappings"


def _closed_problems(where: str, current: Any, wanted: Mapping[str, Any]) -> Iterator[str]:
    """Yield names that the server does not have in a mapping with fixed names, and values of another type."""
    known = current if isinstance(current, Mapping) else {}
    for name, item in wanted.items():
        if not known or item is None:
            continue
        if name not in known:
            similar = near(str(name), map(str, known))
            hint = f"did you mean {', '.join(similar)}?" if similar else f"it has: {', '.join(sorted(map(str, known)))}"
            yield f"{where}.{name} is not a permission of this server ({hint})"
        elif isinstance(known[name], Mapping) and isinstance(item, Mapping):
            yield from _closed_problems(f"{where}.{name}", known[name], item)
        elif _kind(known[name]) != _kind(item):
            yield f"{where}.{name} is {_shown(item)}; set {KINDS[_kind(known[name])]}"


def _kinds(key: str, current: Any) -> Optional[Tuple[str, ...]]:
    """Return the types that a setting may have; None if any is allowed."""
    found = tuple(OPEN_KINDS.get(key, "").split())
    if found:
        return found if current is None or _kind(current) in found else (*found, _kind(current))
    if current is None:
        return None
    return ("float", "int") if isinstance(current, float) else (_kind(current),)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    for kind, types in (("bool", bool), ("int", int), ("float", float), ("str", str), ("dict", Mapping)):
        if isinstance(value, types):
            return kind
    return "list"


def _flag(item: Any) -> bool:
    return item is None or isinstance(item, bool)


def _shown(value: Any) -> str:
    if not isinstance(value, (str, bool, int, float)):
        return "a value" if value is not None else "null"
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
