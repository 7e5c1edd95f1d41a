# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model was made from: by what is noted of it, else by what the server shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ..gguf import weights
from ..gguf.weights import Weights

# Files that differ only in padding make one model, so a model may have several sources.
MAX_SOURCES = 100

SAME, OTHER, UNKNOWN = "same", "other", "unknown"


@dataclass(frozen=True)
class Source:
    """The digests of the files that a model was made from, sorted.

    ``quantize`` is the level that was asked for, empty for none, and None where an older note does not tell.
    """

    files: Tuple[str, ...]
    quantize: Optional[str] = None


@dataclass(frozen=True)
class Evidence:
    """What is known of a model on the server. ``shown`` is None before its `/api/show` was read."""

    shown: Optional[Weights] = None
    sources: Tuple[Source, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What a model is to be made from; ``shown`` describes the weights, as far as that is known."""

    source: Source
    shown: Optional[Weights] = None

    @property
    def files(self) -> List[str]:
        """The digests of the files."""
        return list(self.source.files)

    @property
    def level(self) -> str:
        """The level that the model will have, or nothing where that is unknown."""
        return self.source.quantize or (self.shown.level if self.shown else "")


def read_sources(note: Mapping[str, Any]) -> Tuple[Source, ...]:
    """Return the sources that a note holds; older ones hold one, without its level."""
    found = [_source(one) for one in _list(note.get("sources"))] or [_source({"files": note.get("made_from")})]
    return tuple(source for source in found if source is not None)


def with_source(note: Mapping[str, Any], source: Source) -> Dict[str, Any]:
    """Return a note with one more source, the latest at the end."""
    others = [known for known in read_sources(note) if known != source]
    kept = [*others, source][-MAX_SOURCES:]
    return {
        **note,
        # Older versions of this collection read this one.
        "made_from": list(source.files),
        "sources": [{"files": list(one.files), "quantize": one.quantize} for one in kept],
    }


def _list(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else ()


def _source(value: Any) -> Optional[Source]:
    files = value.get("files") if isinstance(value, dict) else None
    if not isinstance(files, list) or not all(isinstance(digest, str) for digest in files):
        return None
    quantize = value.get("quantize")
    return Source(tuple(files), quantize if isinstance(quantize, str) else None)


def judge(evidence: Evidence, wanted: Wanted, present_files: Sequence[str]) -> str:
    """Tell whether a model is made from the wanted files: SAME, OTHER, or UNKNOWN until it is made again.

    ``present_files`` are the digests that the server shows, which are those of the files unless it wrote them again.
    """
    if not wanted.source.quantize and sorted(present_files) == sorted(wanted.source.files):
        return SAME
    if any(source.files == wanted.source.files for source in evidence.sources):
        return SAME
    foreseen = any(not digest.startswith("sha256:") for digest in wanted.source.files)
    if evidence.sources or foreseen:
        return OTHER
    if evidence.shown is not None and wanted.shown is not None:
        types = not wanted.source.quantize and weights.same_level(evidence.shown, wanted.shown)
        if weights.differ(evidence.shown, wanted.shown, types=types):
            return OTHER
    return UNKNOWN


def has_level(evidence: Evidence, wanted: Wanted, present_level: str) -> bool:
    """Tell whether a model has the wanted level; what the same request made has it, whatever the server shows."""
    if wanted.source in evidence.sources:
        return True
    if wanted.source.quantize:
        return present_level.upper() == wanted.source.quantize.upper()
    if evidence.shown is None or wanted.shown is None:
        return True
    return weights.same_level(evidence.shown, wanted.shown)
