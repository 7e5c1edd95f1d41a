# Copyright (c) 2026, selfhosted.llm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a directory with the hashes of their contents."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import BinaryIO, Iterator, List, Sequence, Tuple

from .directory import Outside, Place

PIECE = 256 * 1024


@dataclass(frozen=True)
class Source:
    """A file of the directory; ``path`` is below it, with slashes.

    ``text`` is the hash of the file as the server reads it, with line ends of one kind: it refuses the same twice.
    """

    path: str
    place: Place
    size: int
    sha256: str
    text: str
    mime: str

    def open(self) -> BinaryIO:
        """Open the file, or raise an OSError; no other file can have been put behind its path or above it."""
        return self.place.open(self.path)


@dataclass(frozen=True)
class Tree:
    """The files of a directory, its problems, and the files that are skipped."""

    sources: Tuple[Source, ...]
    problems: Tuple[str, ...]
    skipped: Tuple[Tuple[str, str], ...]


def scan(src: str, patterns: Sequence[str], excludes: Sequence[str], recurse: bool) -> Tree:
    """Read a directory and each matching file once; never follow a link out of it."""
    sources: List[Source] = []
    problems: List[str] = []
    skipped: List[Tuple[str, str]] = []
    try:
        place = Place(src)
    except OSError as error:
        problems.append(f"src is {src!r}, which is no directory on the managed host ({error.strerror}); give one")
        return Tree((), tuple(problems), ())
    for path in sorted(_paths(place, recurse, problems)):
        if not _wanted(path, patterns, excludes):
            continue
        problem = _unfit(path)
        if problem:
            problems.append(problem)
            continue
        _take(place, path, sources, problems, skipped)
    return Tree(tuple(sources), tuple(problems), tuple(skipped))


def _paths(place: Place, recurse: bool, problems: List[str]) -> Iterator[str]:
    def note(error: OSError) -> None:
        problems.append(f"the directory {error.filename!r} cannot be read ({error.strerror})")

    for folder, _dummy, names, _descriptor in os.fwalk(".", dir_fd=place.descriptor, onerror=note):
        for name in names:
            yield os.path.normpath(os.path.join(folder, name)).replace(os.sep, "/")
        if not recurse:
            return


def _wanted(path: str, patterns: Sequence[str], excludes: Sequence[str]) -> bool:
    parts = path.split("/")
    if patterns and not any(fnmatch(parts[-1], pattern) for pattern in patterns):
        return False
    above = ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
    return not any(fnmatch(each, pattern) for pattern in excludes for each in (*parts, *above))


def _unfit(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        return f"the name of the file {path!a} is not UTF-8; rename the file, or name it in excludes"
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        return (
            f"the name of the file {path!a} has a line end or another control character, which no upload carries; "
            f"rename the file, or name it in excludes"
        )
    return ""


def _take(place: Place, path: str, sources: List[Source], problems: List[str], skipped: List[Tuple[str, str]]) -> None:
    try:
        with place.open(path) as stream:
            found = os.fstat(stream.fileno())
            if found.st_size == 0:
                skipped.append((path, "it is empty, and the server takes no empty file"))
            else:
                sources.append(_read(place, path, stream))
    except Outside as outside:
        skipped.append((path, str(outside)))
    except OSError as error:
        problems.append(
            f"the file {path!r} cannot be read ({error.strerror}); make it readable, or name it in excludes"
        )


def _read(place: Place, path: str, stream: BinaryIO) -> Source:
    raw, text, size, binary, held = hashlib.sha256(), hashlib.sha256(), 0, False, b""
    for fresh in iter(lambda: stream.read(PIECE), b""):
        raw.update(fresh)
        binary = binary or b"\0" in fresh
        size += len(fresh)
        piece = held + fresh
        # A carriage return at the end waits for its line feed.
        held = b"\r" if piece.endswith(b"\r") else b""
        piece = piece[:-1] if held else piece
        text.update(piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
    text.update(b"\n" if held else b"")
    sha256 = raw.hexdigest()
    return Source(path, place, size, sha256, sha256 if binary else text.hexdigest(), "" if binary else "text/plain")
