# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of `src`: text, or what Open WebUI's page exports.

The page of every version since 0.6 writes a JSON list of records, of one object as well (`tool-ID-export-TIME.json`,
`tools-export-TIME.json`), and its import takes records of the community's page, which lie in a wrapper.
"""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence

from ...engine.errors import Failure
from .model_record import state_of

Record = Mapping[str, Any]
Entry = Dict[str, Any]

KEYS = {"tool": "id", "function": "id", "skill": "id", "prompt": "command", "model": "id"}
"""The option that an object of a kind is known by."""
WRAPPERS = {"tool": "tool", "function": "function", "skill": "skill", "prompt": "prompt", "model": "info"}
MAIN_FILE = "SKILL.md"
MAX_LISTED = 10
_TOOL_CODE = re.compile(r"^class Tools\b", re.MULTILINE)
_FUNCTION_CODE = re.compile(r"^class (Pipe|Filter|Action|Event)\b", re.MULTILINE)


def filled(noun: str, entry: Mapping[str, Any], text: str, src: str) -> Entry:
    """Return the options of one object with those that a file gives; what the task gives itself stays.

    Raises Failure with a sentence if the file cannot be the object's source.
    """
    rest = {name: value for name, value in entry.items() if name != "src"}
    records = _records(noun, text, src)
    if records is None:
        return {**rest, "content": text}
    return _over(_entry(noun, _chosen(noun, records, str(entry.get(KEYS[noun]) or ""), src), src), rest)


def listed(noun: str, entries: Sequence[Mapping[str, Any]], text: str, src: str) -> List[Entry]:
    """Return all objects of an exported file, and ``entries``, whose options win over those of the file."""
    records = _records(noun, text, src)
    if records is None:
        raise Failure(f"src is {src!r}, which is not a JSON file; give a file that Open WebUI exports for {noun}s.")
    if not records:
        raise Failure(f"src is {src!r}, which holds no {noun}; export the {noun}s again, or leave src out.")
    found: Dict[str, Entry] = {}
    for record in records:
        made = _entry(noun, record, src)
        if _same(made[KEYS[noun]]) in found:
            raise Failure(f"src is {src!r}, which holds the {noun} {made[KEYS[noun]]} twice; remove one of the two.")
        found[_same(made[KEYS[noun]])] = made
    for entry in entries:
        key = _same(entry.get(KEYS[noun]))
        found[key] = _over(found.get(key, {}), entry)
    return list(found.values())


def _over(under: Mapping[str, Any], given: Mapping[str, Any]) -> Entry:
    return {**given, **under, **{name: value for name, value in given.items() if value is not None}}


def _same(key: Any) -> str:
    return str(key).lower().removeprefix("/")


def _records(noun: str, text: str, src: str) -> Optional[List[Record]]:
    """Return the records of an exported file, and None if the file is text of its own."""
    begins = text.lstrip("\ufeff \t\r\n")[:1]
    data = None
    if begins in ("[", "{"):
        try:
            data = json.loads(text.lstrip("\ufeff"))
        except (ValueError, RecursionError) as error:
            if src.lower().endswith(".json") or noun == "model":
                raise Failure(f"src is {src!r}, which is not valid JSON ({error}); export it again.") from None
    if data is None and (noun == "model" or src.lower().endswith(".json")):
        raise Failure(f"src is {src!r}, which is not a file that Open WebUI exports for {noun}s; export it again.")
    if data is None:
        return None
    rows = [_unwrapped(row) for row in (data if isinstance(data, list) else [data])]
    # A text may be JSON itself; code is not.
    if noun in ("skill", "prompt") and not src.lower().endswith(".json") and not any(map(_kind, rows)):
        return None
    return [_checked(noun, row, src) for row in rows]


def _unwrapped(row: Any) -> Any:
    for inner in WRAPPERS.values():
        if isinstance(row, dict) and isinstance(row.get(inner), dict) and "content" not in row:
            return row[inner]
    return row


def _kind(row: Any) -> str:
    """Return what a record is of; empty if it is nothing that Open WebUI exports for the workspace."""
    if not isinstance(row, dict):
        return ""
    content = row.get("content")
    if isinstance(row.get("command"), str) and isinstance(content, str):
        return "prompt"
    if not isinstance(row.get("id"), str):
        return ""
    if "base_model_id" in row or isinstance(row.get("params"), dict):
        return "model"
    if isinstance(content, str):
        if row.get("type") in ("pipe", "filter", "action", "event") or _FUNCTION_CODE.search(content):
            return "function"
        if "specs" in row or _TOOL_CODE.search(content):
            return "tool"
    return "skill" if isinstance(content, str) or isinstance(row.get("files"), list) else ""


def _checked(noun: str, row: Any, src: str) -> Record:
    kind = _kind(row)
    if kind == noun:
        return dict(row)
    if kind:
        raise Failure(
            f"src is {src!r}, which holds the {kind} {row[KEYS[kind]]}, not a {noun}; give the file to webui_{kind} or "
            f"webui_{kind}s."
        )
    raise Failure(
        f"src is {src!r}, which holds something else than {noun}s; give a file that Open WebUI exports for them."
    )


def _chosen(noun: str, records: Sequence[Record], key: str, src: str) -> Record:
    name = KEYS[noun]
    same = [record for record in records if _same(record[name]) == _same(key)]
    if len(same) == 1 or len(records) == 1:
        return (same or records)[0]
    if not records:
        raise Failure(f"src is {src!r}, which holds no {noun}; export the {noun} again.")
    raise Failure(
        f"src is {src!r}, which holds {len(records)} {noun}s ({_names(record[name] for record in records)}), and "
        f"{len(same) or 'none'} with the {name} {key!r}; give the {name} of one of them, or give the file as src of "
        f"webui_{noun}s."
    )


def _names(names: Iterable[Any]) -> str:
    every = sorted(str(name).removeprefix("/") for name in names)
    return ", ".join(every[:MAX_LISTED]) + (", ..." if len(every) > MAX_LISTED else "")


def _entry(noun: str, record: Record, src: str) -> Entry:
    """Return a record as options of its module. Access, valves, switches and ids of accounts stay behind."""
    if noun == "model":
        found = {name: value for name, value in state_of(record).items() if value not in (None, "", [], {})}
        return {**found, "hidden": bool(found.get("hidden")), "active": found.get("active") is not False}
    if noun == "prompt":
        tags = record.get("tags")
        found = {
            "command": record["command"].removeprefix("/"),
            "name": record.get("name") or record.get("title"),
            "content": record["content"],
            "tags": [_tag(tag) for tag in tags] if isinstance(tags, list) else None,
        }
    else:
        meta = record.get("meta") if isinstance(record.get("meta"), dict) else {}
        found = {
            "id": record["id"],
            "name": record.get("name"),
            "content": _skill_text(record, src) if noun == "skill" else record["content"],
            "description": record.get("description") or (meta or {}).get("description"),
        }
    return {name: value for name, value in found.items() if value not in (None, "", [])}


def _tag(tag: Any) -> str:
    return str(tag.get("name", "") if isinstance(tag, dict) else tag)


def _skill_text(record: Record, src: str) -> str:
    files = {str(each.get("path")): each.get("content") for each in record.get("files") or () if isinstance(each, dict)}
    other = sorted(files.keys() - {MAIN_FILE})
    if other:
        raise Failure(
            f"src is {src!r}, whose skill {record['id']} has further files ({', '.join(other)}), which this module "
            f"does not write; import the file on Open WebUI's page."
        )
    return str(record.get("content") or files.get(MAIN_FILE) or "")
