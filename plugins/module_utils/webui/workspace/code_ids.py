# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ids of tools, functions and skills: what a new one may be, and which object an id refers to.

The server stores a new id in lower case and checks its form. What an import or an older version stored keeps its id.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

from ...engine.converge import Desired, Step
from .code_spec import CodeSpec

MAX_ID_BYTES = 255
"""The server creates a directory with this name, and does so after it stored the object."""
SKILL_FORM = "the letters a to z, digits, - and _"
CODE_FORM = "letters, digits and underscores, and no digit in front"
NOT_IN_A_PATH = (".", "..")

Record = Mapping[str, Any]


def new_id_problems(noun: str, new_id: str) -> Iterator[str]:
    """Yield why the server rejects an id for a new object."""
    skill = noun == "skill"
    fits = re.fullmatch("[a-z0-9_-]+", new_id) if skill else new_id.isidentifier()
    if new_id and not fits:
        form = SKILL_FORM if skill else CODE_FORM
        yield f"id is {new_id[:80]!r}, and the id of a new {noun} may hold {form}; give another id"
    if len(new_id.encode("utf-8", "replace")) > MAX_ID_BYTES:
        yield f"id has more than {MAX_ID_BYTES} bytes; shorten it"


def by_key(
    rows: Sequence[Record], all_desired: Sequence[Desired[CodeSpec]], known: Dict[str, str]
) -> Dict[str, Record]:
    """Return objects by id in lower case, and by ``id:`` with their own id those that share one with another.

    Of several, a desired one means that with its id as written. ``known`` keeps that between the reads of one run.
    """
    found: Dict[str, List[Record]] = {}
    for row in rows:
        found.setdefault(str(row["id"]).lower(), []).append(row)
    written = {desired.name: desired.spec.written_id or desired.name for desired in all_desired}
    records: Dict[str, Record] = {}
    for key, same in found.items():
        own = known.get(key, written.get(key, key))
        chosen = next((row for row in same if row["id"] == own), None)
        if len(same) == 1 and key not in known:
            chosen = same[0]
        if chosen and key in written:
            known[key] = str(chosen["id"])
        records.update({f"id:{row['id']}": row for row in same if row is not chosen})
        records.update({key: chosen} if chosen else {})
    return records


def ambiguous(desired: Desired[CodeSpec], records: Mapping[str, Record], known: Mapping[str, str]) -> List[str]:
    """Return a sentence if an id means none of several objects whose ids differ only in case."""
    same = sorted(str(row["id"]) for row in records.values() if str(row["id"]).lower() == desired.name)
    if desired.name in records or desired.name in known or not same:
        return []
    return [f"the server has {' and '.join(same)}; write the id exactly as one of them"]


def unaddressable(noun: str, step: Step[Any]) -> Optional[str]:
    """Return why the API cannot change an existing object: its id is a part of the path of each call."""
    before = step.before or {}
    stored = str(before.get("id", ""))
    if step.action == "create" or ("/" not in stored and stored not in NOT_IN_A_PATH):
        return None
    verb = "deleted" if step.action == "delete" else "updated"
    return (
        f"The {noun} {stored} cannot be {verb}: Open WebUI has no API path for an id that is '.', '..' or holds a "
        f"slash. Remove it in the server's database, or leave it alone."
    )
